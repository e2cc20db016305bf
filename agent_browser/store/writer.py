"""The writer: takes what is put at once, and writes it a little later, many things in one
transaction. No failure of the database reaches who put something.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import anyio
import anyio.abc
import structlog

from agent_browser.clock import Clock, SystemClock
from agent_browser.models.actions import Action
from agent_browser.models.audit import AuditEntry
from agent_browser.models.records import PageText, Record
from agent_browser.settings import Settings
from agent_browser.store.batch import write
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch, Paper, Pending
from agent_browser.store.refusals import is_of_the_data, translated

PAUSE = 0.8
"""Seconds in which things to write come together; a crash loses what came in them."""
LONGEST_PAUSE = 30.0
"""Between two tries while the database fails."""
WRITE_SECONDS = 30.0
"""After which a transaction that does not end has failed."""
CLOSE_SECONDS = 15.0
"""How long the last writing goes on; a transaction that has begun is waited for."""
BATCH = 2_000
"""Of each kind in one transaction."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WriterStatistics:
    """The writer now: things that wait, and counts since the start."""

    waiting: int
    written: int
    dropped: int
    """For want of room in memory while the database was too slow, or failed."""
    refused: int
    """That the database would not take, each for itself."""
    failures: int
    """Transactions that failed and were tried again."""
    behind: float
    """Seconds since the oldest that waits was put."""


class _Round:
    """One go at writing all that waits; those who flush wait for its end."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.failure: BaseException | None = None


class Writer:
    """An async context manager with a task of its own; leaving it writes the rest. Everything that
    is put comes from the loop that it was entered in.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        clock: Clock | None = None,
        pause: float = PAUSE,
    ) -> None:
        self._database = database
        self._log_actions = settings.log_actions
        self._clock = clock or SystemClock()
        self._pause = pause
        self._pending = Pending()
        self._writing: dict[str, Record] = {}
        """Records in the transaction that is under way, by session."""
        self._put = 0
        self._done = 0
        self._since: float | None = None
        self._work = anyio.Event()
        self._hurry = anyio.Event()
        self._round = _Round()
        self._lock = anyio.Lock()
        self._written = self._refused = self._failures = self._failing = 0
        self._tasks: anyio.abc.TaskGroup | None = None

    def __repr__(self) -> str:
        return f"<Writer {len(self._pending)} waiting, {self._written} written>"

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await self._go()
        if len(self._pending):
            log.error("not all could be written to the database", lost=len(self._pending))

    def statistics(self) -> WriterStatistics:
        """How it stands."""
        behind = 0.0 if self._since is None else self._clock.monotonic() - self._since
        return WriterStatistics(
            waiting=len(self._pending),
            written=self._written,
            dropped=self._pending.dropped,
            refused=self._refused,
            failures=self._failures,
            behind=behind,
        )

    def put_record(self, record: Record) -> None:
        """Write it soon."""
        self._pending.add_record(record)
        self._note()

    def put_changing(self, session_id: str, read: Callable[[], Record]) -> None:
        """Write soon what is read then."""
        self._pending.add_changing(session_id, read)
        self._note()

    def put_action(self, action: Action) -> None:
        """Write it soon."""
        self._pending.add_action(action)
        self._note()

    def put_page(self, page: PageText) -> None:
        """Write it soon."""
        self._pending.add_page(page)
        self._note()

    def put_paper(self, paper: Paper) -> None:
        """Write it soon."""
        self._pending.add_paper(paper)
        self._note()

    def put_audit(self, entry: AuditEntry) -> None:
        """Write it soon."""
        self._pending.add_audit(entry)
        self._note()

    def tear(self, kind: str, id: str) -> None:
        """Delete a paper soon."""
        self._pending.tear(kind, id)
        self._note()

    def waiting(self, session_id: str) -> Record | None:
        """That session's record, where the latest is still to be written. What the database has of
        it is out of date.
        """
        return self._pending.record(session_id) or self._writing.get(session_id)

    async def flush(self) -> None:
        """Come back when all that was put until now is written. StorageFull, DatabaseUnusable."""
        target = self._put
        while self._done < target:
            this = self._round  # the next: the one under way may have taken its batch already
            self._hurry.set()
            self._work.set()
            await this.over.wait()
            if this.failure is not None and self._done < target:
                raise translated(this.failure) from this.failure

    async def settle(self, seconds: float = 1.0) -> None:
        """As `flush`, for a read: where the database is slow or full it is not held up for long."""
        if self._done >= self._put:
            return
        with anyio.move_on_after(seconds):
            try:
                await self.flush()
            except Exception as exc:  # its cause is logged where it was tried
                log.info("reading what is written so far", reason=str(exc))

    @asynccontextmanager
    async def erasing(self, session_ids: Iterable[str]) -> AsyncIterator[None]:
        """While this lasts nothing is written; what waits of these sessions never will be."""
        ids = list(session_ids)
        self._pending.forget(ids)
        async with self._lock:
            yield

    def _note(self) -> None:
        self._put += 1
        if self._since is None:
            self._since = self._clock.monotonic()
        self._work.set()

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            with anyio.move_on_after(self._wait()):
                await self._hurry.wait()
            await self._go()

    def _wait(self) -> float:
        if not self._failing:
            return self._pause
        return min(LONGEST_PAUSE, self._pause * math.ldexp(1.0, min(self._failing, 16)))

    async def _go(self) -> None:
        """Write all that waits, in as many transactions as it takes, or up to the first failure."""
        this, self._round = self._round, _Round()
        self._hurry = anyio.Event()
        self._work = anyio.Event()
        try:
            async with self._lock:
                await self._write_all()
        except Exception as exc:
            this.failure = exc
            self._failed(exc)
        finally:
            this.over.set()

    async def _write_all(self) -> None:
        while True:
            upto, since = self._put, self._clock.monotonic()
            batch = self._pending.take(BATCH)
            if not batch:
                self._done, self._since = upto, None
                return
            self._writing = {record.id: record for record in batch.records}
            try:
                await self._write(batch)
            except BaseException:
                self._pending.restore(batch)
                self._work.set()
                raise
            finally:
                self._writing = {}
            self._written += len(batch)
            self._recovered()
            if not len(self._pending):
                self._done, self._since = upto, None
                return
            self._since = since

    async def _write(self, batch: Batch) -> None:
        # Not broken off half-way: the driver's thread would go on with a connection given back.
        with anyio.fail_after(WRITE_SECONDS, shield=True):
            try:
                await write(self._database, batch, log_actions=self._log_actions)
            except Exception as exc:
                if not is_of_the_data(exc):
                    raise
                await self._write_singly(batch)

    async def _write_singly(self, batch: Batch) -> None:
        """One thing in the batch can't be written; the others are not to wait for it for ever."""
        while one := batch.split():
            try:
                await write(self._database, one, log_actions=self._log_actions)
            except Exception as exc:
                if not is_of_the_data(exc):
                    batch.rejoin(one)
                    raise
                self._refused += 1
                log.error("the database takes this not at all", what=type(exc).__name__)

    def _failed(self, exc: Exception) -> None:
        self._failures += 1
        self._failing += 1
        reason = translated(exc).detail
        log.warning("could not write; tried again", reason=reason, waiting=len(self._pending))

    def _recovered(self) -> None:
        if self._failing:
            log.info("the database is written to again", tries=self._failing)
        self._failing = 0
