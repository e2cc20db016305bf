"""A clock that moves when a test says so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Starts at 1000 s and at the first of November 2026. Watchers are told of every move."""

    def __init__(self) -> None:
        self._seconds = 1000.0
        self._ahead = timedelta()
        self._watchers: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        passed = timedelta(seconds=self._seconds - 1000)
        return datetime(2026, 11, 1, tzinfo=UTC) + passed + self._ahead

    def set_by(self, seconds: float) -> None:
        """Somebody sets the machine's clock, forward or back; no time passes."""
        self._ahead += timedelta(seconds=seconds)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Be told after every move."""
        self._watchers.append(watcher)

    def advance(self, seconds: float) -> None:
        """So much time passes."""
        self._seconds += seconds
        for watcher in self._watchers:
            watcher()
