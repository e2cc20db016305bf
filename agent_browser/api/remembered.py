"""Callers who were looked up lately, by the digest of what they sent: never by the token. Pure."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """A bound number of entries, those that were used last, each until its time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Remembered {len(self._entries)} of {self._most}>"

    def get(self, digest: bytes, now: float) -> T | None:
        """What is remembered; None where nothing is, or not any more."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        until, value = entry
        if now >= until:
            del self._entries[digest]
            return None
        self._entries.move_to_end(digest)
        return value

    def forget(self, digest: bytes) -> None:
        """Remember nothing of it."""
        self._entries.pop(digest, None)

    def put(self, digest: bytes, value: T, until: float) -> None:
        """Remember it; what was not used for longest goes where there is no room."""
        self._entries[digest] = (until, value)
        self._entries.move_to_end(digest)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
