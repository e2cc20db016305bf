"""What sessions send and receive, against their owner's quota of a day.

It is counted where it passes, by one meter for all sessions of an owner. Who is over begins
nothing, what its sessions were loading is cut off, and those that rest are frozen: nobody looks for
what their pages would try.
"""

import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.base import Input
from agent_browser.models.control import acts
from agent_browser.pool.means import Means
from agent_browser.pool.register import Register
from agent_browser.session.session import Moved, Session

log = structlog.get_logger("agent_browser.pool")


class Spending:
    """Refuses who is over, and is told by the quotas of who is from now on."""

    def __init__(self, register: Register, means: Means) -> None:
        self._register = register
        self._quotas = means.quotas
        self._spawn = means.spawn
        means.quotas.on_spent = self._over

    def check(self, owner: str, input: Input | None = None) -> None:
        """QuotaExceeded where the owner is over, for what acts; None: for a session to begin."""
        if input is None or acts(input):
            self._quotas.check("traffic", owner)

    def _over(self, owner: str) -> None:
        log.info("an owner's traffic is over", owner=owner)
        for session in list(self._register.live.values()):
            if session.owner == owner and session.is_idle and not session.lifetime.is_frozen:
                self._spawn(self._freeze, session)

    async def _freeze(self, session: Session) -> None:
        try:
            await session.freeze()
        except (AgentBrowserError, Moved) as exc:
            log.info("a session over its owner's traffic goes on", session=session.id, why=str(exc))
        else:
            log.info("session frozen: its owner's traffic is over", session=session.id)
