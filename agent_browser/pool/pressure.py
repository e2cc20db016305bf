"""Pressure: how short memory is, how fast sessions come and go, and what follows from that."""

from collections import deque
from collections.abc import Callable

from agent_browser.clock import Clock
from agent_browser.pool import policy
from agent_browser.pool.machine import Machine

READING_AGE = 1.0
"""Seconds for which a reading of the machine's memory is good."""


class Pressure:
    """What the policy has to know of the moment."""

    def __init__(self, clock: Clock, read: Callable[[], Machine], *, rest: int) -> None:
        self._clock = clock
        self._read = read
        self._rest = rest
        self._rate = policy.Rate()
        self._ends: deque[float] = deque(maxlen=256)
        self._reading: tuple[float, bool] | None = None

    def came(self) -> None:
        """A session was asked for."""
        self._rate.add(self._clock.monotonic())

    def went(self) -> None:
        """A session's slot is free."""
        self._ends.append(self._clock.monotonic())

    def is_short(self, *, anew: bool = False) -> bool:
        """Whether memory is short, as of a second ago at most, or now."""
        now = self._clock.monotonic()
        if anew or self._reading is None or now - self._reading[0] >= READING_AGE:
            self._reading = (now, policy.is_short(self._read()))
        return self._reading[1]

    def warm_target(self) -> int:
        """How many warm contexts there should be."""
        rate = self._rate.at(self._clock.monotonic())
        return policy.warm_target(rest=self._rest, rate=rate, short=self.is_short())

    def retry_after(self, next_expiry: float | None, *, ahead: int) -> float:
        """Seconds until there may be room for one who comes after `ahead` others."""
        now = self._clock.monotonic()
        return policy.retry_after(now, ends=self._ends, next_expiry=next_expiry, ahead=ahead)
