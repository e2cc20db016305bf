"""A drawer: the checkpoints of one key, in a folder of their own.

    0000000042-ckp_….state    a checkpoint's manifest; the number says which is newer
    0123456789abcdef….blob    a large part, of all manifests that name it

Everything here blocks, and one at a time works on a drawer: the store sees to both.
"""

import errno
import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from agent_browser.errors import (
    AgentBrowserError,
    CheckpointNotFound,
    CheckpointUnusable,
    StateLocked,
)
from agent_browser.ids import new_checkpoint_id
from agent_browser.models.checkpoints import Cause, Checkpoint, State
from agent_browser.store import manifests
from agent_browser.store.blobs import Blobs, is_key
from agent_browser.store.manifests import Entry, Manifest
from agent_browser.store.vault import HEAD, TooLarge, Vault

FEWEST = 2
"""The one before the newest is always kept."""
_MANIFEST = re.compile(r"(\d{10})-(ckp_[A-Za-z0-9_-]{22})\.state")
_BLOB = re.compile(r"[0-9a-f]{32}\.blob")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Names:
    """What files there are: manifests, newest first, and blobs."""

    manifests: tuple[str, ...]
    blobs: frozenset[str]


@dataclass(frozen=True)
class _Newest:
    """The newest manifest that can be read, and those before it that can't."""

    manifest: Manifest | None
    unusable: tuple[str, ...]


