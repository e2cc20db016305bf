"""Entries of localStorage and sessionStorage: inputs and outputs of `storage`."""

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from agent_browser.models.base import Duration, Input, Output, Timestamp, Unfit
from agent_browser.models.conditions import Origin
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.network import TabName

Area = Literal["local", "session"]
StorageAction = Literal["get", "put", "delete", "list", "clear"]

MAX_KEY = 100_000
MAX_VALUE = 5_242_880
"""Characters of a key and a value; an origin has room for as many of both together."""
MAX_PARSED = 1_000_000
"""Characters of a text that is looked at for JSON."""
LONGEST = 315_360_000.0
"""Seconds that an entry may have: ten years."""

Key = Annotated[str, Field(max_length=MAX_KEY)]
ExpiresIn = Annotated[Duration, Field(gt=0, le=LONGEST)]
FrameName = (
    Annotated[int, Field(ge=0, le=10_000)] | Annotated[str, Field(min_length=1, max_length=2_048)]
)

_OF: dict[str, frozenset[StorageAction]] = {
    "key": frozenset({"get", "put", "delete"}),
    "value": frozenset({"put"}),
    "expires_in": frozenset({"put"}),
    "prefix": frozenset({"list", "clear"}),
    "limit": frozenset({"list"}),
    "cursor": frozenset({"list"}),
}
"""The actions that fields are for; the others are for all."""


class StorageInput(Input):
    """Read and change what an origin has stored, in a frame of any tab of the session."""

    action: StorageAction = "list"
    area: Area = Field(
        default="local",
        description="local: localStorage, of all tabs; session: sessionStorage, of one tab.",
    )
    key: Key | None = None
    value: Any = Field(
        default=None,
        repr=False,
        description="put: a text as it is; any other JSON value is stored as its JSON.",
    )
    expires_in: ExpiresIn | None = Field(
        default=None, description="put: how long the entry is there; for ever if absent."
    )
    origin: Origin | None = Field(
        default=None,
        description="https://app.example: any that a frame of the session is of; the active tab's "
        "main frame's if absent.",
    )
    frame: FrameName | None = Field(
        default=None,
        description="A frame of the tab: its number (0 is the main frame), its name, its address "
        "or a glob of it, or a ref or selector of its element.",
    )
    tab: TabName | None = Field(
        default=None, description="t2 or active; with origin all tabs are looked at if absent."
    )
    prefix: Key | None = Field(
        default=None, description="list, clear: only entries whose keys begin so."
    )
    limit: int = Field(default=1_000, ge=1, le=10_000)
    cursor: Annotated[str, Field(max_length=4 * MAX_KEY)] | None = Field(
        default=None, description="list: the `next_cursor` of the page before."
    )

    @model_validator(mode="after")
    def _goes_together(self) -> "StorageInput":
        given = self.model_fields_set
        for name, actions in _OF.items():
            if name in given and self.action not in actions:
                raise Unfit(f"'{name}' is for {' and '.join(sorted(actions))}", name)
        if self.action in _OF["key"] and self.key is None:
            raise Unfit(f"'key' is wanted for {self.action}", "key")
        if self.action == "put" and "value" not in given:
            raise Unfit("'value' is wanted for put", "value")
        return self

    @property
    def text(self) -> str:
        """The value as it is stored."""
        if isinstance(self.value, str):
            return self.value
        return json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))


class StoragePut(Input):
    """The body of `PUT /v1/sessions/{id}/storage/{area}/{key}`."""

    value: Any = Field(repr=False, description="A text as it is; any other JSON value as its JSON.")
    expires_in: ExpiresIn | None = Field(
        default=None, description="How long the entry is there; for ever if absent."
    )


class Entry(Output):
    """An entry as a page would read it, and what the server knows of it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    key: str
    value: str = Field(repr=False)
    """The text."""
    parsed: Any = Field(default=None, alias="json", repr=False)
    """The value that the text is the JSON of, whoever stored it; null where it is none."""
    type: Literal["persistent", "temporary"]
    """persistent: of localStorage; temporary: of sessionStorage, gone with its tab."""
    created: Timestamp | None = None
    """When the server first saw it; null where a page made it unseen."""
    expires: Timestamp | None = None
    """When it goes, if it was put with `expires_in` and the page has not changed it since."""


class StorageOutput(FunctionOutput):
    """The entries, and of which origin they are."""

    area: Area
    origin: str
    tab: str | None = None
    """A tab in which it was done; null where none has a document of that origin."""
    entry: Entry | None = None
    """get, put: the entry."""
    entries: list[Entry] = []
    """list: by key."""
    total: int = 0
    """list: how many there are, with that prefix."""
    next_cursor: str | None = None
    removed: int = 0
    """delete, clear: how many entries went."""


class EntryList(Output):
    """Entries by key, and of which origin they are."""

    items: list[Entry]
    next_cursor: str | None = None
    total: int
    origin: str
    area: Area


_BEGINNINGS = tuple('{["-0123456789tfn')


def parsed(text: str) -> Any:
    """The value that a text is the JSON of; None where it is none, or too long to look."""
    if len(text) > MAX_PARSED or text.lstrip()[:1] not in _BEGINNINGS:
        return None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
