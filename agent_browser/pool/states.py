"""What is done with sessions' states: saved, forked, set back, replaced."""

from agent_browser.models import sessions as wire
from agent_browser.models.checkpoints import (
    BELONGINGS,
    LIFE,
    OPTIONS,
    SECRETS,
    TABS,
    Checkpoint,
    CheckpointList,
    Part,
    State,
)
from agent_browser.models.records import Record
from agent_browser.models.state import StateDocument
from agent_browser.pool.calls import Calls
from agent_browser.pool.checkpointing import Checkpointing
from agent_browser.pool.directory import Directory
from agent_browser.pool.hibernation import Hibernation
from agent_browser.pool.means import Means
from agent_browser.pool.secrets import Secrets
from agent_browser.pool.waking import Waking
from agent_browser.service import Caller
from agent_browser.session.description import describe, record_of, refusal
from agent_browser.session.documents import from_document, to_document
from agent_browser.session.options import narrower
from agent_browser.session.past import options_in
from agent_browser.session.session import Moved, Session

OWN = frozenset({LIFE, BELONGINGS})
"""Parts that are of one session alone."""


class States:
    """The caller's sessions as what they are, and were."""

    def __init__(
        self,
        directory: Directory,
        calls: Calls,
        hibernation: Hibernation,
        waking: Waking,
        checkpointing: Checkpointing,
        secrets: Secrets,
        means: Means,
    ) -> None:
        self._directory = directory
        self._calls = calls
        self._hibernation = hibernation
        self._waking = waking
        self._checkpointing = checkpointing
        self._secrets = secrets
        self._checkpoints = means.checkpoints

    async def hibernate(self, caller: Caller, session_id: str, *, force: bool) -> wire.Session:
        """Have it hibernated, if it is not. CannotHibernate, StorageFull, SessionEnded."""
        session = await self._present(caller, session_id)
        if session is not None:
            session.control.check(caller)
            await self._hibernation.hibernate(session, force=force)
        return await self._directory.get(caller, session_id)

    async def resume(self, caller: Caller, session_id: str) -> wire.Session:
        """Have it brought back, if it is hibernated. ResumeFailed, PoolFull, SessionEnded."""
        while True:
            session = await self._directory.find(caller, session_id)
            try:
                await session.settled()
                if session.lifetime.is_frozen:
                    await session.thaw()
            except Moved:
                continue
            return describe(session)

    async def fork(self, caller: Caller, session_id: str, request: wire.ForkInput) -> wire.Session:
        """A new session from what it is, or was. CheckpointNotFound, PoolFull, SessionEnded."""
        if request.checkpoint is not None:
            record = await self._record(caller, session_id)
            state = await self._checkpoints.load(session_id, request.checkpoint)
        else:
            record, state = await self._now(caller, session_id)
        parts = {name: part for name, part in state.parts.items() if name not in OWN}
        asked = wire.SessionCreate(
            name=record.name if request.name is None else request.name,
            pinned=request.pinned,
            tags=list(record.tags) if request.tags is None else request.tags,
            metadata=dict(record.metadata) if request.metadata is None else request.metadata,
            timeouts=_timeouts(record, request),
            privacy=record.privacy,
        )
        options = narrower(options_in(state), request.egress)
        forked = await self._calls.create(
            caller.acting_for(record.owner), asked, options, State(parts, state.losses)
        )
        return describe(forked)

    async def checkpoint(self, caller: Caller, session_id: str) -> Checkpoint:
        """Save it now; of one that is hibernated the checkpoint that it sleeps on."""
        while True:
            session = await self._present(caller, session_id)
            if session is None:
                listed = await self._checkpoints.listed(session_id)
                if listed:
                    return listed[0]
                session = await self._directory.find(caller, session_id)
            try:
                state = await self._read(session)
                return await self._checkpointing.save(session, state, "demand")
            except Moved:
                continue

    async def checkpoints(self, caller: Caller, session_id: str) -> CheckpointList:
        """Those that are kept of it. SessionEnded."""
        await self._record(caller, session_id)
        return CheckpointList(items=await self._checkpoints.listed(session_id))

    async def rewind(self, caller: Caller, session_id: str, checkpoint_id: str) -> wire.Session:
        """Make it what it was. CheckpointNotFound, SessionEnded."""
        await self._record(caller, session_id)
        state = await self._checkpoints.load(session_id, checkpoint_id)
        return await self._become(caller, session_id, state)

    async def state(self, caller: Caller, session_id: str) -> StateDocument:
        """What it is. SessionEnded."""
        _, state = await self._now(caller, session_id)
        session = self._directory.held(caller, session_id)
        veil = None if session is None else session.veil
        return await self._secrets.shown(to_document(state), state, veil)

    async def put_state(
        self, caller: Caller, session_id: str, document: StateDocument
    ) -> wire.Session:
        """Make it what that says. SessionEnded, InvalidRequest."""
        return await self._become(caller, session_id, from_document(document))

    async def captured(self, caller: Caller, session_id: str, checkpoint: str | None) -> State:
        """What it is, or was at that checkpoint. CheckpointNotFound, SessionEnded."""
        if checkpoint is None:
            return (await self._now(caller, session_id))[1]
        await self._record(caller, session_id)
        return await self._checkpoints.load(session_id, checkpoint)

    async def _become(self, caller: Caller, session_id: str, wanted: State) -> wire.Session:
        """Close its context, and bring it back in another as that. What the state does not say
        stays: what was put into the session, and its options.
        """

        def change(now: State) -> State:
            kept = {n: part for n, part in now.parts.items() if n in OWN or n == SECRETS}
            options = {name: part for name, part in now.parts.items() if name == OPTIONS}
            became = State({**options, **wanted.parts, **kept}, wanted.losses)
            return became.with_parts(_counted(now, became))

        while True:
            session = await self._directory.find(caller, session_id)
            session.control.check(caller)
            try:
                session.refuse()
                await self._hibernation.replace(session, change)
            except Moved:
                continue
            return await self.resume(caller, session_id)

    async def _present(self, caller: Caller, session_id: str) -> Session | None:
        """A session that is live; None of one that is hibernated. SessionEnded."""
        await self._waking.arrived(session_id, caller.scope)
        session = self._directory.held(caller, session_id)
        if session is None:
            record = await self._directory.record(caller, session_id)
            if record.state != "hibernated":
                raise refusal(record)
            return None
        session.refuse()
        return session

    async def _record(self, caller: Caller, session_id: str) -> Record:
        """Its record. SessionNotFound, SessionEnded, SessionExpired."""
        session = await self._present(caller, session_id)
        if session is not None:
            return record_of(session)
        return await self._directory.record(caller, session_id)

    async def _now(self, caller: Caller, session_id: str) -> tuple[Record, State]:
        while True:
            record = await self._record(caller, session_id)
            session = self._directory.held(caller, session_id)
            if session is None:
                return record, await self._checkpoints.load(session_id)
            try:
                return record, await self._read(session)
            except Moved:
                continue

    async def _read(self, session: Session) -> State:
        """What it is, once the calls that came before are done."""
        async with session.resting():
            return await self._checkpointing.read(session)


def _counted(now: State, wanted: State) -> list[Part]:
    """Its tabs, numbered on from what was given out until now: no ref and no tab is given twice."""
    before, after = now.value(TABS) or {}, wanted.value(TABS) or {}
    counts = {
        name: max(before.get(name, 0), after.get(name, 0)) for name in ("last_tab", "last_ref")
    }
    return [Part.of(TABS, {"tabs": [], "active": None, **after, **counts})]


def _timeouts(record: Record, request: wire.ForkInput) -> wire.TimeoutsInput:
    """The first session's, with those asked for before them."""
    given = request.timeouts.model_dump(exclude_none=True)
    return wire.TimeoutsInput.model_validate(record.timeouts.model_dump() | given)
