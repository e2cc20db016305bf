"""Checkpointing: what sessions are is written down a little after it changed, off the way of who
calls. Nothing is written of what is as it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import anyio
import structlog

from agent_browser.errors import AgentBrowserError, DeadlineExceeded, InternalError
from agent_browser.models.checkpoints import LIFE, Cause, Checkpoint, State
from agent_browser.pool.means import Means
from agent_browser.session.session import Moved, Session

log = structlog.get_logger("agent_browser.pool")

AT_ONCE = 2
"""States read at a time off the way of calls: more of them would slow these."""
ASKED_AT_ONCE = 8
"""The same for calls that wait for it."""
PATIENCE = 10.0
"""Seconds that pages have to tell what they are, where somebody waits for it."""
SHORT_PATIENCE = 3.0
"""The same otherwise: others are to be saved, too."""
GIVES_WAY = 5.0
"""Seconds by which it may be later while sessions are being opened, whose callers wait."""
A_WHILE = 0.3
"""Seconds until they are saved when that is over: others may come at once."""
AGAIN = 10.0
LONGEST_AGAIN = 300.0
"""Seconds until the next try after one that failed; twice as many after each further one."""


@dataclass
class _Kept:
    """What is known of a session's checkpoints."""

    digests: Mapping[str, str] = field(default_factory=dict)
    """Of the parts of the latest, by name."""
    due: bool = False
    since: float = 0.0
    """When it was to be saved first."""
    failures: int = 0
    """Tries that failed since the last that did not; the first is told."""


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
        self.is_opening: Callable[[], bool] = _no
        """Whether somebody waits for a session that is being opened."""
        self._asked_room = anyio.Semaphore(ASKED_AT_ONCE)
        self._giving_way: dict[Session, _Kept] = {}
        """Those that are due, and wait until nobody waits for a session that is being opened."""
        self._is_calm_due = False

    def touched(self, session: Session) -> None:
        """Something of it may have changed: it is saved in a while, if that is so."""
        if not session.is_known or not session.is_live:
            return
        kept = self._kept.setdefault(session, _Kept())
        if not kept.due:
            kept.since = self._clock.monotonic() + self._settings.checkpoint_after
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
        self._giving_way.pop(session, None)
        kept = self._kept.get(session)
        if kept is not None:
            kept.due = True

    def go_on(self, session: Session) -> None:
        """It is not hibernated after all."""
        kept = self._kept.setdefault(session, _Kept())
        kept.due = False
        self.touched(session)

    async def read(self, session: Session) -> State:
        """What it is now. DeadlineExceeded, BrowserLost, and what a session that is gone raises."""
        with anyio.move_on_after(PATIENCE):
            async with self._asked_room:
                return await session.captured(thorough=True)
        raise DeadlineExceeded("checkpoint", PATIENCE)

    async def save(self, session: Session, state: State, cause: Cause) -> Checkpoint:
        """Keep that of it. StorageFull, StateLocked."""
        began = self._clock.monotonic()
        try:
            checkpoint = await self._checkpoints.save(session.id, state, cause=cause)
        except AgentBrowserError:
            self._note(began, "failed")
            raise
        self._note(began, "ok", checkpoint.written)
        if session.end_reason is not None:  # meanwhile, and what was kept of it was erased
            await self._checkpoints.erase(session.id)
        self._kept.setdefault(session, _Kept()).digests = _digests(state)
        return checkpoint

    def calmed(self) -> None:
        """Nobody waits any more for a session that is being opened."""
        if self._giving_way and not self._is_calm_due:
            self._is_calm_due = True
            self._sweep.at(self._clock.monotonic() + A_WHILE, "calm", self._give_way_no_more)

    def _give_way_no_more(self) -> None:
        self._is_calm_due = False
        if self.is_opening():
            return  # `calmed` is told again
        waiting, self._giving_way = self._giving_way, {}
        for session, kept in waiting.items():
            self._wait(session, kept, 0.0)

    def _wait(self, session: Session, kept: _Kept, seconds: float) -> None:
        kept.due = True
        when = self._clock.monotonic() + seconds
        self._sweep.at(
            when, ("checkpoint", session.id), partial(self._spawn, self._save_if_new, session, kept)
        )

    async def _save_if_new(self, session: Session, kept: _Kept) -> None:
        """What changes from now on is for the next one."""
        late = kept.since + GIVES_WAY - self._clock.monotonic()
        if self.is_opening() and late > 0:
            self._giving_way[session] = kept
            self._wait(session, kept, late)
            return
        self._giving_way.pop(session, None)
        kept.due = False
        if not session.is_live:
            return
        try:
            async with self._room:
                with anyio.fail_after(SHORT_PATIENCE):
                    state = await session.captured()
            if not session.is_live or _is_same(kept.digests, _digests(state)):
                return
            await self.save(session, state, "activity")
            kept.failures = 0
        except Moved:
            return
        except Exception as exc:
            self._failed(session, kept, exc)

    def _failed(self, session: Session, kept: _Kept, exc: Exception) -> None:
        if not session.is_live:
            return
        error = _error_of(exc)
        if isinstance(error, InternalError):
            log.error("a session was not saved", session=session.id, exc_info=exc)
        else:
            log.warning("a session was not saved", session=session.id, reason=error.detail)
        if not kept.failures:
            message = f"not saved: {error.detail}"
            told = {"code": error.code, "message": message, "recoverable": True}
            self._publisher.publish("session.error", session.id, session.owner, told)
        seconds = min(LONGEST_AGAIN, AGAIN * 2**kept.failures)
        kept.failures += 1
        self._wait(session, kept, seconds)

    def _note(self, began: float, outcome: str, written: int = 0) -> None:
        seconds = self._clock.monotonic() - began
        self._observer.checkpointed(outcome=outcome, seconds=seconds, written=written)


def _no() -> bool:
    """Nobody does."""
    return False


def _error_of(exc: Exception) -> AgentBrowserError:
    """What callers are told of it."""
    if isinstance(exc, TimeoutError):
        return DeadlineExceeded("checkpoint", SHORT_PATIENCE)
    return exc if isinstance(exc, AgentBrowserError) else InternalError()


def _digests(state: State) -> dict[str, str]:
    return {name: part.digest for name, part in state.parts.items()}


def _is_same(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether nothing differs but the time that it lived."""
    return bool(before) and {**before, LIFE: ""} == {**now, LIFE: ""}