class Drawer:
    """What there is of a key; ValueError for what is none. OSError where files can't be read or
    written.
    """

    def __init__(self, blobs: Blobs, vault: Vault, key: str) -> None:
        if not is_key(key):
            raise ValueError("not a key")
        self._blobs = blobs
        self._vault = vault
        self._key = key

    def save(self, state: State, *, cause: Cause, keep: int, at: datetime) -> Checkpoint:
        """Keep the state; where the newest checkpoint is of just that, it stays the newest.
        TooLarge.
        """
        there = self.names()
        newest = self._newest(there)
        before = newest.manifest
        if before is not None and before.is_of(state) and before.blobs <= there.blobs:
            return before.checkpoint.model_copy(update={"written": 0})
        staying, going = manifests.spread(manifests.entries_of(state, before, there.blobs))
        checkpoint = Checkpoint(
            id=new_checkpoint_id(),
            created_at=at,
            cause=cause,
            size=state.size,
            losses=list(state.losses),
        )
        name = _name_after(there, checkpoint.id)
        made: list[str] = []
        try:
            named = [self._as_blob(entry, made, there) for entry in going]
            checkpoint.written = sum(len(e.data or b"") for e in going)
            manifest = Manifest(self._key, checkpoint, {e.name: e for e in staying + named})
            sealed = self._vault.seal(manifest.packed(), self._key, name)
            made.append(name)
            self._blobs.write(self._key, name, sealed)
        except (OSError, TooLarge):
            self._discard(made)
            raise
        with suppress(OSError):  # the state is kept; what is too much goes at the next
            self._prune(there, newest, manifest, max(keep, FEWEST))
        return checkpoint.model_copy(update={"written": checkpoint.written + len(sealed)})

    def load(self, checkpoint_id: str | None = None) -> State:
        """That checkpoint's state, or that of the newest that can be read, which says so where it
        is an older one. CheckpointNotFound, CheckpointUnusable, StateLocked.
        """
        there = self.names()
        if checkpoint_id is not None:
            for name in there.manifests:
                if _id_of(name) == checkpoint_id:
                    return self._state(self._manifest(name))
            raise CheckpointNotFound(checkpoint_id)
        problem: AgentBrowserError | None = None
        for name in there.manifests:
            try:
                state = self._state(self._manifest(name))
                return state if problem is None else state.older()
            except (CheckpointUnusable, StateLocked) as exc:
                self._warn(name, exc)
                problem = problem or exc
        raise problem or CheckpointNotFound("none was made")

    def listed(self) -> list[Checkpoint]:
        """Those that can be read, newest first; the newest's error where none can."""
        found: list[Checkpoint] = []
        problem: AgentBrowserError | None = None
        for name in self.names().manifests:
            try:
                found.append(self._manifest(name).checkpoint)
            except (CheckpointUnusable, StateLocked) as exc:
                self._warn(name, exc)
                problem = problem or exc
        if problem is not None and not found:
            raise problem
        return found

    def erase(self) -> None:
        """Leave nothing."""
        self._blobs.erase(self._key)

    def names(self) -> Names:
        """Its files, by kind; what is neither is not ours."""
        found = self._blobs.names(self._key)
        ordered = sorted(filter(_MANIFEST.fullmatch, found), reverse=True)
        return Names(tuple(ordered), frozenset(filter(_BLOB.fullmatch, found)))

    def _newest(self, there: Names) -> _Newest:
        unusable: list[str] = []
        for name in there.manifests:
            try:
                return _Newest(self._manifest(name), tuple(unusable))
            except (CheckpointUnusable, StateLocked) as exc:
                self._warn(name, exc)
                unusable.append(name)
        return _Newest(None, tuple(unusable))

    def _manifest(self, name: str) -> Manifest:
        sealed = self._read(name)
        manifest = manifests.unpacked(self._vault.open(sealed, self._key, name))
        manifest.checkpoint.written += len(sealed)
        return manifest

    def _state(self, manifest: Manifest) -> State:
        parts = {}
        for entry in manifest.entries.values():
            data = entry.data if entry.blob is None else self._blob(entry)
            part = manifests.part_of(entry, data or b"")
            if entry.blob is not None and hashlib.sha256(part.data).hexdigest() != part.digest:
                raise CheckpointUnusable("a part of the checkpoint is another's")
            parts[entry.name] = part
        return State(parts, tuple(manifest.checkpoint.losses))

    def _blob(self, entry: Entry) -> bytes:
        assert entry.blob is not None
        return self._vault.open(self._read(entry.blob), self._key, entry.blob)

    def _read(self, name: str) -> bytes:
        try:
            return self._blobs.read(self._key, name)
        except FileNotFoundError as exc:
            raise CheckpointUnusable("a file of the checkpoint is missing") from exc
        except OSError as exc:
            if exc.errno not in (errno.EIO, errno.EFBIG):
                raise  # not now, which is no reason to take an older one
            raise CheckpointUnusable(
                f"a file of the checkpoint can't be read: {os.strerror(exc.errno)}"
            ) from exc

    def _as_blob(self, entry: Entry, made: list[str], there: Names) -> Entry:
        """The entry as one of a blob that is written. It may be there already, and is written all
        the same: only what a manifest that was read names is known to be good.
        """
        assert entry.data is not None
        name = f"{self._vault.name(self._key, entry.digest)}.blob"
        sealed = self._vault.seal(entry.data, self._key, name)
        if name not in there.blobs:
            made.append(name)
        self._blobs.write(self._key, name, sealed)
        return replace(entry, data=None, blob=name)

    def _prune(self, there: Names, newest: _Newest, made: Manifest, keep: int) -> None:
        """Remove manifests beyond `keep`, then blobs that no manifest names. What can't be read for
        want of a key, or of a newer program, is neither counted nor removed.
        """
        counted = [name for name in there.manifests if name not in newest.unusable]
        going = [name for name in counted[keep - 1 :] if self._is_ours(name)]
        for name in going:
            self._blobs.remove(self._key, name)
        loose = there.blobs - made.blobs
        if not loose:
            return
        for name in there.manifests:
            if name not in going:
                loose -= self._named_by(name, loose)
        for name in loose:
            self._blobs.remove(self._key, name)

    def _named_by(self, name: str, loose: frozenset[str]) -> frozenset[str]:
        """Which blobs a manifest needs; all, where that can't be known now."""
        try:
            return self._manifest(name).blobs
        except CheckpointUnusable:
            return frozenset() if self._is_ours(name) else loose
        except StateLocked:
            return loose

    def _is_ours(self, name: str) -> bool:
        """Whether a file is of this program, this version, and a key that is there."""
        with suppress(FileNotFoundError):
            head = self._blobs.read(self._key, name, HEAD)
            return self._vault.standing(head) in ("current", "older")
        return False

    def _discard(self, names: list[str]) -> None:
        for name in names:
            with suppress(OSError):
                self._blobs.remove(self._key, name)

    def _warn(self, name: str, exc: AgentBrowserError) -> None:
        log.warning("a checkpoint can't be read", key=self._key, id=_id_of(name), why=exc.detail)


def is_sealed(name: str) -> bool:
    """Whether that is the name of a file that a drawer writes."""
    return bool(_MANIFEST.fullmatch(name) or _BLOB.fullmatch(name))


def _id_of(name: str) -> str:
    match = _MANIFEST.fullmatch(name)
    return match[2] if match is not None else ""


def _name_after(there: Names, checkpoint_id: str) -> str:
    last = int(there.manifests[0][:10]) if there.manifests else 0
    return f"{last + 1:010d}-{checkpoint_id}.state"
