"""Waking: hibernated sessions are brought back by the next call, once however many call."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import anyio
import structlog

from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    CheckpointNotFound,
    CheckpointUnusable,
    InternalError,
    PoolFull,
    QuotaExceeded,
    ResumeFailed,
    SessionNotFound,
    StateLocked,
)
from agent_browser.models.checkpoints import RECORDING, Loss, State
from agent_browser.models.records import Record
from agent_browser.models.sessions import SessionCreate
from agent_browser.pool.checkpointing import Checkpointing
from agent_browser.pool.claims import Lease
from agent_browser.pool.housing import Housing
from agent_browser.pool.means import Means
from agent_browser.pool.policy import Backoff
from agent_browser.pool.register import Register
from agent_browser.pool.residents import Residents
from agent_browser.pool.restoring import closing_if_failed, restored
from agent_browser.pool.retention import Retention
from agent_browser.pool.secrets import Secrets
from agent_browser.session.description import refusal
from agent_browser.session.past import Past, options_in
from agent_browser.session.session import Session

log = structlog.get_logger("agent_browser.pool")

AS_THEY_ARE = (PoolFull, QuotaExceeded, StateLocked, CheckpointUnusable)
"""Why a session does not come back, as callers are told it; the rest is ResumeFailed."""
REMEMBERED = 1_000
"""Sessions of which it is known that they lost their browser."""


@dataclass
class _Awaited:
    """A session on its way back, and who waits for it."""

    owner: str
    over: anyio.Event = field(default_factory=anyio.Event)
    session: Session | None = None
    error: AgentBrowserError | None = None


class Waking:
    """How sessions come back."""

    def __init__(
        self,
        register: Register,
        housing: Housing,
        residents: Residents,
        retention: Retention,
        checkpointing: Checkpointing,
        secrets: Secrets,
        means: Means,
    ) -> None:
        self._register = register
        self._housing = housing
        self._residents = residents
        self._retention = retention
        self._checkpointing = checkpointing
        self._secrets = secrets
        self._means = means
        self._settings = means.settings
        self._keeping = means.keeping
        self._checkpoints = means.checkpoints
        self._archive = means.archive
        self._publisher = means.publisher
        self._observer = means.observer
        self._clock = means.clock
        self._on_their_way: dict[str, _Awaited] = {}
        self._backoffs: OrderedDict[str, Backoff] = OrderedDict()
        """Of sessions that lost their browser of late, or could not be brought back."""

    async def arrived(self, session_id: str, owner: str | None = None) -> None:
        """Come back when it, of that owner, is not on its way any more, whatever came of it."""
        awaited = self._on_their_way.get(session_id)
        if awaited is not None and owner in (None, awaited.owner):
            await awaited.over.wait()

    async def wake(self, record: Record) -> Session:
        """The session of that record, live. PoolFull, ResumeFailed, StateLocked,
        CheckpointUnusable. A caller that goes away changes nothing.
        """
        awaited = self._on_their_way.get(record.id)
        if awaited is None:
            present = self._register.get(record.id)
            if present is not None:  # it came back while its record was read
                return present
            awaited = self._on_their_way[record.id] = _Awaited(record.owner)
            self._register.waking.add(record.id)
            self._means.spawn(self._wake, record.id, awaited)
        await awaited.over.wait()
        if awaited.error is not None:
            raise awaited.error
        session = awaited.session or self._register.get(record.id)
        if session is None:
            raise SessionNotFound(record.id)
        return session

    def lost(self, session: Session) -> None:
        """It lost its browser: where it does so again and again, it comes back later and later."""
        lived = self._clock.monotonic() - session.lifetime.live_since
        self._set_back(session.id, lived=max(0.001, lived))

    async def _wake(self, session_id: str, awaited: _Awaited) -> None:
        began = self._clock.monotonic()
        try:
            self._refuse_crashing(session_id, began)
            # Read again: nobody changes it from here on.
            async with self._retention.lock:
                record = await self._archive.find(session_id)
                if record is None or record.state != "hibernated":
                    if record is not None and record.state != "live":
                        awaited.error = refusal(record)
                    return
                self._retention.unwatch(session_id)
            with self._housing.undisturbed():  # and the warm set is filled again after it
                awaited.session, losses = await self._brought_back(record)
            outcome = "partly" if losses else "ok"
            self._note(outcome, began)
        except AgentBrowserError as exc:
            awaited.error = self._failed(session_id, awaited.owner, exc, began)
        except Exception:
            log.exception("a session could not be brought back", session=session_id)
            awaited.error = self._failed(session_id, awaited.owner, InternalError(), began)
        finally:
            del self._on_their_way[session_id]
            self._register.waking.discard(session_id)
            if awaited.session is None:
                await self._watch_again(session_id)
            awaited.over.set()

    async def _brought_back(self, record: Record) -> tuple[Session, list[Loss]]:
        try:
            state = await self._checkpoints.load(record.id)
        except CheckpointNotFound:
            raise CheckpointUnusable(
                f"the checkpoint of {record.id} is gone; close the session and open another"
            ) from None
        past = Past.of(state)
        past = replace(past, renewals=max(past.renewals, record.renewal_count))
        self._residents.spending.check(record.owner)
        session = self._made(record, state, past)
        lease = await self._housing.obtain(session.options, session.folder, owner=session.owner)
        async with closing_if_failed(self._housing, lease, videos=session.recording):
            films = session.recording_folder() if RECORDING in state.parts else None
            await self._secrets.veil(lease.context.veil, state)
            brought = await restored(lease, state, recordings=films)
            losses = [*brought, *await session.belongings.recall(past)]
        # No await between here and its moving in: a lease that nobody has would never be closed.
        self._move_in(session, lease, past, state, losses)
        return session, losses

    def _move_in(
        self, session: Session, lease: Lease, past: Past, state: State, losses: list[Loss]
    ) -> None:
        self._register.hibernated.drop(session.id)
        self._residents.move_back_in(session, lease, past, [*state.losses, *losses])
        self._checkpointing.resumed(session, state)
        log.info("session resumed", session=session.id, lost=len(losses))

    def _made(self, record: Record, state: State, past: Past) -> Session:
        """The session as its record has it, with no context yet."""
        request = SessionCreate(
            name=record.name,
            pinned=record.pinned,
            tags=list(record.tags),
            metadata=dict(record.metadata),
            privacy=record.privacy,
        )
        options = options_in(state)
        session = Session(
            record.id,
            record.owner,
            request,
            options.model_copy(update={"record_video": True}) if past.films else options,
            record.timeouts,
            settings=self._settings,
            keeping=self._keeping,
            clock=self._clock,
        )
        session.profile = record.profile
        session.control = self._register.controls.pop(record.id, session.control)
        session.created_at = record.created_at
        return session

    def _refuse_crashing(self, session_id: str, now: float) -> None:
        backoff = self._backoffs.get(session_id)
        if backoff is not None and now < backoff.until:
            raise ResumeFailed(
                "it lost its browser again and again.", retry_after=backoff.until - now
            )

    def _set_back(self, session_id: str, *, lived: float) -> None:
        backoff = self._backoffs.setdefault(session_id, Backoff())
        self._backoffs.move_to_end(session_id)
        if len(self._backoffs) > REMEMBERED:
            self._backoffs.popitem(last=False)
        backoff.failed(self._clock.monotonic(), lived=lived, jitter=1.0)

    def _failed(
        self, session_id: str, owner: str, exc: AgentBrowserError, began: float
    ) -> AgentBrowserError:
        """It did not come back; its checkpoint is as it was."""
        self._note("refused" if isinstance(exc, PoolFull | QuotaExceeded) else "failed", began)
        log.warning("session not resumed", session=session_id, reason=exc.detail)
        told = {"code": exc.code, "message": exc.detail[:500], "lost": []}
        self._publisher.publish("session.resume_failed", session_id, owner, told)
        if isinstance(exc, (*AS_THEY_ARE, ResumeFailed)):
            return exc
        if isinstance(exc, BrowserLost):
            self._set_back(session_id, lived=0.001)
        detail = exc.detail if exc.detail.endswith(".") else f"{exc.detail}."
        return ResumeFailed(detail)

    async def _watch_again(self, session_id: str) -> None:
        try:
            record = await self._archive.find(session_id)
        except Exception as exc:  # who waits is to be told all the same
            log.warning("a session's retention is not watched", session=session_id, reason=str(exc))
            return
        if record is not None and record.state == "hibernated":
            self._retention.watch(record)

    def _note(self, outcome: str, began: float) -> None:
        self._observer.resumed(outcome=outcome, seconds=self._clock.monotonic() - began)
