"""Checkpointing: what sessions are is written down a little after it changed, off the way of who
calls. Nothing is written of what is as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import anyio
import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.checkpoints import LIFE, Cause, Checkpoint, State
from agent_browser.pool.means import Means
from agent_browser.session.session import Moved, Session

log = structlog.get_logger("agent_browser.pool")

AT_ONCE = 2
"""States read at a time: more of them would slow the sessions' own calls."""
PATIENCE = 10.0
"""Seconds that pages have to tell what they are."""
AGAIN = 15.0
"""Seconds until the next try after one that failed."""


@dataclass
class _Kept:
    """What is known of a session's checkpoints."""

    digests: Mapping[str, str] = field(default_factory=dict)
    """Of the parts of the latest, by name."""
    due: bool = False
    failed: bool = False
    """The latest try did, which was told."""


class Checkpointing:
    """Keeps the checkpoints of live sessions as new as their settings want them."""

    def __init__(self, means: Means) -> None:
        self._checkpoints = means.checkpoints
        self._settings = means.settings
        self._publisher = means.publisher
        self._observer = means.observer
        self._clock = means.clock
        self._sweep = means.sweep
        self._spawn = means.spawn
        self._kept: WeakKeyDictionary[Session, _Kept] = WeakKeyDictionary()
        self._room = anyio.Semaphore(AT_ONCE)

    def touched(self, session: Session) -> None:
        """Something of it may have changed: it is saved in a while, if that is so."""
        if not session.is_known or not session.is_live:
            return
        kept = self._kept.setdefault(session, _Kept())
        if not kept.due:
            self._wait(session, kept, self._settings.checkpoint_after)

    def is_saved(self, session: Session) -> bool:
        """Whether there is a checkpoint of it."""
        kept = self._kept.get(session)
        return kept is not None and bool(kept.digests)

    def resumed(self, session: Session, state: State) -> None:
        """It lives again, as that state has it."""
        self._kept[session] = _Kept(_digests(state))

    def stop(self, session: Session) -> None:
        """It is saved no more by itself."""
        self._sweep.cancel(("checkpoint", session.id))
        kept = self._kept.get(session)
        if kept is not None:
            kept.due = True

    def go_on(self, session: Session) -> None:
        """It is not hibernated after all."""
        kept = self._kept.setdefault(session, _Kept())
        kept.due = False
        self.touched(session)

    async def read(self, session: Session, *, thorough: bool = True) -> State:
        """What it is now. DeadlineExceeded, BrowserLost, and what a session that is gone raises."""
        async with self._room:
            with anyio.fail_after(PATIENCE):
                return await session.captured(thorough=thorough)

    async def save(self, session: Session, state: State, cause: Cause) -> Checkpoint:
        """Keep that of it. StorageFull, StateLocked."""
        began = self._clock.monotonic()
        try:
            checkpoint = await self._checkpoints.save(session.id, state, cause=cause)
        except AgentBrowserError:
            self._note(began, "failed")
            raise
        self._note(began, "ok", checkpoint.written)
        self._kept.setdefault(session, _Kept()).digests = _digests(state)
        return checkpoint

    def _wait(self, session: Session, kept: _Kept, seconds: float) -> None:
        kept.due = True
        when = self._clock.monotonic() + seconds
        self._sweep.at(
            when, ("checkpoint", session.id), partial(self._spawn, self._save_if_new, session, kept)
        )

    async def _save_if_new(self, session: Session, kept: _Kept) -> None:
        """What changes from now on is for the next one."""
        kept.due = False
        if not session.is_live:
            return
        try:
            state = await self.read(session, thorough=False)
            if not session.is_live or _is_same(kept.digests, _digests(state)):
                return
            await self.save(session, state, "activity")
            kept.failed = False
        except (AgentBrowserError, TimeoutError) as exc:
            self._failed(session, kept, exc)
        except Moved:
            return

    def _failed(self, session: Session, kept: _Kept, exc: AgentBrowserError | TimeoutError) -> None:
        reason = exc.detail if isinstance(exc, AgentBrowserError) else "its pages did not answer"
        if not session.is_live:
            return
        log.warning("a session was not saved", session=session.id, reason=reason)
        if not kept.failed:
            kept.failed = True
            code = exc.code if isinstance(exc, AgentBrowserError) else "deadline_exceeded"
            told = {"code": code, "message": f"not saved: {reason}", "recoverable": True}
            self._publisher.publish("session.error", session.id, session.owner, told)
        if not kept.due:
            self._wait(session, kept, AGAIN)

    def _note(self, began: float, outcome: str, written: int = 0) -> None:
        seconds = self._clock.monotonic() - began
        self._observer.checkpointed(outcome=outcome, seconds=seconds, written=written)


def _digests(state: State) -> dict[str, str]:
    return {name: part.digest for name, part in state.parts.items()}


def _is_same(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether nothing differs but the time that it lived."""
    return bool(before) and {**before, LIFE: ""} == {**now, LIFE: ""}
