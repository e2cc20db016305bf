"""Sessions' records, logs and page texts in the database: what is put goes through the writer, what
is asked is read after it.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from agent_browser.models.actions import Action, ActionList
from agent_browser.models.records import Page, PageText, Record, Wanted
from agent_browser.models.sessions import SessionPhase
from agent_browser.store import cursors, rows
from agent_browser.store.database import Database
from agent_browser.store.erasing import Eraser
from agent_browser.store.search import ranked
from agent_browser.store.tables import actions, page_texts, sessions, tags
from agent_browser.store.words import Term, terms
from agent_browser.store.writer import Writer

MOST_DUE = 100
"""Sessions that `due` tells at once."""
PIECE = 500
"""Log entries read at once."""
FEW = 2_000
"""Sessions with a tag that are rather looked up one by one than met on the way."""
MANY = 20_000
"""Sessions of an owner that are rather met on the way than looked up in the search."""


class Records:
    """The archive on a database (`session.archive.Archive`)."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._eraser = Eraser(database, writer)

    def put_record(self, record: Record) -> None:
        """Remember a session as it is now."""
        self._writer.put_record(record)

    def put_changing(self, session_id: str, read: Callable[[], Record]) -> None:
        """Remember a session as it is when it is written."""
        self._writer.put_changing(session_id, read)

    def put_action(self, action: Action) -> None:
        """Add to a session's log; the id is the database's to give."""
        self._writer.put_action(action)

    def put_page(self, page: PageText) -> None:
        """Make a page's text findable."""
        self._writer.put_page(page)

    async def flush(self) -> None:
        """Come back when all that was put is written. StorageFull, DatabaseUnusable."""
        await self._writer.flush()

    async def find(self, session_id: str) -> Record | None:
        """A session's record, as it was put last. DatabaseUnusable, as from every read."""
        await self._writer.settle()
        waiting = self._writer.waiting(session_id)
        if waiting is not None:  # the database is behind, and has it as it was before
            return rows.as_written(waiting)
        found = await self._records(select(*rows.RECORD_COLUMNS).where(sessions.c.id == session_id))
        return found[0] if found else None

    async def unfinished(self) -> list[Record]:
        """Sessions that the database has as live."""
        return await self._records(
            select(*rows.RECORD_COLUMNS)
            .where(sessions.c.state == "live")
            .order_by(sessions.c.last_activity_at)
        )

    async def hibernated(self) -> dict[str, str]:
        """The sessions that the database has as hibernated: owners by id."""
        await self._writer.settle()
        async with self._database.reading() as connection:
            found = await connection.execute(
                select(sessions.c.id, sessions.c.owner).where(sessions.c.state == "hibernated")
            )
            return {row.id: row.owner for row in found}

    async def due(self, now: datetime) -> list[Record]:
        """Those whose `forgets_at` has come, oldest first, at most MOST_DUE."""
        return await self._records(
            select(*rows.RECORD_COLUMNS)
            .where(sessions.c.forgets_at <= now)
            .order_by(sessions.c.forgets_at)
            .limit(MOST_DUE)
        )

    async def next_due(self) -> datetime | None:
        """The earliest `forgets_at`."""
        await self._writer.settle()
        async with self._database.reading() as connection:
            first: datetime | None = await connection.scalar(
                select(func.min(sessions.c.forgets_at))
            )
        return first

    async def erase(self, *session_ids: str, at_once: bool = True) -> bool:
        """Leave nothing of them; unless at once, their bytes go when `shed` is called next. Whether
        they are gone. DatabaseUnusable, StorageFull.
        """
        return not session_ids or await self._eraser.erase(session_ids, at_once=at_once)

    async def shed(self, now: datetime, *, log: float, texts: float) -> bool:
        """Erase log entries and page texts that are older than so many seconds, 0: no bound, or
        than their session's own. Whether all that was ever erased is gone.
        """
        await self._writer.settle()
        return await self._eraser.shed(now, {actions: log, page_texts: texts})

    async def page(self, wanted: Wanted) -> Page:
        """A page of the list, or of the search where `q` has anything in it but white space."""
        asked = terms(wanted.q or "")
        if not asked and (wanted.q or "").strip():
            return Page([], None)
        after = _after(wanted, is_search=bool(asked))
        await self._writer.settle()
        async with self._database.reading() as connection:
            conditions = [*_conditions(wanted), *await _tagged(connection, wanted.tags)]
            first: ColumnElement[Any] = sessions.c.pinned
            source: FromClause = sessions
            if asked:
                found = await self._found(connection, asked, wanted.owner)
                first = found.c.score
                source = sessions.join(found, found.c.session_id == sessions.c.id)
            order = (first, type_coerce(sessions.c.last_activity_at, BigInteger), sessions.c.id)
            if after is not None:
                conditions.append(
                    tuple_(*order) < tuple_(*after, types=[key.type for key in order])
                )
            statement = (
                select(*rows.RECORD_COLUMNS, *(key.label(f"k{n}") for n, key in enumerate(order)))
                .select_from(source)
                .where(*conditions)
                .order_by(*(key.desc() for key in order))
                .limit(wanted.limit + 1)
            )
            got = (await connection.execute(statement)).mappings().all()
        records = [rows.record_of(row) for row in got[: wanted.limit]]
        if len(got) <= wanted.limit:
            return Page(records, None)
        last = got[wanted.limit - 1]
        kind = "search" if asked else "list"
        return Page(
            records, cursors.write(kind, _question(wanted), last["k0"], last["k1"], last["k2"])
        )

    async def actions(self, session_id: str, *, limit: int, cursor: str | None) -> ActionList:
        """A page of a session's log, oldest first."""
        after = 0 if cursor is None else cursors.read(cursor, "log", session_id, int)[0]
        await self._writer.settle()
        async with self._database.reading() as connection:
            got = await _logged(connection, session_id, after, limit + 1)
            dropped: int | None = await connection.scalar(
                select(sessions.c.dropped).where(sessions.c.id == session_id)
            )
        items = got[:limit]
        more = len(got) > limit
        following = cursors.write("log", session_id, items[-1].id) if more else None
        return ActionList(items=items, next_cursor=following, dropped=dropped or 0)

    async def all_actions(self, session_id: str) -> AsyncIterator[Action]:
        """The whole log, oldest first; no connection is held while its reader is slow."""
        await self._writer.settle()
        after = 0
        while True:
            async with self._database.reading() as connection:
                piece = await _logged(connection, session_id, after, PIECE)
            for action in piece:
                yield action
            if len(piece) < PIECE:
                return
            after = piece[-1].id

    async def _records(self, statement: Select[Any]) -> list[Record]:
        await self._writer.settle()
        async with self._database.reading() as connection:
            got = await connection.execute(statement)
            return [rows.record_of(row) for row in got.mappings()]

    async def _found(
        self, connection: AsyncConnection, asked: list[Term], owner: str | None
    ) -> Subquery:
        is_large = False
        if owner is not None:
            some = select(literal(1)).where(sessions.c.owner == owner).limit(MANY + 1).subquery()
            count = await connection.scalar(select(func.count()).select_from(some))
            is_large = (count or 0) > MANY
        mark = None if owner is None else rows.owner_mark(owner)
        return ranked(asked, sqlite=self._database.is_sqlite, mark=mark, is_large=is_large)


