"""A session's timers, decided without a clock: when it is due to end, and why. Seconds are
monotonic.
"""

from typing import Literal

from agent_browser.errors import InvalidTimeout
from agent_browser.models.sessions import SessionPhase, Timeouts, TimeoutsInput
from agent_browser.settings import Settings

WARNING = 300.0
"""Seconds before its end in which a session is near expiration; half the idle timeout at most."""


def timeouts_in_force(settings: Settings, asked: TimeoutsInput) -> Timeouts:
    """The server's timeouts with those asked for before them. InvalidTimeout names the range."""
    idle = asked.idle
    longest = asked.max_duration
    return Timeouts(
        idle=settings.idle_timeout if idle is None else in_range(settings, "idle", idle),
        max_duration=settings.max_duration
        if longest is None
        else in_range(settings, "max_duration", longest),
    )


def in_range(settings: Settings, name: str, seconds: float) -> float:
    """The timeout itself, if it is in the range of the settings; else InvalidTimeout."""
    if not settings.min_timeout <= seconds <= settings.max_timeout:
        raise InvalidTimeout(name, seconds, settings.min_timeout, settings.max_timeout)
    return seconds


class Lifetime:
    """When a session began, was last used, and is due to end. A call under way is activity."""

    __slots__ = ("began", "idle", "in_use", "longest", "used")

    def __init__(self, timeouts: Timeouts, *, began: float) -> None:
        self.idle = timeouts.idle
        self.longest = timeouts.max_duration
        self.began = began
        self.used = began
        self.in_use = False

    def begin(self, now: float) -> None:
        """A call starts."""
        self.in_use = True
        self.used = now

    def finish(self, now: float) -> None:
        """The call is done; the idle time counts from here."""
        self.in_use = False
        self.used = now

    def touch(self, now: float) -> None:
        """It was used just now, by what is no call."""
        self.used = max(self.used, now)

    @property
    def timeouts(self) -> Timeouts:
        """The timeouts in force."""
        return Timeouts(idle=self.idle, max_duration=self.longest)

    def expires(self, now: float) -> float:
        """When it ends if nothing uses it from now on."""
        last = now if self.in_use else self.used
        return min(last + self.idle, self.began + self.longest)

    def due(self, now: float) -> Literal["idle", "max_duration"] | None:
        """Why it has to end now; None where it may go on."""
        if now >= self.began + self.longest:
            return "max_duration"
        if not self.in_use and now >= self.used + self.idle:
            return "idle"
        return None

    def phase(self, now: float) -> SessionPhase:
        """What callers are told of a live session's remaining time."""
        left = self.expires(now) - now
        if left <= 0:
            return "expired"
        return "near_expiration" if left <= min(WARNING, self.idle / 2) else "active"
