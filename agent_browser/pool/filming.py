"""Videos that are being made, against their owner's quota: none begins without any of it left, and
one that `record` began is stopped when it is over, also one that went on after a hibernation. A
video of a tab goes on as long as its tab.
"""

from collections.abc import Iterator
from functools import partial

import structlog

from agent_browser.errors import AgentBrowserError, NotRecording
from agent_browser.models.recording import RecordInput
from agent_browser.pool.means import Means
from agent_browser.service import Caller
from agent_browser.session.session import Moved, Session
from agent_browser.session.stage import Stage

log = structlog.get_logger("agent_browser.pool")

LEAST = 0.05
"""Seconds between two looks at the same owner's."""
AGAIN = 5.0
"""Seconds after which a recording that could not be stopped is stopped once more."""
_OVER = (Stage.HIBERNATED, Stage.ENDED, Stage.EXPIRED)
"""Its videos are final, and counted by who has them."""


class Filming:
    """Which sessions record, and since when."""

    def __init__(self, means: Means) -> None:
        self._quotas = means.quotas
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._running: dict[str, tuple[Session, float]] = {}
        self._stopping: set[str] = set()
        means.quotas.counts("recording", self.seconds)

    def check(self, owner: str) -> None:
        """QuotaExceeded where the owner may begin none."""
        self._quotas.check("recording", owner)
        self._quotas.check("bytes", owner)

    def began(self, session: Session) -> None:
        """Its recording runs from now on."""
        self._running[session.id] = (session, self._clock.monotonic())
        self._look_later(session.owner)

    def seconds(self, owner: str) -> int:
        """How long those of the owner's that run last by now."""
        now = self._clock.monotonic()
        return round(sum(now - began for _, began in self._of(owner)))

    def _of(self, owner: str) -> Iterator[tuple[Session, float]]:
        over = [id for id, (one, _) in self._running.items() if not _runs(one)]
        for id in over:
            del self._running[id]
        return (each for each in list(self._running.values()) if each[0].owner == owner)

    def _look_later(self, owner: str) -> None:
        count = sum(1 for _ in self._of(owner))
        left = self._quotas.left("recording", owner)
        if count and left != float("inf"):
            self._look_in(owner, max(LEAST, left / count))

    def _look_in(self, owner: str, seconds: float) -> None:
        when = self._clock.monotonic() + seconds
        self._sweep.at(when, ("filming", owner), partial(self._look, owner))

    def _look(self, owner: str) -> None:
        if self._quotas.left("recording", owner) > 0:
            self._look_later(owner)
            return
        for session, _ in self._of(owner):
            if session.id not in self._stopping:
                self._stopping.add(session.id)
                self._spawn(self._stop, session)

    async def _stop(self, session: Session) -> None:
        unlogged = Caller(owner=session.owner, is_unlogged=True)
        try:
            await session.call(unlogged, RecordInput(action="stop"))
        except NotRecording:
            pass  # somebody was quicker; or it is of a tab
        except Moved:
            pass  # it is told of anew where it comes back
        except AgentBrowserError as exc:
            log.info("a recording over its quota goes on", session=session.id, reason=str(exc))
            self._look_in(session.owner, AGAIN)
        else:
            log.info("a recording was stopped: its owner's quota is over", session=session.id)
        finally:
            self._stopping.discard(session.id)


def _runs(session: Session) -> bool:
    return session.recording and session.stage not in _OVER
