"""Erasing so that nothing is left: rows, search entries, and their bytes in SQLite's files."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import structlog
from sqlalchemy import (
    BigInteger,
    RowMapping,
    Select,
    Table,
    delete,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from agent_browser.store.database import Database
from agent_browser.store.pending import Paper
from agent_browser.store.refusals import FAILURES, translated
from agent_browser.store.rows import paper_row
from agent_browser.store.tables import (
    SEARCHES,
    actions,
    microseconds,
    page_texts,
    papers,
    sessions,
    tags,
)
from agent_browser.store.writer import Writer

AT_ONCE = 2_000
"""Old rows that one transaction erases: others write in between."""
SETTLE_SECONDS = 5.0
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
        self._tried = 0
        self._is_clean = True
        """What came of the last try."""
        self._lock = anyio.Lock()

    async def erase(self, session_ids: Sequence[str], *, at_once: bool) -> bool:
        """Leave nothing of these: their bytes go at once, or at the next shedding. Whether they are
        gone. DatabaseUnusable, StorageFull.
        """
        is_gone = False
        try:
            with anyio.CancelScope(shield=True):
                async with self._writer.erasing(session_ids), self._database.writing() as within:
                    await _delete(within, list(session_ids))
                    await self._owe(within)
                if at_once:
                    # What others keep of it goes with it: their papers are torn by now.
                    await self._writer.settle(SETTLE_SECONDS)
                    is_gone = await self._scrub()
        except FAILURES as exc:
            raise translated(exc) from exc
        return is_gone

    async def shed(self, now: datetime, bounds: Mapping[Table, float]) -> bool:
        """Leave nothing of log entries and page texts that are older than so many seconds, 0: no
        bound, or than their session's own retention, and no bytes of anything that was erased
        before. Whether those are gone. DatabaseUnusable.
        """
        try:
            for table, seconds in bounds.items():
                found = select(table.c.id, table.c.session_id)
                if seconds:
                    bound = now - timedelta(seconds=seconds)
                    await self._shed(table, found.where(table.c.at < bound))
                await self._shed(table, _over_their_own(found, table, now))
            is_gone = await self._owed() is None
            if not is_gone:
                with anyio.CancelScope(shield=True):
                    is_gone = await self._scrub()
        except FAILURES as exc:
            raise translated(exc) from exc
        return is_gone

    async def _shed(self, table: Table, found: Select[Any]) -> None:
        """Found outside of the transaction that erases: others write meanwhile. In no order, which
        would have SQLite go through the whole table.
        """
        found = found.limit(AT_ONCE)
        count = AT_ONCE
        while count == AT_ONCE:
            async with self._database.reading() as connection:
                old = (await connection.execute(found)).mappings().all()
            count = len(old)
            if count:
                with anyio.CancelScope(shield=True):
                    async with self._writer.erasing(()), self._database.writing() as within:
                        await _delete_old(within, table, old)
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

    async def _scrub(self) -> bool:
        """Of several who want it at once, one does it for all. Whether no bytes are left: while
        somebody reads, the journal is kept for them, and so is the note.
        """
        if not self._database.is_sqlite:
            return True
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._tried >= mine:
                return self._is_clean
            upto = self._asked
            owed = await self._owed()
            for search in SEARCHES.values():
                await _merge(self._database, search)
            self._is_clean = await _checkpoint(self._database)
            self._tried = upto
            if not self._is_clean:
                log.warning("a long read keeps erased bytes in the database's journal for now")
                return False
            async with self._writer.erasing(()), self._database.writing() as within:
                noted = papers.c.kind == _OWED[0], papers.c.status == owed
                await within.execute(delete(papers).where(*noted))
            return True


async def _delete(connection: AsyncConnection, ids: list[str]) -> None:
    for table in (papers, actions, page_texts, tags):
        await connection.execute(delete(table).where(table.c.session_id.in_(ids)))
    await connection.execute(delete(sessions).where(sessions.c.id.in_(ids)))


def _over_their_own(found: Select[Any], table: Table, now: datetime) -> Select[Any]:
    """Those that are older than their session had them kept."""
    own = sessions.c.log_retention if table is actions else sessions.c.page_text_retention
    at = type_coerce(table.c.at, BigInteger)
    return found.join_from(table, sessions, sessions.c.id == table.c.session_id).where(
        own.is_not(None), at < microseconds(now) - own * 1_000_000
    )


async def _delete_old(connection: AsyncConnection, table: Table, old: Sequence[RowMapping]) -> None:
    await connection.execute(delete(table).where(table.c.id.in_([row["id"] for row in old])))
    if table is actions:
        left = (
            select(func.count())
            .select_from(actions)
            .where(actions.c.session_id == sessions.c.id)
            .scalar_subquery()
        )
        await connection.execute(
            update(sessions)
            .where(sessions.c.id.in_({row["session_id"] for row in old}))
            .values(dropped=sessions.c.logged - left)
        )


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


async def _checkpoint(database: Database) -> bool:
    """Empty the journal; whether nobody held that up."""
    async with database.plainly() as connection:
        done = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return not done.one()[0]
