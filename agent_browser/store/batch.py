"""One batch in one transaction: what was put, in the order in which things depend on each other."""

from collections import Counter
from dataclasses import dataclass

import anyio.to_thread
from sqlalchemy import Table, bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from agent_browser.models.records import PageText, Record
from agent_browser.store import rows
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch
from agent_browser.store.tables import actions, audit, page_texts, papers, sessions, tags


def _names(table: Table, *but: str) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in but)


MOST_PAGES = 500
"""Pages of a session whose texts are kept; the oldest go."""
_OF_RECORD = _names(sessions, "number", "id", "logged", "dropped")
_OF_PAPER = _names(papers, "kind", "id", "created_at")
_COUNTED = (
    update(sessions)
    .where(sessions.c.id == bindparam("session"))
    .values(
        logged=sessions.c.logged + bindparam("more_logged"),
        dropped=sessions.c.dropped + bindparam("more_dropped"),
    )
)


@dataclass
class _Known:
    """What the database has of a session that a batch is about."""

    mark: str
    """Of its owner."""
    tags: list[str]
    entries: int
    """Of its log."""
    is_expired: bool = False


async def write(database: Database, batch: Batch, *, log_actions: int) -> None:
    """Write it, or on an error, which is the driver's own, nothing of it. What belongs to a session
    that is not there, or is expired, is left out. In few statements: each goes to the driver's
    thread and back several times.
    """
    async with database.writing() as connection:
        known = await _known(connection, batch)
        if batch.records:
            await _write_records(database, connection, batch.records, known)
        open_to = {id: session for id, session in known.items() if not session.is_expired}
        if batch.actions or batch.lost:
            await _write_actions(connection, batch, open_to, log_actions)
        if batch.pages:
            await _write_pages(database, connection, batch.pages, open_to)
        if batch.papers or batch.torn:
            await _write_papers(database, connection, batch)
        if batch.audits:
            written = [rows.audit_row(entry) for entry in batch.audits]
            await connection.execute(audit.insert(), written)


async def _known(connection: AsyncConnection, batch: Batch) -> dict[str, _Known]:
    wanted = {record.id for record in batch.records}
    wanted |= {action.session_id for action in batch.actions}
    wanted |= {page.session_id for page in batch.pages}
    if not wanted:
        return {}
    columns = (
        sessions.c.id,
        sessions.c.owner_mark,
        sessions.c.tags,
        (sessions.c.logged - sessions.c.dropped).label("entries"),
        sessions.c.expired_at,
    )
    found = await connection.execute(select(*columns).where(sessions.c.id.in_(wanted)))
    return {
        row.id: _Known(row.owner_mark, row.tags, row.entries, row.expired_at is not None)
        for row in found
    }


async def _write_records(
    database: Database,
    connection: AsyncConnection,
    records: list[Record],
    known: dict[str, _Known],
) -> None:
    upsert = database.upsert(sessions, ("id",), _OF_RECORD)
    written = [rows.record_row(record) for record in records]
    await connection.execute(upsert, written)
    changed: dict[str, list[str]] = {}
    for row in written:
        session = known.setdefault(row["id"], _Known(row["owner_mark"], [], 0))
        if row["tags"] != session.tags:
            changed[row["id"]] = row["tags"]
        session.is_expired = row["expired_at"] is not None
    if changed:
        await _write_tags(connection, changed)


async def _write_tags(connection: AsyncConnection, changed: dict[str, list[str]]) -> None:
    await connection.execute(delete(tags).where(tags.c.session_id.in_(changed)))
    marked = [
        {"session_id": id, "tag": tag} for id, now in changed.items() for tag in sorted(set(now))
    ]
    if marked:
        await connection.execute(tags.insert(), marked)


async def _write_actions(
    connection: AsyncConnection, batch: Batch, open_to: dict[str, _Known], log_actions: int
) -> None:
    written = [
        rows.action_row(action, open_to[action.session_id].mark)
        for action in batch.actions
        if action.session_id in open_to
    ]
    if written:
        await connection.execute(actions.insert(), written)
    count = Counter(row["session_id"] for row in written)
    over = {
        id: excess
        for id, added in count.items()
        if (excess := open_to[id].entries + added - log_actions) > 0
    }
    for id, excess in over.items():
        await _trim_log(connection, id, excess)
    told = [
        {
            "session": id,
            "more_logged": count[id] + batch.lost[id],
            "more_dropped": over.get(id, 0) + batch.lost[id],
        }
        for id in count.keys() | batch.lost.keys()
    ]
    if told:
        await connection.execute(_COUNTED, told)


async def _trim_log(connection: AsyncConnection, id: str, excess: int) -> None:
    oldest = (
        select(actions.c.id).where(actions.c.session_id == id).order_by(actions.c.id).limit(excess)
    )
    await connection.execute(delete(actions).where(actions.c.id.in_(oldest)))


async def _write_pages(
    database: Database,
    connection: AsyncConnection,
    pages: list[PageText],
    open_to: dict[str, _Known],
) -> None:
    pages = [page for page in pages if page.session_id in open_to]
    if not pages:
        return
    # In a thread: a long page takes milliseconds to be cut into words.
    written = await anyio.to_thread.run_sync(
        lambda: [rows.page_row(page, open_to[page.session_id].mark) for page in pages]
    )
    key, replaced = ("session_id", "place"), ("at", "head_words", "words")
    upsert = database.upsert(page_texts, key, replaced)
    await connection.execute(upsert, written)
    over = await connection.execute(
        select(page_texts.c.session_id, func.count().label("pages"))
        .where(page_texts.c.session_id.in_({row["session_id"] for row in written}))
        .group_by(page_texts.c.session_id)
        .having(func.count() > MOST_PAGES)
    )
    for id, count in over.all():
        oldest = (
            select(page_texts.c.id)
            .where(page_texts.c.session_id == id)
            .order_by(page_texts.c.at, page_texts.c.id)
            .limit(count - MOST_PAGES)
        )
        await connection.execute(delete(page_texts).where(page_texts.c.id.in_(oldest)))


async def _write_papers(database: Database, connection: AsyncConnection, batch: Batch) -> None:
    if batch.torn:
        key = tuple_(papers.c.kind, papers.c.id)
        await connection.execute(delete(papers).where(key.in_(batch.torn)))
    if batch.papers:
        upsert = database.upsert(papers, ("kind", "id"), _OF_PAPER)
        await connection.execute(upsert, [rows.paper_row(paper) for paper in batch.papers])
