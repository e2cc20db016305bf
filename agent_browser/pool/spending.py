"""What sessions send and receive, against their owner's quota of a day.

It is counted when a call ends and when a context closes; of owners with such a quota also every
few seconds, since pages go on by themselves. Who is over begins nothing, and its sessions are
frozen: a page that stands still sends nothing new. What runs by then runs to its end.
"""

from functools import partial
from weakref import WeakKeyDictionary

import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.base import Input
from agent_browser.models.control import acts
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.session.session import Moved, Session

log = structlog.get_logger("agent_browser.pool")

LOOK_EVERY = 10.0
"""Seconds between looks at the sessions of an owner with a quota."""


class Spending:
    """Tells the quotas what was spent since it was told last."""

    def __init__(self, register: Register, means: Means) -> None:
        self._register = register
        self._quotas = means.quotas
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._told: WeakKeyDictionary[Session, int] = WeakKeyDictionary()

    def check(self, owner: str, input: Input | None = None) -> None:
        """QuotaExceeded where the owner is over, for what acts; None: for a session to begin."""
        if input is None or acts(input):
            self._quotas.check("traffic", owner)

    def began(self, session: Session) -> None:
        """It is live from now on."""
        if self._is_limited(session.owner):
            self._look_later(session.owner)

    def called(self, session: Session) -> None:
        """A call on it has ended."""
        if self._is_limited(session.owner):
            self.note(session)

    def note(self, session: Session) -> None:
        """Count what it spent since this was asked last."""
        traffic = session.traffic
        total = traffic.bytes_up + traffic.bytes_down
        self._quotas.sent(session.owner, total - self._told.get(session, 0))
        self._told[session] = total

    def _is_limited(self, owner: str) -> bool:
        return self._quotas.limits(owner).traffic > 0

    def _look_later(self, owner: str) -> None:
        when = self._clock.monotonic() + LOOK_EVERY
        self._sweep.at(when, ("traffic", owner), partial(self._look, owner))

    def _look(self, owner: str) -> None:
        mine = [session for session in self._register.live.values() if session.owner == owner]
        if not mine or not self._is_limited(owner):
            return
        for session in mine:
            self.note(session)
        if self._quotas.left("traffic", owner) <= 0:
            for session in mine:
                if session.is_idle and not session.lifetime.is_frozen:
                    self._spawn(self._freeze, session)
        self._look_later(owner)

    async def _freeze(self, session: Session) -> None:
        try:
            await session.freeze()
        except (AgentBrowserError, Moved) as exc:
            log.info("a session over its owner's traffic goes on", session=session.id, why=str(exc))
        else:
            log.info("session frozen: its owner's traffic is over", session=session.id)
