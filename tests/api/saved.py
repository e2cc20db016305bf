"""Sessions that can be saved, hibernated and forked, as far as a fake without a browser can: each
has a document of its state, which checkpoints copy and calls never look at.
"""

import itertools
from dataclasses import dataclass, field

from agent_browser.errors import CannotHibernate, CheckpointNotFound, ResumeFailed
from agent_browser.models.checkpoints import Checkpoint, CheckpointList, Loss
from agent_browser.models.sessions import ForkInput, Session, SessionCreate, TimeoutsInput
from agent_browser.models.state import StateDocument
from agent_browser.service import Caller
from tests.fakes.sessions import KnownSessions

WORKER = Loss(what="service_worker", where="http://site.test", why="a registration is not saved")
KEPT = 3
"""Checkpoints of a session."""


@dataclass
class KeptStates:
    """What a fake knows of its sessions' states, and what goes wrong with them."""

    documents: dict[str, StateDocument] = field(default_factory=dict)
    checkpoints: dict[str, list[tuple[Checkpoint, StateDocument]]] = field(default_factory=dict)
    """Newest first."""
    unsaved: dict[str, list[str]] = field(default_factory=dict)
    """What the pages of a session hold that no checkpoint does."""
    broken: set[str] = field(default_factory=set)
    """Sessions that can't be brought back."""
    forced: list[bool] = field(default_factory=list)
    """How each was hibernated."""
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))


class SavedSessions(KnownSessions):
    """The part of a session service that saves. A fake that is one has `kept`, and `create`."""

    kept: KeptStates

    async def create(self, caller: Caller, request: SessionCreate) -> Session:
        raise NotImplementedError

    async def hibernate(self, caller: Caller, session_id: str, *, force: bool = False) -> Session:
        session = await self.live(caller, session_id)
        self.kept.forced.append(force)
        unsaved = self.kept.unsaved.get(session_id)
        if unsaved and not force:
            raise CannotHibernate(unsaved)
        if session.state == "live":
            session.state, session.hibernated_at = "hibernated", self.clock.now()
        return session

    async def resume(self, caller: Caller, session_id: str) -> Session:
        session = await self.live(caller, session_id)
        if session.state == "hibernated":
            if session_id in self.kept.broken:
                raise ResumeFailed("the browser did not start.")
            session.state, session.hibernated_at = "live", None
        return session

    async def fork(self, caller: Caller, session_id: str, request: ForkInput) -> Session:
        first = await self.live(caller, session_id)
        document = self._document(session_id)
        if request.checkpoint is not None:
            document = self._saved(session_id, request.checkpoint)
        timeouts = first.timeouts.model_dump() | request.timeouts.model_dump(exclude_none=True)
        asked = SessionCreate(
            name=first.name if request.name is None else request.name,
            pinned=request.pinned,
            tags=first.tags if request.tags is None else request.tags,
            metadata=first.metadata if request.metadata is None else request.metadata,
            timeouts=TimeoutsInput.model_validate(timeouts),
        )
        made = await self.create(caller, asked)
        self.kept.documents[made.id] = document.model_copy(deep=True)
        return made

    async def checkpoint(self, caller: Caller, session_id: str) -> Checkpoint:
        await self.live(caller, session_id)
        document = self._document(session_id).model_copy(deep=True)
        made = Checkpoint(
            id=f"ckp_{next(self.kept.ids):022d}",
            created_at=self.clock.now(),
            cause="demand",
            size=len(repr(document)),
            written=10,
            losses=[WORKER],
        )
        known = self.kept.checkpoints.setdefault(session_id, [])
        known.insert(0, (made, document))
        del known[KEPT:]
        return made

    async def checkpoints(self, caller: Caller, session_id: str) -> CheckpointList:
        await self.live(caller, session_id)
        known = self.kept.checkpoints.get(session_id, [])
        return CheckpointList(items=[checkpoint for checkpoint, _ in known])

    async def rewind(self, caller: Caller, session_id: str, checkpoint_id: str) -> Session:
        await self.live(caller, session_id)
        document = self._saved(session_id, checkpoint_id).model_copy(deep=True)
        return await self.put_state(caller, session_id, document)

    async def state(self, caller: Caller, session_id: str) -> StateDocument:
        await self.live(caller, session_id)
        return self._document(session_id)

    async def put_state(self, caller: Caller, session_id: str, state: StateDocument) -> Session:
        session = await self.live(caller, session_id)
        self.kept.documents[session_id] = state
        shown = [tab for tab in state.tabs if state.active in (None, tab.id)]
        session.url = shown[0].url if shown else "about:blank"
        return session

    def _document(self, session_id: str) -> StateDocument:
        return self.kept.documents.setdefault(session_id, StateDocument())

    def _saved(self, session_id: str, checkpoint_id: str) -> StateDocument:
        for checkpoint, document in self.kept.checkpoints.get(session_id, []):
            if checkpoint.id == checkpoint_id:
                return document
        raise CheckpointNotFound(checkpoint_id)
