"""Rules for requests: inputs and outputs of `route`."""

import base64
import binascii
import json
import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from agent_browser.models.base import Input, Output, Unfit
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.globs import Glob
from agent_browser.models.network import METHOD, ResourceType, as_list

RuleAction = Literal["block", "fulfil", "headers", "redirect", "delay"]
MAX_RULES = 100
MAX_RULES_BYTES = 16 * 2**20
"""Bytes that the answers of a session's rules may have together."""
_TYPE = re.compile(r"^[\w.+-]+/[\w.+-]+(?:\s*;[\x20-\x7e]*)?$", re.ASCII)
_HEADER_NAME = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$")
_BROWSERS = frozenset({
    "accept-charset", "accept-encoding", "access-control-request-headers",
    "access-control-request-method", "connection", "content-length", "cookie", "cookie2", "date",
    "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer",
    "transfer-encoding", "upgrade", "via",
})  # fmt: skip
"""Headers of requests that the browser sets after everybody else, and those that begin so."""
_BROWSERS_BEGIN = ("sec-", "proxy-")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
HeaderMap = Annotated[dict[str, Annotated[str, Field(max_length=16_384)]], Field(max_length=64)]


class Rule(Input):
    """What is done with the requests that fit. The first rule that fits counts."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    url: Annotated[str, Field(min_length=1, max_length=2_048)] = Field(
        default="**",
        description="A glob of the whole address: * is anything but a slash, ** anything, {a,b} "
        "one of these.",
    )
    resource_types: Annotated[list[ResourceType], Field(min_length=1, max_length=16)] | None = None
    methods: Annotated[list[str], Field(min_length=1, max_length=16)] | None = None
    action: RuleAction
    status: int | None = Field(default=None, ge=200, le=599, description="fulfil: 200 if absent.")
    headers: HeaderMap | None = Field(
        default=None, description="fulfil: of the answer. headers: put into the request."
    )
    remove_headers: Annotated[list[str], Field(max_length=64)] | None = Field(
        default=None, description="headers: taken from the request."
    )
    body: Annotated[str, Field(max_length=4_000_000)] | None = Field(
        default=None, description="fulfil: text."
    )
    json_body: Any = Field(default=None, alias="json", description="fulfil: a value, as JSON.")
    base64: Annotated[str, Field(max_length=6_000_000)] | None = Field(
        default=None, repr=False, description="fulfil: bytes."
    )
    content_type: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="fulfil: by the body (JSON, a page, a picture), else by what asks, if absent.",
    )
    to: Annotated[str, Field(min_length=1, max_length=8_192)] | None = Field(
        default=None, description="redirect: an http(s) address."
    )
    delay_ms: int = Field(default=0, ge=0, le=60_000, description="Wait so long first.")
    times: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="So often at most; then as if it weren't there.",
    )

    _types = field_validator("resource_types", "methods", mode="before")(as_list)

    @field_validator("url")
    @classmethod
    def _is_glob(cls, pattern: str) -> str:
        Glob(pattern)
        if not re.match(r"^(?:\*|\{|(?:https?|wss?)(?::|\*|\{))", pattern, re.IGNORECASE):
            raise ValueError(
                f"a glob is of the whole address: begin with ** or https://, as in '**{pattern}**'"
            )
        return pattern

    @field_validator("methods")
    @classmethod
    def _are_methods(cls, given: list[str] | None) -> list[str] | None:
        for method in given or []:
            if not METHOD.match(method):
                raise ValueError(f"{method[:32]!r} is not a method, such as GET")
        return None if given is None else [method.upper() for method in given]

    @field_validator("headers", "remove_headers")
    @classmethod
    def _are_headers(cls, given: Any) -> Any:
        for name in given or []:
            if not _HEADER_NAME.match(name):
                raise ValueError(f"{name[:64]!r} is not the name of a header")
        for value in given.values() if isinstance(given, dict) else []:
            if _CONTROL.search(value):
                raise ValueError("a header's value has no control characters")
        return given

    @field_validator("content_type")
    @classmethod
    def _is_type(cls, given: str | None) -> str | None:
        if given is not None and not _TYPE.match(given):
            raise ValueError("it must be of the form text/html, perhaps with ;charset=utf-8")
        return given

    @field_validator("base64")
    @classmethod
    def _is_base64(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError) as exc:
                raise ValueError("it is not base64") from exc
        return text

    @field_validator("to")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        if text is not None and not re.match(r"^https?://[^\s/?#]+[^\s\x00-\x1f]*$", text, re.I):
            raise ValueError("it must be an http(s) address")
        return text

    @model_validator(mode="after")
    def _goes_together(self) -> "Rule":
        given = self.model_fields_set
        answering = {"status", "body", "json_body", "base64", "content_type"} & given
        if answering and self.action != "fulfil":
            raise Unfit(
                f"'{_wire(min(answering))}' is for action fulfil", *sorted(map(_wire, answering))
            )
        if len({"body", "json_body", "base64"} & given) > 1:
            raise Unfit(
                "'body', 'json' and 'base64' are one body each; give one of them",
                "body",
                "json",
                "base64",
            )
        if self.headers is not None and self.action not in ("fulfil", "headers"):
            raise Unfit("'headers' is for actions fulfil and headers", "headers")
        if self.remove_headers is not None and self.action != "headers":
            raise Unfit("'remove_headers' is for action headers", "remove_headers")
        if (self.to is not None) != (self.action == "redirect"):
            raise Unfit("'to' and action redirect go together", "to")
        if self.action == "headers":
            self._changes_headers()
        if self.action == "delay" and not self.delay_ms:
            raise Unfit("'delay_ms' is needed for action delay", "delay_ms")
        return self

    def _changes_headers(self) -> None:
        if not self.headers and not self.remove_headers:
            raise Unfit(
                "'headers' or 'remove_headers' is needed for action headers",
                "headers",
                "remove_headers",
            )
        for name in (*(self.headers or ()), *(self.remove_headers or ())):
            lower = name.lower()
            if lower in _BROWSERS or lower.startswith(_BROWSERS_BEGIN):
                field = "headers" if name in (self.headers or ()) else "remove_headers"
                raise Unfit(f"{lower} is the browser's own: no rule can change it", field)
        if "user-agent" in map(str.lower, self.remove_headers or ()):
            raise Unfit(
                "'remove_headers': a browser always sends user-agent; set another one",
                "remove_headers",
            )

    @property
    def content(self) -> bytes:
        """The body of the answer that it gives."""
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        if "json_body" in self.model_fields_set:
            return json.dumps(self.json_body, ensure_ascii=False).encode(errors="replace")
        return (self.body or "").encode(errors="replace")


def _wire(name: str) -> str:
    return "json" if name == "json_body" else name


class RouteInput(Input):
    """The session's rules: what is done with requests before they leave."""

    action: Literal["list", "set", "add", "remove", "clear"] | None = Field(
        default=None, description="add if rules are given, remove if ids are, else list."
    )
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)] | None = None
    ids: Annotated[
        list[Annotated[str, Field(pattern=r"^rule\d{1,9}$")]], Field(max_length=MAX_RULES)
    ] | None = None  # fmt: skip

    @model_validator(mode="after")
    def _goes_together(self) -> "RouteInput":
        action = self.wanted
        if (self.rules is not None) != (action in ("set", "add")):
            raise Unfit("'rules' and the actions set and add go together", "rules")
        if (self.ids is not None) != (action == "remove"):
            raise Unfit("'ids' and the action remove go together", "ids")
        return self

    @property
    def wanted(self) -> str:
        """The action, said or meant."""
        if self.action is not None:
            return self.action
        if self.rules is not None:
            return "add"
        return "remove" if self.ids is not None else "list"


class RuleState(Output):
    """A rule in force, without the body that it gives."""

    id: str
    url: str
    resource_types: list[str] | None = None
    methods: list[str] | None = None
    action: str
    status: int | None = None
    headers: list[str] = []
    """Names of headers that it sets."""
    remove_headers: list[str] = []
    body_size: int | None = None
    content_type: str | None = None
    """Null where it is by what asks."""
    to: str | None = None
    delay_ms: int = 0
    times: int | None = None
    matched: int = 0
    """How many requests it was applied to."""


class RouteOutput(FunctionOutput):
    """The rules, in the order in which they are tried."""

    rules: list[RuleState]
