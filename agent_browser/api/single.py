"""One at a time for each name: of several that ask the same at once, one asks."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import anyio


class Single:
    """Locks by name, which are there while somebody wants them."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[anyio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def waiting(self, name: Hashable) -> int:
        """How many want that name, the one who has it too."""
        return self._locks[name][1] if name in self._locks else 0

    @asynccontextmanager
    async def file(self, name: Hashable) -> AsyncIterator[None]:
        """Alone with that name. Whoever comes in looks whether it is answered meanwhile. Who goes
        away leaves the question to the next.
        """
        lock, count = self._locks.get(name, (anyio.Lock(), 0))
        self._locks[name] = (lock, count + 1)
        try:
            async with lock:
                yield
        finally:
            lock, count = self._locks.pop(name)
            if count > 1:
                self._locks[name] = (lock, count - 1)
