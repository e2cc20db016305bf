"""The sweep: one heap of timers, and one task that sleeps until the next is due or an earlier one
comes.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Hashable

import anyio
import structlog

from agent_browser.clock import Clock

log = structlog.get_logger("agent_browser.pool")


class Sweep:
    """Does things when they are due. Each is set under a key; set again, it replaces the earlier
    one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Hashable]] = []
        self._entries: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._wake = anyio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def at(self, when: float, key: Hashable, action: Callable[[], None]) -> None:
        """Do it at that monotonic time. `action` returns at once."""
        number = next(self._order)
        self._entries[key] = (number, action)
        self._tidy()
        heapq.heappush(self._heap, (when, number, key))
        if self._heap[0][1] == number:
            self.nudge()

    def cancel(self, key: Hashable) -> bool:
        """Don't, if it is set at all; whether it was."""
        was_set = self._entries.pop(key, None) is not None
        self._tidy()
        return was_set

    def nudge(self) -> None:
        """Look at the clock again."""
        self._wake.set()

    def sweep(self) -> float:
        """Do all that is due now. When the next is, endless if there is none."""
        now = self._clock.monotonic()
        while self._heap:
            when, _, key = self._heap[0]
            if not self._holds(self._heap[0]):
                heapq.heappop(self._heap)
            elif when > now:
                return when
            else:
                heapq.heappop(self._heap)
                self._do(key, self._entries.pop(key)[1])
        return math.inf

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            self._wake = anyio.Event()
            due = self.sweep()
            with anyio.move_on_after(max(0.0, due - self._clock.monotonic())):
                await self._wake.wait()

    def _tidy(self) -> None:
        """Let go of what was cancelled or replaced, once it is the greater part by far."""
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._entries):
            self._heap = [entry for entry in self._heap if self._holds(entry)]
            heapq.heapify(self._heap)

    def _holds(self, entry: tuple[float, int, Hashable]) -> bool:
        current = self._entries.get(entry[2])
        return current is not None and current[0] == entry[1]

    def _do(self, key: Hashable, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            log.exception("a timer's action failed", timer=str(key))
