"""Time. Monotonic seconds inside, wall time in what people read."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The two readings that the program takes of time; tests move their own by hand."""

    def monotonic(self) -> float:
        """Seconds that never go back, for timers and deadlines."""
        ...

    def now(self) -> datetime:
        """Wall time in UTC, for records and answers."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


class Steady:
    """Wall time for what erases: it never runs ahead of the monotonic time since this was made, so
    that a clock set forward makes nothing old at once. Where that stood still, as while a machine
    sleeps, things are kept longer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._at = clock.monotonic()

    def now(self) -> datetime:
        """Not after the clock's."""
        passed = timedelta(seconds=self._clock.monotonic() - self._at)
        return min(self._clock.now(), self._began + passed)


def wall_time(clock: Clock, monotonic: float) -> datetime:
    """The wall time at which the monotonic clock reads, or read, that value."""
    return clock.now() + timedelta(seconds=monotonic - clock.monotonic())
