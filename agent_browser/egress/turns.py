"""The loop's turns: streams take a part of each, and leave the rest to whatever else is there."""

import asyncio
from collections import deque
from collections.abc import Callable

BUDGET = 512 * 1024
"""Bytes that come in a turn before those that stream wait for the next: about a millisecond."""
READ = 256 * 1024
"""Bytes that come in one piece at most."""


class Turns:
    """Counts what came since the loop began its turn, through all ports. Who comes when that is
    enough is to be read no more, and goes on in the order of coming, a few in each turn.
    """

    def __init__(self) -> None:
        self._spent = 0
        self._is_armed = False
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def take(self, size: int) -> bool:
        """So many bytes came. Whether that is enough for this turn."""
        self._spent += size
        if not self._is_armed:
            self._arm()
        return self._spent >= BUDGET

    def wait(self, then: Callable[[], None]) -> None:
        """Do it when there is room in a turn."""
        self._waiting.append(then)

    def _arm(self) -> None:
        self._is_armed = True
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """A new turn."""
        self._spent, self._is_armed = 0, False
        for _ in range(min(BUDGET // READ, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            self._arm()
