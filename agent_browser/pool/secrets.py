"""Secrets by name: kept for their owner, typed by sessions, shown to nobody. The value is in the
store of states, encrypted as they are and with them when keys change; the record beside it, a
paper, has what callers may see.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

import anyio
import structlog

from agent_browser.browser.engine import Secret as Typed
from agent_browser.browser.veil import Veil
from agent_browser.clock import Clock
from agent_browser.errors import (
    AgentBrowserError,
    CheckpointNotFound,
    CheckpointUnusable,
    Conflict,
    InvalidRequest,
    SecretNotFound,
)
from agent_browser.ids import new_secret_key
from agent_browser.models.base import Input, Output
from agent_browser.models.checkpoints import SECRETS, Part, State
from agent_browser.models.functions import InteractInput
from agent_browser.models.secrets import Secret, SecretInput, SecretList, SecretRef, may_be_typed
from agent_browser.models.state import StateDocument
from agent_browser.papers import Papers
from agent_browser.pool.browsers import Spawn
from agent_browser.pool.onetime import codes_of
from agent_browser.service import Caller
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.settings import Settings

KIND = "secret"
PART = "secret"
"""Of the state that is a secret: {kind, value, origins, any_origin}."""
PATIENCE = 5.0
"""Seconds in which what a failed put left is taken away."""
_TOLD = ("url", "title", "history", "fields", "state")
"""What of a tab is masked in a document."""

log = structlog.get_logger("agent_browser.pool")


class Means(Protocol):
    """What secrets work with, of `pool.means`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def spawn(self) -> Spawn: ...


class _Kept(Output):
    """A secret's record. Each value has a key of its own, so that nothing is left of the one
    before.
    """

    owner: str
    key: str = ""
    """What its value is kept under. Empty while the first one is not yet saved: then there is no
    secret yet.
    """
    spare: str = ""
    """What another value is kept under, that is being saved or erased."""
    secret: Secret


