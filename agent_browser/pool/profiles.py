"""Profiles: saved states under names of their owner's, that sessions start from. What is secret is
in the store of states; the record beside it, a paper, has counts and masked options.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import anyio
import structlog

from agent_browser.clock import Clock
from agent_browser.errors import (
    AgentBrowserError,
    CheckpointNotFound,
    CheckpointUnusable,
    Conflict,
    ProfileNotFound,
    StateLocked,
)
from agent_browser.ids import new_profile_key
from agent_browser.models.base import Output
from agent_browser.models.checkpoints import Cause, State
from agent_browser.models.functions import ContextOptions
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.sessions import TimeoutsInput
from agent_browser.models.state import StateDocument
from agent_browser.papers import Papers
from agent_browser.pool.logins import (
    Start,
    check,
    describe,
    imported,
    options_of,
    with_options,
)
from agent_browser.quotas.held import Held
from agent_browser.quotas.quotas import Quotas
from agent_browser.service import Caller
from agent_browser.session import documents
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.session.lifecycle import timeouts_in_force
from agent_browser.session.options import of_login
from agent_browser.settings import Settings

KIND = "profile"
KEEP = 2
"""States kept of a profile: this one, and the one before it for the case that it can't be read."""
PATIENCE = 5.0
"""Seconds in which what a failed put left is taken away."""
Capture = Callable[[Caller, str, str | None], Awaitable[State]]
"""The state of a session of the caller's as it is now, or was at one of its checkpoints."""

log = structlog.get_logger("agent_browser.pool")


class Means(Protocol):
    """What profiles work with, of `pool.means`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def quotas(self) -> Quotas: ...


class _Kept(Output):
    """A profile's record. Its state is under that key."""

    owner: str
    key: str
    checkpoint: str
    """Empty while the first one is not yet saved: then there is no profile yet."""
    profile: Profile