async def _logged(
    connection: AsyncConnection, session_id: str, after: int, limit: int
) -> list[Action]:
    got = await connection.execute(
        select(*rows.ACTION_COLUMNS)
        .where(actions.c.session_id == session_id, actions.c.id > after)
        .order_by(actions.c.id)
        .limit(limit)
    )
    return [rows.action_of(row) for row in got.mappings()]


def _question(wanted: Wanted) -> tuple[object, ...]:
    """What a cursor belongs to."""
    return (
        wanted.owner, wanted.q, wanted.state, wanted.phase, wanted.tags, wanted.pinned,
        wanted.name, wanted.id_prefix,
    )  # fmt: skip


def _after(wanted: Wanted, *, is_search: bool) -> tuple[Any, ...] | None:
    if wanted.cursor is None:
        return None
    question = _question(wanted)
    if is_search:
        return cursors.read(wanted.cursor, "search", question, int, int, str)
    return cursors.read(wanted.cursor, "list", question, bool, int, str)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Expired ones are in no list but of those that asks for them."""
    found: list[ColumnElement[bool]] = []
    if wanted.owner is not None:
        found.append(sessions.c.owner == wanted.owner)
    if wanted.pinned is not None:
        found.append(sessions.c.pinned == wanted.pinned)
    if wanted.name is not None:  # looked up by itself: the way through a list has no names
        named = select(sessions.c.number).where(sessions.c.name == wanted.name)
        found.append(sessions.c.number.in_(named))
    if wanted.id_prefix is not None:  # LIKE would take either case
        begins = func.substr(sessions.c.id, 1, len(wanted.id_prefix))
        found.append(begins == wanted.id_prefix)
    if wanted.state is not None:
        found.append(sessions.c.state == wanted.state)
    elif wanted.phase != "expired":
        found.append(sessions.c.state != "expired")
    if wanted.phase is not None:
        found.append(_in_phase(wanted.phase, wanted.now))
    return found


def _in_phase(phase: SessionPhase, now: datetime) -> ColumnElement[bool]:
    """As a session's phase is reckoned from its times; one that lapses this moment is expired."""
    state, warns, expires = sessions.c.state, sessions.c.warns_at, sessions.c.expires_at
    lapsed = and_(expires.is_not(None), expires <= now)
    warned = and_(warns.is_not(None), warns <= now)
    if phase == "ended":
        return state == "ended"
    if phase == "expired":
        return or_(state == "expired", and_(state == "live", lapsed))
    if phase == "near_expiration":
        return and_(state == "live", not_(lapsed), warned)
    return and_(state == "live", not_(lapsed), not_(warned))


async def _tagged(
    connection: AsyncConnection, wanted: tuple[str, ...]
) -> list[ColumnElement[bool]]:
    """Each tag as a condition: of a rare one by its sessions, of a common one by trying each
    session on the way.
    """
    found: list[ColumnElement[bool]] = []
    for tag in wanted:
        some = select(literal(1)).where(tags.c.tag == tag).limit(FEW + 1).subquery()
        count = await connection.scalar(select(func.count()).select_from(some))
        having = select(tags.c.session_id).where(tags.c.tag == tag)
        if (count or 0) > FEW:
            found.append(having.where(tags.c.session_id == sessions.c.id).exists())
        else:
            found.append(sessions.c.id.in_(having))
    return found
