"""Turns: one at a time, in order of arrival, so many waiting at most."""

from collections import deque
from collections.abc import Callable

import anyio

from agent_browser.errors import SessionQueueFull


class _Wait:
    __slots__ = ("event", "firm", "refusal")

    def __init__(self, *, firm: bool) -> None:
        self.event = anyio.Event()
        self.firm = firm
        self.refusal: Exception | None = None


class Turns:
    """Who may act on a session now. Taken without a checkpoint where nobody is before."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = False
        self._waiting: deque[_Wait] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def taken(self) -> bool:
        """Whether it is somebody's turn now."""
        return self._taken

    async def take(self, *, firm: bool = False) -> None:
        """Come back when it is the caller's turn; `give` must follow.

        SessionQueueFull where too many wait already, and whatever `dismiss` was given; neither if
        `firm`. A caller cancelled while it waits has no turn and passes on none.
        """
        if not self._taken:
            self._taken = True
            return
        if not firm and len(self._waiting) >= self._limit:
            raise SessionQueueFull(len(self._waiting))
        wait = _Wait(firm=firm)
        self._waiting.append(wait)
        try:
            await wait.event.wait()
        except BaseException:
            if not wait.event.is_set():
                self._waiting.remove(wait)
            elif wait.refusal is None:
                self.give()
            raise
        if wait.refusal is not None:
            raise wait.refusal

    def give(self) -> None:
        """End the turn; the next in line has it at once, so that nobody can come between."""
        if self._waiting:
            self._waiting.popleft().event.set()
        else:
            self._taken = False

    def dismiss(self, refusal: Callable[[], Exception]) -> None:
        """Tell all who wait, but for the firm, that their turn won't come."""
        waiting, self._waiting = self._waiting, deque()
        for wait in waiting:
            if wait.firm:
                self._waiting.append(wait)
            else:
                wait.refusal = refusal()
                wait.event.set()
