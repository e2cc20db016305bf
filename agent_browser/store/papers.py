"""Papers in the database: webhooks, their deliveries, operations."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, tuple_, type_coerce
from sqlalchemy.types import BigInteger

from agent_browser.clock import Clock, SystemClock
from agent_browser.store import cursors, rows
from agent_browser.store.database import Database
from agent_browser.store.pending import Paper
from agent_browser.store.tables import papers
from agent_browser.store.writer import Writer


class Papers:
    """Keeps the promises of `papers.Papers`; `flush` waits until what was put is written."""

    def __init__(self, database: Database, writer: Writer, *, clock: Clock | None = None) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock or SystemClock()

    def put(
        self,
        kind: str,
        id: str,
        owner: str,
        data: dict[str, Any],
        *,
        created_at: datetime | None = None,
        session_id: str | None = None,
        parent: str | None = None,
        status: str | None = None,
    ) -> None:
        """Keep it, in the place of what was there under that id; `created_at` stays as it was put
        first. With `session_id` it goes when that session is erased; `parent` and `status` are what
        it can be looked up by.
        """
        now = self._clock.now()
        paper = Paper(
            kind=kind,
            id=id,
            owner=owner,
            data=data,
            created_at=created_at or now,
            updated_at=now,
            session_id=session_id,
            parent=parent,
            status=status,
        )
        self._writer.put_paper(paper)

    def drop(self, kind: str, id: str) -> None:
        """Keep it no longer; nothing where it is not there."""
        self._writer.tear(kind, id)

    async def flush(self) -> None:
        """Come back when all that was put is written. StorageFull, DatabaseUnusable."""
        await self._writer.flush()

    async def get(self, kind: str, id: str) -> dict[str, Any] | None:
        """What was put last; None where nothing was."""
        paper = await self.paper(kind, id)
        return None if paper is None else paper.data

    async def paper(self, kind: str, id: str) -> Paper | None:
        """The same with owner, times and what else is known of it."""
        found = await self._read(select(papers).where(papers.c.kind == kind, papers.c.id == id))
        return found[0] if found else None

    async def all(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, everybody's, oldest first."""
        return [paper.data for paper in await self.papers(kind)]

    async def papers(
        self,
        kind: str,
        *,
        owner: str | None = None,
        parent: str | None = None,
        session_id: str | None = None,
        status: str | None = None,
    ) -> list[Paper]:
        """All of a kind that are like this; None: whatever it is. Oldest first."""
        asked = {"owner": owner, "parent": parent, "session_id": session_id, "status": status}
        given = [papers.c[name] == value for name, value in asked.items() if value is not None]
        return await self._read(
            select(papers)
            .where(papers.c.kind == kind, *given)
            .order_by(papers.c.created_at, papers.c.id)
        )

    async def page(
        self, kind: str, owner: str, *, parent: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Paper], str | None]:
        """A page of an owner's, newest first, and where to go on. InvalidRequest for a cursor that
        it did not give.
        """
        question = (kind, owner, parent)
        order = (type_coerce(papers.c.created_at, BigInteger), papers.c.id)
        statement = select(papers, order[0].label("at")).where(
            papers.c.kind == kind, papers.c.owner == owner
        )
        if parent is not None:
            statement = statement.where(papers.c.parent == parent)
        if cursor is not None:
            after = cursors.read(cursor, "papers", question, int, str)
            types = [key.type for key in order]
            statement = statement.where(tuple_(*order) < tuple_(*after, types=types))
        await self._writer.settle()
        async with self._database.reading() as connection:
            newest_first = statement.order_by(*(key.desc() for key in order)).limit(limit + 1)
            got = (await connection.execute(newest_first)).mappings().all()
        found = [rows.paper_of(row) for row in got[:limit]]
        if len(got) <= limit:
            return found, None
        last = got[limit - 1]
        return found, cursors.write("papers", question, last["at"], last["id"])

    async def _read(self, statement: Select[Any]) -> list[Paper]:
        await self._writer.settle()
        async with self._database.reading() as connection:
            got = await connection.execute(statement)
            return [rows.paper_of(row) for row in got.mappings()]