@dataclass
class _Turn:
    """Puts and deletions of one profile, one at a time in the order of their arrival."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    users: int = 0


class Profiles:
    """The part of the session service that has to do with profiles. None of them is in memory."""

    def __init__(self, means: Means, papers: Papers) -> None:
        self._settings = means.settings
        self._clock = means.clock
        self._checkpoints = means.checkpoints
        self._papers = papers
        self._quotas = means.quotas
        self._sizes = Held()
        means.quotas.stores("profiles", self._sizes.of)
        self._turns: dict[str, _Turn] = {}
        self._making = anyio.Lock()

    async def sweep(self) -> None:
        """Take away what a killed server had begun to save. To be called once, at the start."""
        for paper in await self._papers.papers(KIND):
            kept = _Kept.model_validate(paper.data)
            if not kept.checkpoint:
                await self._erase(kept)
            else:
                self._sizes.put(kept.key, kept.owner, kept.profile.size)

    async def profiles(self, caller: Caller) -> ProfileList:
        """The caller's, by name."""
        kept = await self._all_of(caller.owner)
        items = [one.profile for one in kept if one.checkpoint]
        return ProfileList(items=sorted(items, key=lambda one: one.name))

    async def profile(self, caller: Caller, name: str) -> Profile:
        """One of them. ProfileNotFound."""
        return (await self._known(caller.owner, name)).profile

    async def profile_state(self, caller: Caller, name: str) -> StateDocument:
        """What it holds. ProfileNotFound, StateLocked, CheckpointUnusable."""
        kept = await self._known(caller.owner, name)
        return documents.to_document(await self._load(kept))

    async def state(self, owner: str, name: str) -> Start:
        """What a session that starts from it begins with. ProfileNotFound, StateLocked,
        CheckpointUnusable.
        """
        kept = await self._known(owner, name)
        state = await self._load(kept)
        timeouts = TimeoutsInput.model_validate(kept.profile.timeouts)
        return Start(documents.without_options(state), timeouts, options_of(state))

    async def put_profile(
        self, caller: Caller, name: str, request: ProfileInput, *, capture: Capture
    ) -> Profile:
        """Make it, or change what is given of it; one that fails leaves what there was. Conflict
        where the owner has as many as may be, InvalidRequest, InvalidTimeout, CheckpointNotFound,
        QuotaExceeded, StorageFull, StateLocked, and what `capture` raises.
        """
        if request.timeouts is not None:
            timeouts_in_force(self._settings, request.timeouts, TimeoutsInput())
        if request.options is not None:
            check(request.options)
        async with self._turn(caller.owner, name):
            before = await self._find(caller.owner, name)
            if before is not None and before.checkpoint:
                return await self._change(caller, before, request, capture)
            key = new_profile_key() if before is None else before.key
            return await self._make(caller, name, key, request, capture)

    async def delete_profile(self, caller: Caller, name: str) -> None:
        """Erase it. Sessions that started from it are what they are. ProfileNotFound."""
        async with self._turn(caller.owner, name):
            await self._erase(await self._known(caller.owner, name))

    async def _make(
        self, caller: Caller, name: str, key: str, request: ProfileInput, capture: Capture
    ) -> Profile:
        now = self._clock.now()
        profile = Profile(name=name, created_at=now, updated_at=now)
        begun = _Kept(owner=caller.owner, key=key, checkpoint="", profile=profile)
        async with self._making:
            names = {one.profile.name for one in await self._all_of(caller.owner)}
            if len(names - {name}) >= self._settings.max_profiles:
                raise Conflict(
                    f"an owner may have {self._settings.max_profiles} profiles; delete one before"
                )
            self._keep(begun)
        try:
            await self._papers.flush()  # so that a killed server leaves no state without a record
            return await self._change(caller, begun, request, capture)
        except BaseException:
            await self._take_back(begun)
            raise

    async def _take_back(self, begun: _Kept) -> None:
        """Leave nothing of a first put that failed; what can't be erased now `sweep` will."""
        try:
            with anyio.move_on_after(PATIENCE, shield=True):
                await self._erase(begun)
        except AgentBrowserError as exc:
            log.warning("a profile that was not saved is left", reason=exc.detail)

    async def _change(
        self, caller: Caller, before: _Kept, request: ProfileInput, capture: Capture
    ) -> Profile:
        """The profile as it is then; of one that was begun only, the first that there is of it."""
        profile = before.profile.model_copy(update={"updated_at": self._clock.now()})
        given = request.model_fields_set
        if "description" in given:
            profile.description = request.description
        if "timeouts" in given:
            asked = request.timeouts or TimeoutsInput()
            profile.timeouts = asked.model_dump(mode="json", exclude_none=True)
        checkpoint = before.checkpoint
        if _has_source(request) or "options" in given or not checkpoint:
            state, cause = await self._new_state(caller, before, request, capture)
            more = state.size - before.profile.size
            if more > 0:
                self._quotas.check("bytes", caller.owner, more)
            checkpoint = await self._save(before, state, cause)
            describe(profile, state)
        after = before.model_copy(update={"checkpoint": checkpoint, "profile": profile})
        self._keep(after)
        try:
            await self._papers.flush()
        except BaseException:
            self._keep(before)
            raise
        self._sizes.put(after.key, after.owner, profile.size)
        return profile

    async def _new_state(
        self, caller: Caller, before: _Kept, request: ProfileInput, capture: Capture
    ) -> tuple[State, Cause]:
        """With the options that sessions from it are to have."""
        cause: Cause = "demand"
        if request.session_id is not None:
            whole = await capture(caller, request.session_id, request.checkpoint)
            state, options = documents.login(whole), of_login(options_of(whole))
        elif _has_source(request):
            cause = "import"
            state = documents.login(imported(request))
            options = await self._options_of(before)
        elif before.checkpoint:
            state = await self._load(before)
            options = options_of(state)
        else:
            state, options = State(), ContextOptions()
        if "options" in request.model_fields_set:
            options = request.options or ContextOptions()
        return with_options(state, options), cause

    async def _options_of(self, kept: _Kept) -> ContextOptions:
        return options_of(await self._load(kept)) if kept.checkpoint else ContextOptions()

    async def _save(self, before: _Kept, state: State, cause: Cause) -> str:
        """The checkpoint's id. The one that the record names stays until it names another, also
        where others were saved since that it never came to name.
        """
        keep = KEEP
        if before.checkpoint:
            with suppress(StateLocked, CheckpointUnusable):  # what can't be read stays anyway
                ids = [one.id for one in await self._checkpoints.listed(before.key)]
                keep += ids.index(before.checkpoint) if before.checkpoint in ids else 0
        return (await self._checkpoints.save(before.key, state, cause=cause, keep=keep)).id

    async def _load(self, kept: _Kept) -> State:
        """Its state; the one before where that can't be read."""
        try:
            return await self._checkpoints.load(kept.key, kept.checkpoint)
        except (CheckpointNotFound, CheckpointUnusable) as exc:
            log.warning("a profile's state can't be read", profile=_id_of(kept), reason=exc.detail)
        try:
            return await self._checkpoints.load(kept.key)
        except CheckpointNotFound as exc:
            if await self._find(kept.owner, kept.profile.name) is None:
                raise ProfileNotFound(kept.profile.name) from exc  # deleted meanwhile
            raise CheckpointUnusable(
                f"the state of profile {kept.profile.name} is not there any more; save it again"
            ) from exc

    async def _erase(self, kept: _Kept) -> None:
        """The state first: a record without one can be deleted again, a state without one not."""
        await self._checkpoints.erase(kept.key)
        self._sizes.drop(kept.key)
        self._papers.drop(KIND, _id_of(kept))
        await self._papers.flush()

    async def _known(self, owner: str, name: str) -> _Kept:
        kept = await self._find(owner, name)
        if kept is None or not kept.checkpoint:
            raise ProfileNotFound(name)
        return kept

    async def _find(self, owner: str, name: str) -> _Kept | None:
        data = await self._papers.get(KIND, _id(owner, name))
        return None if data is None else _Kept.model_validate(data)

    async def _all_of(self, owner: str) -> list[_Kept]:
        found = await self._papers.papers(KIND, owner=owner)
        return [_Kept.model_validate(paper.data) for paper in found]

    def _keep(self, kept: _Kept) -> None:
        self._papers.put(KIND, _id_of(kept), kept.owner, kept.model_dump(mode="json"))

    @asynccontextmanager
    async def _turn(self, owner: str, name: str) -> AsyncIterator[None]:
        id = _id(owner, name)
        turn = self._turns.setdefault(id, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[id]


def _id(owner: str, name: str) -> str:
    """Of the record: the same name of two owners is two."""
    return hashlib.sha256(f"{owner}\0{name}".encode()).hexdigest()


def _id_of(kept: _Kept) -> str:
    return _id(kept.owner, kept.profile.name)


def _has_source(request: ProfileInput) -> bool:
    sources = (request.session_id, request.storage_state, request.cookies)
    return any(source is not None for source in sources)
