"""Turns to ask the resolver: so many questions at a time, whoever sends them. Who was let in before
waits for no stranger, and an address that failed often for none but those that did.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import anyio

Line = Literal["known", "new", "late"]
"""`known`: a token that was somebody's. `new`: one from an address that did not fail often. `late`:
all else.
"""
AT_ONCE: Mapping[Line, int] = {"known": 8, "new": 16, "late": 8}
"""Questions at a time; a line takes nothing of another's."""
MOST_WAITING = 1_000
"""Of a line."""
PATIENCE = 5.0
"""Seconds that one waits for its turn."""


class NoTurn(Exception):
    """It did not come in time, or too many wait."""


class Turns:
    """Three lines, first come first served in each."""

    def __init__(self, *, patience: float = PATIENCE, most: int = MOST_WAITING) -> None:
        self._patience = patience
        self._most = most
        self._lines = {line: anyio.CapacityLimiter(count) for line, count in AT_ONCE.items()}

    @asynccontextmanager
    async def turn(self, line: Line) -> AsyncIterator[None]:
        """Have one while this lasts. NoTurn."""
        limiter, whose = self._lines[line], object()
        try:
            limiter.acquire_on_behalf_of_nowait(whose)
        except anyio.WouldBlock:
            await self._wait(limiter, whose)
        try:
            yield
        finally:
            limiter.release_on_behalf_of(whose)

    async def _wait(self, limiter: anyio.CapacityLimiter, whose: object) -> None:
        if limiter.statistics().tasks_waiting >= self._most:
            raise NoTurn
        try:
            with anyio.fail_after(self._patience):
                await limiter.acquire_on_behalf_of(whose)
        except TimeoutError:
            raise NoTurn from None
