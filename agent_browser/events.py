"""What the pool tells of its work while it does it: numbers to metrics, events to who follows a
session.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

from agent_browser.models.events import EventType

Outcome = Literal["ok", "failed", "refused", "error"]


class Observer(Protocol):
    """Told of each thing as it happens, from the event loop; returns at once, never raises."""

    def opened(self, *, warm: bool, seconds: float) -> None:
        """A session got its context, so many seconds after it was asked for."""

    def ended(self, *, reason: str) -> None:
        """A session ended."""

    def called(self, *, function: str, action: str, outcome: Outcome, seconds: float) -> None:
        """A function was done. `action` is interact's, else empty; `failed` is success false."""

    def waited(self, *, seconds: float) -> None:
        """An open waited so long for room."""

    def refused(self, *, reason: str) -> None:
        """An open was refused: sessions, memory, draining."""

    def launched(self, *, seconds: float) -> None:
        """A browser process was started."""

    def lost(self) -> None:
        """A browser process was lost."""

    def recycled(self, *, reason: str) -> None:
        """A browser process was replaced: contexts, memory, rest, stuck."""

    def hibernated(self, *, reason: str, seconds: float) -> None:
        """A session was hibernated, from the wish to its context being closed."""

    def resumed(self, *, outcome: str, seconds: float) -> None:
        """A hibernated session was brought back, or was not: ok, partly (something is not as it
        was), failed, refused (there was no room).
        """

    def checkpointed(self, *, outcome: str, seconds: float, written: int) -> None:
        """A session was saved, or was not: ok, failed. `written`: bytes, of what had changed."""


class Unobserved:
    """Listens to nothing."""

    def opened(self, *, warm: bool, seconds: float) -> None: ...

    def ended(self, *, reason: str) -> None: ...

    def called(self, *, function: str, action: str, outcome: Outcome, seconds: float) -> None: ...

    def waited(self, *, seconds: float) -> None: ...

    def refused(self, *, reason: str) -> None: ...

    def launched(self, *, seconds: float) -> None: ...

    def lost(self) -> None: ...

    def recycled(self, *, reason: str) -> None: ...

    def hibernated(self, *, reason: str, seconds: float) -> None: ...

    def resumed(self, *, outcome: str, seconds: float) -> None: ...

    def checkpointed(self, *, outcome: str, seconds: float, written: int) -> None: ...


class Publisher(Protocol):
    """Told of what happens to sessions; returns at once, never raises. The hub is one."""

    def publish(self, kind: EventType, session_id: str, owner: str, data: dict[str, Any]) -> None:
        """It happened now. `data` is what callers see of it: no secrets, bounded texts."""

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session that was erased."""


class Audience(Protocol):
    """Who listens to that, as far as the telling depends on it. The hub knows."""

    def wanted(self, session_id: str, owner: str) -> frozenset[EventType]:
        """The types that somebody follows of that session now. What costs something to be told is
        told only then.
        """
        ...

    def on_wanted(self, listener: Callable[[str | None, str | None], None]) -> None:
        """Call back, at once, with the session and the owner for which what is wanted may have
        changed; None for all.
        """


class Unheard:
    """Publishes to nobody; an audience of none."""

    def publish(
        self, kind: EventType, session_id: str, owner: str, data: dict[str, Any]
    ) -> None: ...

    def forget(self, session_id: str) -> None: ...

    def wanted(self, session_id: str, owner: str) -> frozenset[EventType]:
        return frozenset()

    def on_wanted(self, listener: Callable[[str | None, str | None], None]) -> None: ...
