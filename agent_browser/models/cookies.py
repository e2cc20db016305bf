"""Cookies of a session: inputs and outputs of `cookies`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from agent_browser.models import cookiefile
from agent_browser.models.base import Input, Output, Unfit
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.state import Cookie

CookiesAction = Literal["list", "set", "delete", "clear"]
Word = Annotated[str, Field(min_length=1, max_length=4_096)]

_FILTERS = ("url", "name", "domain", "path")


class CookiesInput(Input):
    """List, set and delete the session's cookies, those that are hidden from scripts too."""

    action: CookiesAction | None = Field(
        default=None, description="set where `cookies` or `text` are given, else list, if absent."
    )
    cookies: Annotated[list[Cookie], Field(max_length=cookiefile.MAX_COOKIES)] | None = Field(
        default=None, repr=False, description="set: in Playwright's form; partitioned ones too."
    )
    text: Annotated[str, Field(max_length=cookiefile.MAX_TEXT)] | None = Field(
        default=None, repr=False, description="set: a cookies.txt, as curl writes them."
    )
    url: Annotated[str, Field(max_length=8_192, pattern=r"^https?://[^\s/?#]")] | None = Field(
        default=None, description="list: only those that are sent there."
    )
    name: Word | None = Field(default=None, description="list, delete: only of this name.")
    domain: Word | None = Field(
        default=None,
        description="list, delete: only of this domain, as listed; .example.com and example.com "
        "differ.",
    )
    path: Word | None = Field(default=None, description="list, delete: only of this path.")

    @field_validator("text")
    @classmethod
    def _is_a_file(cls, text: str | None) -> str | None:
        if text is not None:
            cookiefile.parse(text)
        return text

    @model_validator(mode="after")
    def _goes_together(self) -> "CookiesInput":
        action = self.wanted
        filters = [name for name in _FILTERS if getattr(self, name) is not None]
        if action == "set":
            if (self.cookies is None) == (self.text is None):
                raise Unfit("set takes 'cookies' or 'text'", "cookies")
            if filters:
                raise Unfit(f"'{filters[0]}' is not for set", filters[0])
        elif self.cookies is not None or self.text is not None:
            raise Unfit(f"'cookies' and 'text' are for set, not for {action}", "action")
        if action == "delete" and (not filters or "url" in filters):
            raise Unfit("delete takes 'name', 'domain' or 'path'; clear deletes all", "name")
        if action == "clear" and filters:
            raise Unfit(f"clear deletes all; '{filters[0]}' is for list and delete", filters[0])
        return self

    @property
    def wanted(self) -> CookiesAction:
        """The action, said or meant."""
        if self.action is not None:
            return self.action
        return "list" if self.cookies is None and self.text is None else "set"

    @property
    def given(self) -> list[Cookie]:
        """The cookies to set, of either form."""
        return self.cookies if self.cookies is not None else cookiefile.parse(self.text or "")


class CookieState(Output):
    """A cookie, in Playwright's form."""

    name: str
    value: str = Field(repr=False)
    domain: str
    """With a dot before it where subdomains have it too."""
    path: str
    expires: float
    """Unix time in seconds; -1: with the session."""
    httpOnly: bool
    secure: bool
    sameSite: Literal["Strict", "Lax", "None"] | None = None
    partitionKey: str | None = None
    """The site below which alone it is there, of a partitioned one."""


class RefusedCookie(Output):
    """A cookie that the browser does not take: its name, value and attributes don't go together."""

    name: str
    domain: str


class CookiesOutput(FunctionOutput):
    """The cookies that fit; of set, delete and clear how many changed."""

    cookies: list[CookieState] = []
    total: int = 0
    """How many the session has now."""
    changed: int = 0
    """set, delete, clear: how many were set or went."""
    refused: list[RefusedCookie] = []
    """set: those that were not taken; where that is all of them, it is an error."""


def told(cookie: dict[str, Any]) -> CookieState:
    """A cookie as Playwright gives it."""
    return CookieState.model_validate(cookie)
