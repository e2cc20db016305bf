"""How many sessions, how many warm contexts, when a browser is replaced, how long to wait: decided
from numbers alone. Bytes, monotonic seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent_browser.pool.machine import Machine
from agent_browser.settings import Settings

SESSION_BYTES = 25 * 2**20
"""A session on a small page takes 18-22 MB; a little more than that is planned for each."""
BROWSER_BYTES = 150 * 2**20
"""A browser process, its driver and its zygotes, before the first session."""
SESSIONS_PER_PROCESSOR = 200
"""Most sessions think for most of the time; beyond this many, those that act starve each other."""
LEAST_RESERVE = 256 * 2**20
RESERVE_SHARE = 0.1
SHORT_SHARE = 0.03
"""Share of memory that has to be available for another session to be let in."""
MOST_BROWSERS = 4
MOST_WARM = 32
WARM_SECONDS = 0.4
"""The warm set holds the opens of so many seconds at the rate of late."""
STABLE_AFTER = 60.0
"""A browser that lived so long had started well: its loss is not part of a crash loop."""
WORN_AT_REST = 25
"""Contexts that a browser served, after which it is replaced when nobody is in it."""
REST_AFTER = 5.0
"""Seconds without a session after which a browser is at rest."""
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
LONGEST_RETRY = 3600.0
RECENT = 60.0
"""Session ends of the last so many seconds tell when room comes."""


@dataclass(frozen=True)
class Capacity:
    """How many sessions may be live at once, and why."""

    sessions: int
    browsers: int
    explanation: str


def capacity(machine: Machine, settings: Settings) -> Capacity:
    """Room for sessions on this machine, within its container's limits; MAX_SESSIONS overrides."""
    browsers = settings.browsers or max(1, min(math.floor(machine.processors), MOST_BROWSERS))
    if settings.max_sessions:
        return Capacity(settings.max_sessions, browsers, "MAX_SESSIONS")
    reserve = max(LEAST_RESERVE, int(machine.memory * RESERVE_SHARE)) + browsers * BROWSER_BYTES
    by_memory = (machine.memory - reserve) // SESSION_BYTES
    by_processors = math.floor(machine.processors * SESSIONS_PER_PROCESSOR)
    sessions = max(1, min(by_memory, by_processors))
    return Capacity(
        sessions,
        browsers,
        f"{machine.memory / 2**20:.0f} MB ({machine.memory_source}), of it "
        f"{reserve / 2**20:.0f} MB kept back, give {max(0, by_memory)} sessions of "
        f"{SESSION_BYTES / 2**20:.0f} MB; {machine.processors:g} processors "
        f"({machine.processors_source}) give {by_processors}",
    )


def is_short(machine: Machine) -> bool:
    """Whether there is too little memory left to let another session in."""
    return machine.available < max(LEAST_RESERVE / 2, machine.memory * SHORT_SHARE)


def warm_target(*, rest: int, rate: float, short: bool) -> int:
    """How many warm contexts there should be at `rate` opens a second."""
    if short:
        return 0
    return max(rest, min(MOST_WARM, math.ceil(rate * WARM_SECONDS - 0.5)))


def may_refill(*, ready: int, target: int, opens: int) -> bool:
    """Whether to make warm contexts now: while sessions are being opened, only when few are left,
    since making one slows those down.
    """
    return opens == 0 or ready < target / 2


def recycle_reason(
    settings: Settings, *, served: int, memory: int
) -> Literal["contexts", "memory"] | None:
    """Why a browser is to be replaced; None where it may go on."""
    if served >= settings.recycle_contexts:
        return "contexts"
    if settings.recycle_memory and memory > settings.recycle_memory:
        return "memory"
    return None


def is_worn(served: int) -> bool:
    """Whether a browser that has come to rest is better replaced: what a crowd of sessions made it
    take, it gives back with its process only.
    """
    return served >= WORN_AT_REST


def retry_after(
    now: float, *, ends: Sequence[float], next_expiry: float | None, ahead: int
) -> float:
    """When there may be room, in seconds from now: at the pace of the sessions that ended of late,
    else when the next one expires; 1 at least.
    """
    recent = [end for end in ends if now - end <= RECENT]
    waits = []
    if recent:
        pace = max(now - min(recent), 1.0) / len(recent)
        waits.append(pace * (ahead + 1))
    if next_expiry is not None:
        waits.append(next_expiry - now)
    wait = min(waits, default=LONGEST_DELAY)
    return float(min(LONGEST_RETRY, max(1, math.ceil(wait))))


class Rate:
    """Events a second of late, older ones counting less and less."""

    def __init__(self, half_life: float = 5.0) -> None:
        self._decay = math.log(2) / half_life
        self._value = 0.0
        self._at = 0.0

    def add(self, now: float) -> None:
        """An event."""
        self._value = self.at(now) + self._decay
        self._at = now

    def at(self, now: float) -> float:
        """Events a second."""
        return self._value * math.exp(-self._decay * max(0.0, now - self._at))


class Backoff:
    """How long a seat waits before its next browser: not at all after a stable one, then longer and
    longer.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        """No browser is started before."""

    def failed(self, now: float, *, lived: float, jitter: float) -> float:
        """When the next may start, after one that lived so long (0: it never started). `jitter`
        is 0 to 1.
        """
        if lived >= STABLE_AFTER:
            self.failures = 0
        # A first loss is mended at once; a browser that doesn't start at all always waits.
        exponent = self.failures - 1 if lived else self.failures
        self.failures += 1
        delay = 0.0
        if exponent >= 0:
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(exponent, 16)) * (0.5 + jitter / 2)
        self.until = now + delay
        return self.until
