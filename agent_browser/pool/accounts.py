"""Accounts: which calls are under way, and what came of each, in the words that metrics count."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import structlog

from agent_browser.errors import (
    AgentBrowserError,
    Conflict,
    Forbidden,
    Gone,
    InternalError,
    InvalidRequest,
    InvalidTimeout,
    InvalidUrl,
    NotFound,
    PayloadTooLarge,
    PoolFull,
    QuotaExceeded,
    TooMany,
)
from agent_browser.events import Observer, Outcome
from agent_browser.models.functions import InteractOutput

T = TypeVar("T")

log = structlog.get_logger("agent_browser.pool")

REFUSALS = (
    Conflict, Forbidden, Gone, InvalidRequest, InvalidTimeout, InvalidUrl, NotFound,
    PayloadTooLarge, PoolFull, QuotaExceeded, TooMany,
)  # fmt: skip
"""Errors of calls that were not begun: the request is wrong, or there is no room."""


class Accounts:
    """Counts calls in and out. No error but the project's own gets past it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._under_way = 0
        self._calm: anyio.Event | None = None

    async def call(self, function: str, action: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, count it, say what came of it. A fault of the program is an InternalError."""
        began = time.perf_counter()
        outcome: Outcome = "error"
        try:
            with self.counted():
                answer = await work()
            failed = isinstance(answer, InteractOutput) and not answer.success
            outcome = "failed" if failed else "ok"
            return answer
        except AgentBrowserError as exc:
            outcome = "refused" if isinstance(exc, REFUSALS) else "error"
            raise
        finally:
            seconds = time.perf_counter() - began
            self._observer.called(
                function=function, action=action, outcome=outcome, seconds=seconds
            )

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A call is under way."""
        self._under_way += 1
        try:
            yield
        except AgentBrowserError:
            raise
        except Exception as exc:
            log.exception("a call failed by a fault of the program")
            raise InternalError from exc
        finally:
            self._under_way -= 1
            if self._under_way == 0 and self._calm is not None:
                self._calm.set()

    async def calm(self, patience: float) -> int:
        """Come back when no call is under way, after `patience`, or at `hurry`. How many are."""
        self._calm = anyio.Event()
        if self._under_way:
            with anyio.move_on_after(patience):
                await self._calm.wait()
        return self._under_way

    def hurry(self) -> None:
        """Don't wait for calls under way any more."""
        if self._calm is not None:
            self._calm.set()
