"""One batch in one transaction: what was put, in the order in which things depend on each other."""

from collections import Counter
from collections.abc import Iterable

import anyio.to_thread
from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from agent_browser.models.records import Record
from agent_browser.store import rows
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch
from agent_browser.store.tables import actions, page_texts, papers, sessions, tags

MOST_PAGES = 500
"""Pages of a session whose texts are kept; the oldest go."""
_KEPT = {"number", "id", "logged", "dropped"}


async def write(database: Database, batch: Batch, *, log_actions: int) -> None:
    """Write it, or on an error, which is the driver's own, nothing of it. What belongs to a session
    that is not there, or is expired, is left out.
    """
    async with database.writing() as connection:
        if batch.records:
            await _write_records(database, connection, batch.records)
        marks = await _marks(connection, batch)
        if batch.actions or batch.lost:
            await _write_actions(connection, batch, marks, log_actions)
        if batch.pages:
            await _write_pages(database, connection, batch, marks)
        if batch.papers or batch.torn:
            await _write_papers(database, connection, batch)


async def _write_records(
    database: Database, connection: AsyncConnection, records: list[Record]
) -> None:
    found = await connection.execute(
        select(sessions.c.id, sessions.c.tags).where(
            sessions.c.id.in_([record.id for record in records])
        )
    )
    tagged = {row.id: row.tags for row in found}
    insert = database.insert(sessions)
    upsert = insert.on_conflict_do_update(
        index_elements=["id"],
        set_={
            column.name: insert.excluded[column.name]
            for column in sessions.columns
            if column.name not in _KEPT
        },
    )
    written = [rows.record_row(record) for record in records]
    await connection.execute(upsert, written)
    changed = {
        row["id"]: row["tags"] for row in written if row["tags"] != tagged.get(row["id"], [])
    }
    if changed:
        await connection.execute(delete(tags).where(tags.c.session_id.in_(changed)))
        marked = [
            {"session_id": id, "tag": tag}
            for id, now in changed.items()
            for tag in sorted(set(now))
        ]
        if marked:
            await connection.execute(tags.insert(), marked)


async def _marks(connection: AsyncConnection, batch: Batch) -> dict[str, str]:
    """Sessions that logs and pages may be added to, and their owners' marks."""
    wanted = {action.session_id for action in batch.actions}
    wanted |= {page.session_id for page in batch.pages}
    if not wanted:
        return {}
    found = await connection.execute(
        select(sessions.c.id, sessions.c.owner_mark).where(
            sessions.c.id.in_(wanted), sessions.c.expired_at.is_(None)
        )
    )
    return {row.id: row.owner_mark for row in found}


async def _write_actions(
    connection: AsyncConnection, batch: Batch, marks: dict[str, str], log_actions: int
) -> None:
    written = [
        rows.action_row(action, marks[action.session_id])
        for action in batch.actions
        if action.session_id in marks
    ]
    if written:
        await connection.execute(actions.insert(), written)
    count = Counter(row["session_id"] for row in written)
    for id in count.keys() | batch.lost.keys():
        await connection.execute(
            update(sessions)
            .where(sessions.c.id == id)
            .values(
                logged=sessions.c.logged + count[id] + batch.lost[id],
                dropped=sessions.c.dropped + batch.lost[id],
            )
        )
    await _trim_logs(connection, count, log_actions)


async def _trim_logs(connection: AsyncConnection, ids: Iterable[str], log_actions: int) -> None:
    kept = sessions.c.logged - sessions.c.dropped
    over = await connection.execute(
        select(sessions.c.id, (kept - log_actions).label("excess")).where(
            sessions.c.id.in_(list(ids)), kept > log_actions
        )
    )
    for id, excess in over.all():
        oldest = (
            select(actions.c.id)
            .where(actions.c.session_id == id)
            .order_by(actions.c.id)
            .limit(excess)
        )
        await connection.execute(delete(actions).where(actions.c.id.in_(oldest)))
        await connection.execute(
            update(sessions).where(sessions.c.id == id).values(dropped=sessions.c.dropped + excess)
        )


async def _write_pages(
    database: Database, connection: AsyncConnection, batch: Batch, marks: dict[str, str]
) -> None:
    pages = [page for page in batch.pages if page.session_id in marks]
    if not pages:
        return
    # In a thread: a long page takes milliseconds to be cut into words.
    written = await anyio.to_thread.run_sync(
        lambda: [rows.page_row(page, marks[page.session_id]) for page in pages]
    )
    insert = database.insert(page_texts)
    replaced = {name: insert.excluded[name] for name in ("at", "head_words", "words")}
    upsert = insert.on_conflict_do_update(index_elements=["session_id", "place"], set_=replaced)
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
        insert = database.insert(papers)
        kept = ("kind", "id", "created_at")
        replaced = {
            column.name: insert.excluded[column.name]
            for column in papers.columns
            if column.name not in kept
        }
        upsert = insert.on_conflict_do_update(index_elements=["kind", "id"], set_=replaced)
        await connection.execute(upsert, [rows.paper_row(paper) for paper in batch.papers])
