"""What the pool tells of its work while it does it; metrics listen, and later logs and streams."""

from typing import Literal, Protocol

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
