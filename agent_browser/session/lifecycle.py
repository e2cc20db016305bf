"""A session's timers, decided without a clock: when it is near its end, when it ends, and why.
Seconds are monotonic.
"""

import math
from typing import Literal

from agent_browser.errors import InvalidTimeout
from agent_browser.models.sessions import SessionPhase, Timeouts, TimeoutsInput
from agent_browser.settings import Settings

Cause = Literal["idle", "max_duration"]

LIVED = ("idle", "max_duration", "warning", "auto_renew", "on_idle")
"""Timeouts that mean nothing any more once a session has ended."""


def timeouts_in_force(
    settings: Settings, profile: TimeoutsInput | None, asked: TimeoutsInput
) -> Timeouts:
    """The server's timeouts, with the profile's before them and those asked for before both.
    InvalidTimeout names the range.
    """
    servers = Timeouts(
        idle=settings.idle_timeout,
        max_duration=settings.max_duration,
        warning=settings.warning_threshold,
        auto_renew=settings.auto_renew,
        retention=settings.retention,
        on_idle=settings.on_idle,
    )
    named = servers if profile is None else changed(settings, servers, profile)
    return changed(settings, named, asked)


def changed(settings: Settings, timeouts: Timeouts, asked: TimeoutsInput) -> Timeouts:
    """The timeouts with those asked for in their place. InvalidTimeout names the range."""
    chosen = asked.model_dump(exclude_none=True)
    for name, value in chosen.items():
        if name not in ("auto_renew", "on_idle"):
            in_range(settings, name, value)
    return timeouts.model_copy(update=chosen) if chosen else timeouts


def effective(asked: Timeouts) -> Timeouts:
    """Those asked for as they are in force: the warning is half the idle timeout at most."""
    if asked.warning <= asked.idle / 2:
        return asked
    return asked.model_copy(update={"warning": asked.idle / 2})


def in_range(settings: Settings, name: str, seconds: float) -> float:
    """The timeout itself, if it is in the range of the settings; else InvalidTimeout."""
    low, high = range_of(settings, name)
    if not low <= seconds <= high:
        raise InvalidTimeout(name, seconds, low, high)
    return seconds


def range_of(settings: Settings, name: str) -> tuple[float, float]:
    """Least and greatest seconds that a caller may ask for."""
    if name == "retention":
        return 0.0, max(settings.max_retention, settings.retention)
    if name == "warning":
        return 0.0, settings.max_timeout
    return settings.min_timeout, settings.max_timeout


class Lifetime:
    """When a session began, was last used, and is due to end.

    With `auto_renew` every use slides its end: the idle time counts from the last of them, and not
    at all while a call is under way or somebody holds it. Without, it counts from the beginning, or
    from the last renewal. A call under way is done in either case; but nothing outlives the maximum
    duration.
    """

    __slots__ = (
        "_calls", "_holds", "_since", "_told", "asked", "began", "is_frozen", "live_since",
        "renewals",
        "timeouts", "used", "uses",
    )  # fmt: skip

    def __init__(self, timeouts: Timeouts, *, began: float, lived: float = 0.0) -> None:
        """`lived`: seconds for which it was live before."""
        self.began = began - lived
        """From when on its maximum duration counts: for what it was hibernated it does not."""
        self.live_since = began
        """When it got its context."""
        self.used = began
        """When it was last used; what only keeps it alive is no use."""
        self.renewals = 0
        """How often a caller renewed it."""
        self.uses = 0
        """Calls that have ended."""
        self.is_frozen = False
        """Its idle time is over, and it waits without doing anything."""
        self._calls = 0
        self._holds = 0
        self._since = began  # from where the idle time counts while nothing is under way
        self._told: float | None = None  # the end that was warned of
        self.change(timeouts)

    def change(self, timeouts: Timeouts) -> None:
        """Other timeouts from now on."""
        self.asked = timeouts
        """As they were asked for."""
        self.timeouts = effective(timeouts)
        """Those in force."""

    @property
    def ends(self) -> float:
        """When its maximum duration is over."""
        return self.began + self.timeouts.max_duration

    @property
    def is_held(self) -> bool:
        """Whether somebody is there."""
        return self._holds > 0

    @property
    def in_use(self) -> bool:
        """Whether a call is under way."""
        return self._calls > 0

    def begin(self, now: float) -> None:
        """A call starts."""
        self._calls += 1
        self._use(now)

    def finish(self, now: float) -> None:
        """The call is done."""
        self._calls -= 1
        self.uses += 1
        self._use(now)

    def hold(self, now: float) -> None:
        """Somebody is there, a viewer or a client, until `release`. It is no use."""
        self._holds += 1
        self.beat(now)

    def release(self, now: float) -> None:
        """One of those who were there is gone."""
        self._holds -= 1
        self.beat(now)

    def beat(self, now: float) -> None:
        """Keep it alive, as every use does, without being one."""
        if self.timeouts.auto_renew:
            self._since = max(self._since, now)

    def renew(self, now: float) -> bool:
        """Let the idle time count from now; false where the maximum duration leaves nothing to
        gain.
        """
        if self.expires(now) >= self.ends and not self.is_frozen:
            return False
        self._since = now
        self.used = now
        self.renewals += 1
        return True

    def expires(self, now: float) -> float:
        """When it ends if nothing uses it from now on."""
        return min(self._lapses(now), self.ends)

    def warns(self, now: float) -> float:
        """When it is near its end, if nothing uses it from now on; endless for never."""
        window = self.timeouts.warning
        return self.expires(now) - window if window else math.inf

    def due(self, now: float) -> Cause | None:
        """Why it has to end now; None where it may go on."""
        if now >= self.ends:
            return "max_duration"
        if not self.in_use and now >= self._lapses(now):
            return "idle"
        return None

    def warning(self, now: float) -> float | None:
        """Seconds left, told once for each end that it comes near to; None where there is nothing
        to tell.
        """
        expires = self.expires(now)
        if expires <= now or now < self.warns(now) or expires == self._told:
            return None
        self._told = expires
        return expires - now

    def next_look(self, now: float) -> float:
        """When `due` and `warning` are to be asked again, if nothing uses it from now on."""
        expires, warns = self.expires(now), self.warns(now)
        if warns > now:
            return min(expires, warns)
        # A call that is let be done tells its end by itself; until then only the longest life ends.
        return expires if expires > now or not self.in_use else self.ends

    def cause(self, now: float) -> Cause:
        """What will end it, if nothing uses it from now on."""
        return "max_duration" if self._lapses(now) >= self.ends else "idle"

    def phase(self, now: float) -> SessionPhase:
        """What callers are told of a live session's remaining time."""
        if self.due(now) is not None:
            return "expired"
        return "near_expiration" if now >= self.warns(now) else "active"

    def _use(self, now: float) -> None:
        self.is_frozen = False
        self.used = max(self.used, now)
        self.beat(now)

    def _lapses(self, now: float) -> float:
        """When its idle time is over; never again once it is frozen."""
        if self.is_frozen:
            return math.inf
        if self.timeouts.auto_renew and (self._calls or self._holds):
            return now + self.timeouts.idle
        lapse = self._since + self.timeouts.idle
        return max(lapse, now) if self._calls else lapse
