"""States: all that a session is, written down in parts; and the checkpoints that keep them.

A part is compact JSON under a name, so that one that has not changed is not written again:

    cookies              as Playwright's storage_state has them, partitioned and session ones too
    passkeys             its `credentials`
    local <origin>       its `localStorage` of an origin: [{name, value}]
    databases <origin>   its `indexedDB` of an origin, with encoded values for what JSON can't hold
    files <origin>       its `opfs` of an origin
    tabs                 {active, last_tab, last_ref, tabs: [TabState]}
    session <tab>        sessionStorage of a tab: [{origin, entries: [{name, value}]}]
    options              the context options in force (models.functions.ContextOptions)
    expiries             entries of storage that were put with an end: [{area, origin, tab, key, …}]
    recording            what `record` has running: {name, input}
    messages             true where messages between windows are kept
    secrets              keys of secrets that were typed: they are masked where it lives again
    life                 how long the session has lived, and how much it was used
    belongings           its downloads and uploads, which lie elsewhere
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agent_browser.models.base import Output, Timestamp

VERSION = 1
"""Of the format of states. A newer one is refused, an older one is read."""
COOKIES, PASSKEYS, TABS, OPTIONS = "cookies", "passkeys", "tabs", "options"
LIFE, BELONGINGS, EXPIRIES = "life", "belongings", "expiries"
RECORDING, MESSAGES = "recording", "messages"
SECRETS = "secrets"
LOCAL, DATABASES, FILES, SESSION = "local ", "databases ", "files ", "session "
"""Names of parts of which there are several begin so."""

Cause = Literal["activity", "hibernation", "shutdown", "demand", "import"]
"""Why a checkpoint was made."""


class Loss(Output):
    """Something that was not saved, or not brought back."""

    what: Literal[
        "tab", "page", "history", "cookies", "local_storage", "session_storage", "indexed_db",
        "files", "passkeys", "form", "scroll", "options", "routes", "service_worker", "recording",
        "upload", "download", "opener", "checkpoint",
    ]  # fmt: skip
    where: str = ""
    """The origin, address or tab that it was of."""
    why: str


@dataclass(frozen=True)
class Part:
    """A piece of a state."""

    name: str
    data: bytes = field(repr=False)
    digest: str
    """SHA-256 of the data, in hexadecimal."""

    @classmethod
    def of(cls, name: str, value: Any) -> "Part":
        """A JSON value as a part; the same value makes the same data."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        data = text.encode("utf-8", "surrogatepass")
        return cls(name, data, hashlib.sha256(data).hexdigest())

    @property
    def value(self) -> Any:
        """The JSON value. ValueError for data that is none."""
        return json.loads(self.data.decode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class State:
    """What a session is at a moment. Nothing of it is changed: `with_parts` makes another."""

    parts: Mapping[str, Part] = field(default_factory=dict, repr=False)
    losses: tuple[Loss, ...] = ()
    """What could not be saved."""

    def value(self, name: str, default: Any = None) -> Any:
        """A part's JSON value."""
        part = self.parts.get(name)
        return default if part is None else part.value

    def named(self, head: str) -> dict[str, Any]:
        """The values of the parts whose names begin so, by the rest of their names."""
        return {
            name.removeprefix(head): part.value
            for name, part in self.parts.items()
            if name.startswith(head)
        }

    def older(self) -> "State":
        """The same, told to stand in for a newer one that could not be read."""
        why = "the newest checkpoint could not be read; this is what an older one has"
        return State(self.parts, (*self.losses, Loss(what="checkpoint", why=why)))

    def with_parts(self, parts: Iterable[Part]) -> "State":
        """The same with these parts, in the place of those that have their names."""
        return State({**self.parts, **{part.name: part for part in parts}}, self.losses)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(len(part.data) for part in self.parts.values())


class Checkpoint(Output):
    """A state that was kept."""

    id: str
    created_at: Timestamp
    cause: Cause
    size: int
    """Bytes of the state, before it is packed."""
    written: int = 0
    """Bytes that had to be written for it: what had not changed was there."""
    losses: list[Loss] = []
    """What could not be saved."""


class CheckpointList(Output):
    """Newest first."""

    items: list[Checkpoint]
    next_cursor: str | None = None
