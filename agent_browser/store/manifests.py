"""Manifests: what a checkpoint's file says, before it is encrypted. Pure.

    length 4 · header: JSON, compressed · the small parts, each compressed, one after another

A part that is large is a blob, a file of its own, which later checkpoints share while it does not
change. A part that has not changed is not compressed again.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from agent_browser.errors import CheckpointUnusable
from agent_browser.models.checkpoints import VERSION, Checkpoint, Part, State

INLINE = 16_384
"""Bytes that a part may have, compressed, to be in the manifest."""
INLINE_ALL = 32_768
"""Bytes that all such parts may have: what is over becomes blobs, the largest first."""
_LARGE = 1_048_576
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Entry:
    """A part in a manifest: compressed in it, or the blob of that name."""

    name: str
    digest: str
    size: int
    data: bytes | None = None
    blob: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A checkpoint, and where its parts are."""

    key: str
    checkpoint: Checkpoint
    entries: Mapping[str, Entry]

    @property
    def blobs(self) -> frozenset[str]:
        """The names of those that it needs."""
        return frozenset(entry.blob for entry in self.entries.values() if entry.blob is not None)

    def is_of(self, state: State) -> bool:
        """Whether that state is the one that it keeps."""
        return (
            {name: entry.digest for name, entry in self.entries.items()}
            == {name: part.digest for name, part in state.parts.items()}
        ) and tuple(self.checkpoint.losses) == state.losses

    def packed(self) -> bytes:
        """The file's content."""
        header = {
            "version": VERSION,
            "key": self.key,
            "checkpoint": self.checkpoint.model_dump(mode="json"),
            "parts": [
                [entry.name, entry.digest, entry.size, entry.blob or len(entry.data or b"")]
                for entry in self.entries.values()
            ],
        }
        head = zlib.compress(json.dumps(header, separators=(",", ":")).encode())
        data = [entry.data for entry in self.entries.values() if entry.data is not None]
        return b"".join((_LENGTH.pack(len(head)), head, *data))


def unpacked(data: bytes) -> Manifest:
    """The manifest of a file's content. CheckpointUnusable."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        at = _LENGTH.size + length
        header = json.loads(zlib.decompress(data[_LENGTH.size : at]))
        if header["version"] > VERSION:
            raise CheckpointUnusable("the checkpoint was made by a newer version of the server")
        entries: dict[str, Entry] = {}
        for name, digest, size, where in header["parts"]:
            if isinstance(where, str):
                entries[name] = Entry(name, digest, size, blob=where)
            else:
                entries[name] = Entry(name, digest, size, data=data[at : at + where])
                at += where
        checkpoint = Checkpoint.model_validate(header["checkpoint"])
        return Manifest(header["key"], checkpoint, entries)
    except (ValueError, KeyError, TypeError, zlib.error, struct.error, ValidationError) as exc:
        raise CheckpointUnusable("the checkpoint's file is not understood") from exc


def entries_of(state: State, before: Manifest | None, blobs: Iterable[str]) -> list[Entry]:
    """The state's parts, compressed where they were not: as they are in the manifest before, if
    they have not changed and their blobs are there. New ones are not blobs yet: `spread`.
    """
    known: Mapping[str, Entry] = before.entries if before is not None else {}
    there = frozenset(blobs)
    entries = []
    for name, part in state.parts.items():
        entry = known.get(name)
        if (
            entry is None
            or entry.digest != part.digest
            or not (entry.blob is None or entry.blob in there)
        ):
            entry = Entry(name, part.digest, len(part.data), data=_compressed(part.data))
        entries.append(entry)
    return entries


def spread(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Which stay in the manifest, or are blobs already, and which have to become blobs."""
    staying, going, room = [], [], INLINE_ALL
    for entry in sorted(entries, key=lambda entry: len(entry.data or b"")):
        size = len(entry.data or b"")
        if size > min(INLINE, room):
            going.append(entry)
        else:
            room -= size
            staying.append(entry)
    return staying, going


def part_of(entry: Entry, data: bytes) -> Part:
    """The part of an entry from its compressed bytes. CheckpointUnusable."""
    try:
        return Part(entry.name, zlib.decompress(data), entry.digest)
    except zlib.error as exc:
        raise CheckpointUnusable("a part of the checkpoint is not understood") from exc


def _compressed(data: bytes) -> bytes:
    # A large one is somebody's database or file: worth less work for each byte.
    return zlib.compress(data, 6 if len(data) < _LARGE else 1)