class Secrets:
    """The part of the session service that has to do with secrets. No value is in memory but while
    it is typed, and in the veils of the sessions where it was.
    """

    def __init__(self, means: Means, papers: Papers) -> None:
        self._settings = means.settings
        self._clock = means.clock
        self._checkpoints = means.checkpoints
        self._spawn = means.spawn
        self._papers = papers
        self._locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    async def sweep(self) -> None:
        """Take away what a killed server had begun to save, or to erase. To be called once, at the
        start.
        """
        for paper in await self._papers.papers(KIND):
            kept = _Kept.model_validate(paper.data)
            if kept.spare or not kept.key:
                await self._without_spare(kept)

    async def secrets(self, caller: Caller) -> SecretList:
        """The caller's, by name."""
        kept = await self._all_of(caller.owner)
        items = [one.secret for one in kept if one.key]
        return SecretList(items=sorted(items, key=lambda one: one.name))

    async def secret(self, caller: Caller, name: str) -> Secret:
        """One of them. SecretNotFound."""
        return (await self._known(caller.owner, name)).secret

    async def put_secret(self, caller: Caller, name: str, request: SecretInput) -> Secret:
        """Keep it, in the place of what was there under that name. Forbidden without the right
        `secrets`; Conflict where the owner has as many as may be; InvalidRequest, StorageFull,
        StateLocked.
        """
        caller.require("secrets")
        value = _value_of(request)
        async with self._lock(caller.owner):
            begun = await self._begin(caller.owner, name)
            try:
                after = await self._save(begun, request, value)
            except BaseException:
                await self._take_back(begun)
                raise
            await self._take_back(after)
            return after.secret

    async def delete_secret(self, caller: Caller, name: str) -> None:
        """Erase it. What was typed of it stays where it is. SecretNotFound; Forbidden without the
        right `secrets`.
        """
        caller.require("secrets")
        async with self._lock(caller.owner):
            await self._erase(await self._known(caller.owner, name))

    async def named(self, caller: Caller, input: Input) -> Typed | None:
        """What the input wants typed; None where it names no secret. SecretNotFound, StateLocked,
        CheckpointUnusable.
        """
        if not isinstance(input, InteractInput) or not isinstance(input.text, SecretRef):
            return None
        kept = await self._known(caller.owner, input.text.secret)
        try:
            value = (await self._checkpoints.load(kept.key)).value(PART)
        except CheckpointNotFound as exc:
            raise SecretNotFound(kept.secret.name) from exc  # deleted meanwhile
        return Typed(
            kept.secret.name,
            kept.key,
            partial(self._reveal, kept, _revealing(value, self._clock)),
            partial(_allows, value),
            lasting=value["kind"] == "text",
        )

    async def veil(self, veil: Veil, state: State) -> None:
        """Have masked what was typed in that state; what is not kept any more is not known."""
        for key in state.value(SECRETS) or ():
            try:
                value = (await self._checkpoints.load(str(key))).value(PART)
            except (CheckpointNotFound, CheckpointUnusable):
                continue
            if value is not None and value["kind"] == "text":
                veil.add(str(key), value["value"])

    async def shown(
        self, document: StateDocument, state: State, veil: Veil | None
    ) -> StateDocument:
        """That state's document as it may be told: where its tabs are, masked. What the page itself
        stored is whole. `veil` is that of the session where it is live.
        """
        if veil is None:
            veil = Veil()
            await self.veil(veil, state)
        if not veil:
            return document
        tabs = [
            tab.model_copy(update={name: veil.value(getattr(tab, name)) for name in _TOLD})
            for tab in document.tabs
        ]
        return document.model_copy(update={"tabs": tabs})

    def _reveal(self, kept: _Kept, value: Callable[[], str]) -> str:
        self._spawn(self._used, kept)
        return value()

    async def _used(self, used: _Kept) -> None:
        """It was typed; unless it is another one by now."""
        async with self._lock(used.owner):
            kept = await self._find(used.owner, used.secret.name)
            if kept is not None and kept.key == used.key:
                now = self._clock.now()
                secret = kept.secret.model_copy(update={"last_used_at": now})
                self._keep(kept.model_copy(update={"secret": secret}))

    async def _begin(self, owner: str, name: str) -> _Kept:
        """A record that names where the value will be, written: so that a killed server leaves no
        value without a record.
        """
        before = await self._find(owner, name)
        if before is None:
            if len(await self._all_of(owner)) >= self._settings.max_secrets:
                most = self._settings.max_secrets
                raise Conflict(f"an owner may have {most} secrets; delete one before")
            now = self._clock.now()
            secret = Secret(name=name, kind="text", created_at=now, updated_at=now)
            before = _Kept(owner=owner, secret=secret)
        elif before.spare:
            await self._checkpoints.erase(before.spare)
        begun = before.model_copy(update={"spare": new_secret_key()})
        self._keep(begun)
        try:
            await self._papers.flush()
        except BaseException:
            await self._take_back(begun)
            raise
        return begun

    async def _save(self, begun: _Kept, request: SecretInput, value: dict[str, Any]) -> _Kept:
        """The record with the new value, and the one before as its spare. What may be done with a
        value is kept with it, so that the two agree.
        """
        state = State({PART: Part.of(PART, value)})
        await self._checkpoints.save(begun.spare, state, cause="demand", keep=1)
        secret = Secret(
            name=begun.secret.name,
            kind=value["kind"],
            origins=request.origins,
            any_origin=request.any_origin,
            description=request.description,
            created_at=begun.secret.created_at,
            updated_at=self._clock.now(),
            last_used_at=begun.secret.last_used_at,
        )
        update = {"key": begun.spare, "spare": begun.key, "secret": secret}
        after = begun.model_copy(update=update)
        self._keep(after)
        try:
            await self._papers.flush()
        except BaseException:
            self._keep(begun)
            raise
        return after

    async def _take_back(self, kept: _Kept) -> None:
        """Leave nothing of its spare; what can't be erased now `sweep` will."""
        try:
            with anyio.move_on_after(PATIENCE, shield=True):
                await self._without_spare(kept)
        except AgentBrowserError as exc:
            log.warning("a secret's value is left that was to be erased", reason=exc.detail)

    async def _without_spare(self, kept: _Kept) -> None:
        """The value first: a record without one can be deleted again, a value without one not."""
        if kept.spare:
            await self._checkpoints.erase(kept.spare)
        if kept.key:
            self._keep(kept.model_copy(update={"spare": ""}))
        else:
            self._papers.drop(KIND, _id(kept.owner, kept.secret.name))
        await self._papers.flush()

    async def _erase(self, kept: _Kept) -> None:
        """Leave nothing of it. The values first, as above."""
        await self._checkpoints.erase(*filter(None, (kept.key, kept.spare)))
        self._papers.drop(KIND, _id(kept.owner, kept.secret.name))
        await self._papers.flush()

    async def _known(self, owner: str, name: str) -> _Kept:
        kept = await self._find(owner, name)
        if kept is None or not kept.key:
            raise SecretNotFound(name)
        return kept

    async def _find(self, owner: str, name: str) -> _Kept | None:
        data = await self._papers.get(KIND, _id(owner, name))
        return None if data is None else _Kept.model_validate(data)

    async def _all_of(self, owner: str) -> list[_Kept]:
        found = await self._papers.papers(KIND, owner=owner)
        return [_Kept.model_validate(paper.data) for paper in found]

    def _keep(self, kept: _Kept) -> None:
        id = _id(kept.owner, kept.secret.name)
        self._papers.put(KIND, id, kept.owner, kept.model_dump(mode="json"))

    def _lock(self, owner: str) -> anyio.Lock:
        """Puts, deletions and uses of an owner's, one at a time."""
        return self._locks.setdefault(owner, anyio.Lock())


def _value_of(request: SecretInput) -> dict[str, Any]:
    """The value as it is kept. InvalidRequest."""
    kept: dict[str, Any] = {"kind": "text", "value": request.value}
    if request.totp is not None:
        try:
            codes_of(request.totp)
        except ValueError as exc:
            fault = {"field": "totp", "message": str(exc)}
            raise InvalidRequest(f"totp: {exc}", [fault]) from None
        kept = {"kind": "totp", "value": request.totp}
    return {**kept, "origins": request.origins, "any_origin": request.any_origin}


def _revealing(value: dict[str, Any], clock: Clock) -> Callable[[], str]:
    """What is typed, asked for as it is."""
    if value["kind"] == "totp":
        return lambda: codes_of(value["value"]).code(clock.now())
    return lambda: str(value["value"])


def _allows(value: dict[str, Any], origin: str) -> bool:
    origins: Iterable[str] = value["origins"]
    return bool(value["any_origin"]) or may_be_typed(origins, origin)


def _id(owner: str, name: str) -> str:
    """Of the record: the same name of two owners is two."""
    return hashlib.sha256(f"{owner}\0{name}".encode()).hexdigest()
