"""Who may act on a session where several clients hold it: at most one lease, the newest wins."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from agent_browser.clock import Clock, wall_time
from agent_browser.errors import ControlTaken
from agent_browser.ids import new_control_token
from agent_browser.models import control as wire
from agent_browser.models.base import Input
from agent_browser.models.control import acts
from agent_browser.service import Caller


@dataclass
class _Lease:
    """Control of one holder. Seconds are monotonic. A call of the holder's that is under way keeps
    it.
    """

    holder: str
    since: datetime
    seconds: float
    lapses: float
    digest: bytes = field(repr=False)
    under_way: int = 0


class Control:
    """Control of one session. Without a lease whoever may call may act."""

    def __init__(self, session_id: str, clock: Clock, *, lease: float) -> None:
        """`lease`: seconds of one that asks for no other."""
        self._session_id = session_id
        self._clock = clock
        self._seconds = lease
        self._lease: _Lease | None = None

    @property
    def is_held(self) -> bool:
        """Whether somebody has it."""
        return self._current() is not None

    def take(self, caller: Caller, request: wire.ControlInput) -> wire.ControlGranted:
        """Give it to the caller. Who sends the token in force keeps it, with its lease renewed."""
        now = self._clock.monotonic()
        holder = request.client or caller.client or caller.owner
        seconds = self._seconds if request.lease is None else request.lease
        current, token = self._current(), caller.control
        if current is not None and token is not None and _is_of(current, token):
            current.holder, current.seconds, current.lapses = holder, seconds, now + seconds
            return self._granted(token, None)
        token = new_control_token()
        self._lease = _Lease(holder, self._clock.now(), seconds, now + seconds, _digest(token))
        return self._granted(token, None if current is None else current.holder)

    def give_up(self, caller: Caller) -> None:
        """Nobody has it any more. ControlTaken where it is another's."""
        self.check(caller)
        self._lease = None

    def check(self, caller: Caller) -> None:
        """ControlTaken where another has it."""
        lease = self._current()
        if lease is not None and not _is_of(lease, caller.control):
            raise ControlTaken(lease.holder, lease.since)

    @contextmanager
    def during(self, caller: Caller, input: Input) -> Iterator[Callable[[], None]]:
        """A call is there. The holder's keep the lease, which counts anew from their end. What it
        gives is to be asked again when the call's turn has come: control may have been taken
        meanwhile. ControlTaken, from both, for an action where another has control.
        """

        def check() -> None:
            if self._current() is not None and acts(input):
                self.check(caller)

        check()
        lease = self._current()
        if lease is None or not _is_of(lease, caller.control):
            yield check
            return
        lease.under_way += 1
        try:
            yield check
        finally:
            lease.under_way -= 1
            lease.lapses = self._clock.monotonic() + lease.seconds

    def describe(self, caller: Caller) -> wire.Control:
        """What callers see of it."""
        lease = self._current()
        if lease is None:
            return wire.Control(session_id=self._session_id)
        now = self._clock.monotonic()
        lapses = now + lease.seconds if lease.under_way else lease.lapses
        return wire.Control(
            session_id=self._session_id,
            holder=lease.holder,
            since=lease.since,
            expires_at=wall_time(self._clock, lapses),
            lease=lease.seconds,
            mine=_is_of(lease, caller.control),
        )

    def _current(self) -> _Lease | None:
        lease = self._lease
        if lease is not None and not lease.under_way and self._clock.monotonic() >= lease.lapses:
            self._lease = None
        return self._lease

    def _granted(self, token: str, previous: str | None) -> wire.ControlGranted:
        shown = self.describe(Caller(owner="", control=token))
        return wire.ControlGranted(**shown.model_dump(), token=token, previous=previous)


def _is_of(lease: _Lease, token: str | None) -> bool:
    return token is not None and hmac.compare_digest(lease.digest, _digest(token))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
