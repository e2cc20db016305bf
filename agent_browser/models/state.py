"""Cookies and storage in Playwright's storage_state format, with the names that it has there."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from agent_browser.models.base import Input, Items, Unfit
from agent_browser.models.conditions import Origin

DEEPEST = 100
"""Values in one another, in a value of a page's."""
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


def _as_it_is(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, str) else handler(value)


Utf16 = Annotated[str, WrapValidator(_as_it_is)]
"""A text of JavaScript's, which may have half a surrogate pair in it."""


def _bounded(containers: int) -> BeforeValidator:
    """No more lists and objects in one another than that: far fewer than Python, pydantic and
    browsers can go down.
    """

    def check(value: Any) -> Any:
        level = [value]
        for _ in range(containers):
            level = [inner for one in level for inner in _held(one)]
            if not level:
                return value
        if any(isinstance(one, dict | list | tuple) for one in level):
            raise ValueError("lists and objects lie too deep in one another")
        return value

    return BeforeValidator(check)


def _held(value: Any) -> Iterable[Any]:
    """What is in a list or an object."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


Plain = Annotated[Any, _bounded(DEEPEST)]
"""A value as JSON has it."""
Encoded = Annotated[Any, _bounded(3 * DEEPEST + 2)]
"""A value in the encoded form, in which one that holds others takes up to three of JSON's, and one
that holds none up to two."""


class Cookie(Input):
    """A cookie: for a `url`, or for a `domain` and a `path`."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    value: str
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]")
    domain: Annotated[str, Field(min_length=1)] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    expires: float | None = Field(
        default=None, le=_LATEST, description="Unix time in seconds; -1: with the session."
    )
    httpOnly: bool | None = None
    secure: bool | None = None
    sameSite: Literal["Strict", "Lax", "None"] | None = None
    partitionKey: str | None = None
    has_cross_site_ancestor: bool | None = Field(default=None, alias="_crHasCrossSiteAncestor")

    @model_validator(mode="after")
    def _is_somebodys(self) -> "Cookie":
        if self.url is not None and (self.domain is not None or self.path is not None):
            raise Unfit("a cookie is for a url, or for a domain and a path", "url")
        if self.url is None and self.domain is None:
            raise Unfit("a cookie is for a url, or for a domain and a path", "domain")
        if self.url is None and self.path is None:
            raise Unfit("a cookie is for a url, or for a domain and a path", "path")
        if self.expires is not None and self.expires < 0 and self.expires != -1:
            raise Unfit("-1, or Unix time in seconds", "expires")
        return self


class NameValue(Input):
    """An entry of localStorage."""

    name: Utf16
    value: Utf16


class DatabaseRecord(Input):
    """A record; what JSON can't hold is in the encoded form."""

    key: Plain = None
    keyEncoded: Encoded = None
    value: Plain = None
    valueEncoded: Encoded = None

    @model_serializer
    def _what_it_has(self) -> dict[str, Any]:
        """A null that was given is a value; one that was not is none."""
        given = self.model_fields_set
        return {name: getattr(self, name) for name in type(self).model_fields if name in given}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What is sent has the same form as what is taken."""
        plain = {name: part for name, part in schema.items() if name != "serialization"}
        return handler(cast("CoreSchema", plain))


class DatabaseIndex(Input):
    """An index of an object store."""

    name: str
    keyPath: str | None = None
    keyPathArray: Items[str] | None = None
    multiEntry: bool
    unique: bool


class DatabaseStore(Input):
    """An object store."""

    name: str
    autoIncrement: bool
    keyPath: str | None = None
    keyPathArray: Items[str] | None = None
    records: Items[DatabaseRecord]
    indexes: Items[DatabaseIndex]


class Database(Input):
    """A database of IndexedDB."""

    name: str
    version: int
    stores: Items[DatabaseStore]


class StoredPath(Input):
    """A file or a folder of the origin's private file system."""

    path: str
    type: Literal["file", "directory"]
    base64: str | None = None


class OriginState(Input):
    """What an origin has stored."""

    origin: Origin
    localStorage: Items[NameValue] = []
    indexedDB: Items[Database] | None = None
    opfs: Items[StoredPath] | None = None


class StorageState(Input):
    """Cookies and storage, as Playwright's `storage_state` gives them."""

    cookies: Items[Cookie] = []
    origins: Items[OriginState] = []
    credentials: Items[dict[str, Plain]] | None = None
    """Passkeys."""


class HistoryEntry(Input):
    """A place that a tab was at."""

    url: str
    title: str = ""


class History(Input):
    """Where a tab can go back and forward to."""

    index: int = Field(default=0, ge=0)
    """Which of the entries it is at."""
    entries: Items[HistoryEntry] = []


class SessionStorage(Input):
    """What an origin has stored in a tab."""

    origin: Origin
    entries: Items[NameValue] = []


class Scroll(Input):
    """How far a document is scrolled, in CSS pixels."""

    x: float = 0
    y: float = 0


class FormField(Input):
    """What was put into a field and not yet sent."""

    path: str
    """A CSS selector, which finds it if the page is made as it was."""
    kind: Literal["value", "checked", "selected", "html"]
    value: Plain = None
    frame: Items[int] = []
    """Which frame of the page, by its place in each."""
    origin: str = ""
    """Of the document that it was in; empty: the page's own, if it was in no frame."""


class TabState(Input):
    """A tab of a session."""

    id: str = Field(pattern=r"^t[1-9][0-9]{0,7}$")
    url: str
    title: str = ""
    opener: str | None = None
    history: History = History()
    sessionStorage: Items[SessionStorage] = []
    scroll: Scroll = Scroll()
    fields: Items[FormField] = []
    state: Encoded = None
    """The entry's `history.state`, encoded as values of IndexedDB are."""


class StateDocument(StorageState):
    """All that a session is: Playwright's storage_state, and tabs beside it."""

    version: Literal[1] = 1
    tabs: Items[TabState] = []
    active: str | None = None
    """The tab that calls act on."""
