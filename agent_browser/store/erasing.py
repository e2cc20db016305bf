"""Erasing so that nothing is left: rows, search entries, and their bytes in SQLite's files."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import structlog
from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from agent_browser.store.database import Database
from agent_browser.store.pending import Paper
from agent_browser.store.refusals import FAILURES, translated
from agent_browser.store.rows import paper_row
from agent_browser.store.tables import (
    SEARCHES,
    actions,
    page_texts,
    papers,
    sessions,
    tags,
)
from agent_browser.store.writer import Writer

AT_ONCE = 2_000
"""Old rows that one transaction erases: others write in between."""
_OWED = ("erased", "erased")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_MERGED = 2_000
"""Pages of search entries that one step brings together."""

log = structlog.get_logger(__name__)


class Eraser:
    """Erases sessions, and what is too old. After it, bytes of what was there are in none of
    SQLite's files; PostgreSQL gives room back when it vacuums.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._asked = 0
        self._scrubbed = 0
        self._lock = anyio.Lock()

    async def erase(self, session_ids: Sequence[str], *, at_once: bool) -> None:
        """Leave nothing of these: their bytes go at once, or at the next shedding.
        DatabaseUnusable, StorageFull.
        """
        try:
            with anyio.CancelScope(shield=True):
                async with self._writer.erasing(session_ids), self._database.writing() as within:
                    await _delete(within, list(session_ids))
                    await self._owe(within)
                if at_once:
                    await self._scrub()
        except FAILURES as exc:
            raise translated(exc) from exc

    async def shed(self, *, log_before: datetime | None, text_before: datetime | None) -> None:
        """Leave nothing of log entries and page texts that are older, and no bytes of anything that
        was erased before. DatabaseUnusable.
        """
        try:
            if log_before is not None:
                await self._shed(actions, log_before)
            if text_before is not None:
                await self._shed(page_texts, text_before)
            if await self._owed() is not None:
                with anyio.CancelScope(shield=True):
                    await self._scrub()
        except FAILURES as exc:
            raise translated(exc) from exc

    async def _shed(self, table: Table, before: datetime) -> None:
        count = AT_ONCE
        while count == AT_ONCE:
            with anyio.CancelScope(shield=True):
                async with self._writer.erasing(()), self._database.writing() as within:
                    count = await _shed_some(within, table, before)
                    if count:
                        await self._owe(within)

    async def _owe(self, within: AsyncConnection) -> None:
        """Note, with what is deleted, that its bytes are there still: where the server is killed
        before they are gone, its next run sees to it.
        """
        if not self._database.is_sqlite:
            return
        paper = Paper(*_OWED, "", {}, _NEVER, _NEVER, status=secrets.token_hex(8))
        upsert = self._database.upsert(papers, ("kind", "id"), ("status",))
        await within.execute(upsert, paper_row(paper))

    async def _owed(self) -> str | None:
        """What is noted now; another after each deletion."""
        async with self._database.reading() as connection:
            found = select(papers.c.status).where(papers.c.kind == _OWED[0])
            noted: str | None = await connection.scalar(found)
        return noted

    async def _scrub(self) -> None:
        """Of several who want it at once, one does it for all."""
        if not self._database.is_sqlite:
            return
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._scrubbed >= mine:
                return
            upto = self._asked
            owed = await self._owed()
            for search in SEARCHES.values():
                await _merge(self._database, search)
            await _checkpoint(self._database)
            async with self._writer.erasing(()), self._database.writing() as within:
                noted = papers.c.kind == _OWED[0], papers.c.status == owed
                await within.execute(delete(papers).where(*noted))
            self._scrubbed = upto


async def _delete(connection: AsyncConnection, ids: list[str]) -> None:
    for table in (papers, actions, page_texts, tags):
        await connection.execute(delete(table).where(table.c.session_id.in_(ids)))
    await connection.execute(delete(sessions).where(sessions.c.id.in_(ids)))


async def _shed_some(connection: AsyncConnection, table: Table, before: datetime) -> int:
    found = await connection.execute(
        select(table.c.id, table.c.session_id)
        .where(table.c.at < before)
        .order_by(table.c.at)
        .limit(AT_ONCE)
    )
    old = found.all()
    if not old:
        return 0
    await connection.execute(delete(table).where(table.c.id.in_([row.id for row in old])))
    if table is actions:
        left = (
            select(func.count())
            .select_from(actions)
            .where(actions.c.session_id == sessions.c.id)
            .scalar_subquery()
        )
        await connection.execute(
            update(sessions)
            .where(sessions.c.id.in_({row.session_id for row in old}))
            .values(dropped=sessions.c.logged - left)
        )
    return len(old)


async def _merge(database: Database, search: str) -> None:
    """An FTS5 index only notes that an entry is gone; it is gone once all of it is one piece."""
    async with database.plainly() as connection:

        async def step(pages: int) -> int:
            changes = "SELECT total_changes()"
            before: int = (await connection.exec_driver_sql(changes)).scalar_one()
            await connection.exec_driver_sql(
                f"INSERT INTO {search}({search}, rank) VALUES ('merge', {pages})"
            )
            after: int = (await connection.exec_driver_sql(changes)).scalar_one()
            return after - before

        # As FTS5's own manual has it: fewer than two changes are none.
        while await step(-_MERGED) >= 2:
            while await step(_MERGED) >= 2:
                pass


async def _checkpoint(database: Database) -> None:
    async with database.plainly() as connection:
        done = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        if done.one()[0]:
            log.warning("a long read keeps erased bytes in the database's journal for now")
