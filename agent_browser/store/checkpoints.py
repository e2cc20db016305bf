"""The store of states: checkpoints by key, encrypted, on a disk or at an address."""

import errno
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Self, TypeVar

import anyio
import anyio.to_thread

from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import StateLocked, StorageFull, Unavailable
from agent_browser.models.checkpoints import Cause, Checkpoint, State
from agent_browser.settings import Settings
from agent_browser.store import keys
from agent_browser.store.blobs import ROOT, Blobs, blobs_of
from agent_browser.store.drawer import Drawer
from agent_browser.store.vault import TooLarge, Vault
from agent_browser.store.videos import FULL

THREADS = 4
CHECK = "vault.check"
"""A file at the root, which tells at the start whether the key is that of the states."""
_CHECKED = b"agent-browser"

T = TypeVar("T")


class CheckpointStore:
    """An async context manager; keeps the `Checkpoints` protocol of `session/checkpoints.py`.

    Saves of one key are made in the order of their calls, those of several at once. Nothing is
    kept in memory of a key that nobody waits for. A key that is none is a ValueError.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._blobs: Blobs = blobs_of(settings)
        self._turns: dict[str, _Turn] = {}

    def __repr__(self) -> str:
        return f"<CheckpointStore {len(self._turns)} busy>"

    async def __aenter__(self) -> Self:
        """Take the key, made if there is none yet, and see that it is that of the states. OSError,
        StateLocked, Unavailable.
        """
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._vault = await self._in_thread(partial(opened, self._settings, self._blobs))
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is open between two calls."""

    async def save(
        self, key: str, state: State, *, cause: Cause, keep: int | None = None
    ) -> Checkpoint:
        """Keep a state. Where the newest checkpoint is of that very state it is given again, with
        nothing written, and the older ones stay. Two are kept at least.
        """
        kept = self._settings.checkpoints if keep is None else keep
        now = self._clock.now()
        # Manifests have milliseconds; what is told now and after a restart must be the same.
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        work = partial(self._drawer(key).save, state, cause=cause, keep=kept, at=at)
        async with self._turn(key):
            try:
                return await self._in_thread(work)
            except TooLarge as exc:
                raise StorageFull("the state is too large to be kept") from exc
            except OSError as exc:
                raise _not_written(exc) from exc

    async def load(self, key: str, checkpoint_id: str | None = None) -> State:
        async with self._turn(key):
            return await self._read(partial(self._drawer(key).load, checkpoint_id))

    async def listed(self, key: str) -> list[Checkpoint]:
        async with self._turn(key):
            return await self._read(self._drawer(key).listed)

    async def keys(self) -> Collection[str]:
        return await self._read(self._blobs.folders)

    async def erase(self, *keys: str) -> None:
        for key in keys:
            async with self._turn(key):
                try:
                    await self._in_thread(self._drawer(key).erase)
                except OSError as exc:
                    raise _not_written(exc) from exc

    def _drawer(self, key: str) -> Drawer:
        return Drawer(self._blobs, self._vault, key)

    async def _read(self, work: Callable[[], T]) -> T:
        try:
            return await self._in_thread(work)
        except OSError as exc:
            raise Unavailable(f"states can't be read now: {_reason(exc)}") from exc

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # Not abandoned when its caller is cancelled: the turn lasts as long as the work.
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        turn = self._turns.setdefault(key, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[key]


@dataclass
class _Turn:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    wanted: int = 0


def opened(settings: Settings, blobs: Blobs) -> Vault:
    """The vault over what lies there. The key's file is made where nothing needs another key.
    OSError, StateLocked, Unavailable. Blocking.
    """
    blobs.open()
    known = keys.present(settings)
    if not known:
        if blobs.folders():
            raise StateLocked(
                f"there are states, and the file {keys.FILE} with their key is gone from "
                "DATA_DIR: bring it back, or set STATE_KEY; or move the states away"
            )
        known = (keys.new_key(),)
        keys.KeyFile(settings).write(*known)
    vault = Vault(known)
    _check(blobs, vault, settings)
    return vault


def write_check(blobs: Blobs, vault: Vault) -> None:
    """Write down which key is that of the states. OSError."""
    blobs.write(ROOT, CHECK, vault.seal(_CHECKED, ROOT, CHECK))


def _check(blobs: Blobs, vault: Vault, settings: Settings) -> None:
    try:
        standing = vault.standing(blobs.read(ROOT, CHECK))
    except FileNotFoundError:
        standing = "foreign"
    if standing in ("current", "older"):
        return
    if standing == "locked" and blobs.folders():
        source = "STATE_KEY is" if keys.are_configured(settings) else f"{keys.FILE} in DATA_DIR has"
        raise StateLocked(
            f"{source} not the key that the states were encrypted with. Give back that key, after "
            "the new one and a comma in STATE_KEY if it is to be replaced; or move the states away."
        )
    if standing != "newer":
        write_check(blobs, vault)


def _not_written(exc: OSError) -> StorageFull:
    if exc.errno in FULL:
        return StorageFull("the server's disk is full; the state was not kept")
    return StorageFull(f"the server can't write states: {_reason(exc)}")


def _reason(exc: OSError) -> str:
    # Only the reason: a path of the server is nobody's business.
    return os.strerror(exc.errno or errno.EIO)
