"""The audit log in the database: added to, read in pages, shed when it is old or long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import anyio
from sqlalchemy import ColumnElement, delete, func, select

from agent_browser.clock import Clock, Steady, SystemClock
from agent_browser.models.audit import AuditEntry, AuditList
from agent_browser.settings import Settings
from agent_browser.store import cursors
from agent_browser.store.database import Database
from agent_browser.store.refusals import FAILURES, translated
from agent_browser.store.tables import audit
from agent_browser.store.writer import Writer

AT_ONCE = 2_000
"""Old entries that one transaction erases: others write in between."""


@dataclass(frozen=True)
class Asked:
    """Which entries; None: whatever it is. `since` is in it, `until` is not."""

    owner: str | None = None
    session: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """Entries outlive what they are of: who erased a session is to be found when it is gone."""

    swept: ClassVar[str] = "entries of the audit log"

    def __init__(
        self, database: Database, writer: Writer, settings: Settings, *, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._writer = writer
        self._retention = settings.audit_retention
        self._entries = settings.audit_entries
        self._steady = Steady(clock or SystemClock())

    def put(self, entry: AuditEntry) -> None:
        """Add it; it is written soon, and its id is the database's to give."""
        self._writer.put_audit(entry)

    async def page(self, asked: Asked, *, limit: int, cursor: str | None) -> AuditList:
        """A page, newest first. InvalidRequest for a cursor that it did not give."""
        question = vars(asked)
        conditions = _conditions(asked)
        if cursor is not None:
            conditions.append(audit.c.id < cursors.read(cursor, "audit", question, int)[0])
        statement = select(audit).where(*conditions).order_by(audit.c.id.desc()).limit(limit + 1)
        await self._writer.settle()
        async with self._database.reading() as connection:
            got = (await connection.execute(statement)).mappings().all()
        items = [AuditEntry.model_construct(**row) for row in got[:limit]]
        more = len(got) > limit
        following = cursors.write("audit", question, items[-1].id) if more else None
        return AuditList(items=items, next_cursor=following)

    async def sweep(self) -> int:
        """Erase what is older than AUDIT_RETENTION, and the oldest beyond AUDIT_ENTRIES; how many.
        DatabaseUnusable.
        """
        try:
            await self._writer.settle()
            going = [audit.c.id <= await self._last() - self._entries]
            if self._retention:
                bound = self._steady.now() - timedelta(seconds=self._retention)
                going.append(audit.c.at < bound)
            return sum([await self._erase(those) for those in going])
        except FAILURES as exc:
            raise translated(exc) from exc

    async def _last(self) -> int:
        """The newest entry's id: ids are given out in order, and never again."""
        async with self._database.reading() as connection:
            last: int | None = await connection.scalar(select(func.max(audit.c.id)))
        return last or 0

    async def _erase(self, those: ColumnElement[bool]) -> int:
        some = select(audit.c.id).where(those).limit(AT_ONCE)
        erased, count = 0, AT_ONCE
        while count == AT_ONCE:
            with anyio.CancelScope(shield=True):
                async with self._writer.erasing(()), self._database.writing() as within:
                    done = await within.execute(delete(audit).where(audit.c.id.in_(some)))
            count = done.rowcount
            erased += count
        return erased


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.owner is not None:
        found.append(audit.c.owner == asked.owner)
    if asked.session is not None:
        found.append(audit.c.session_id == asked.session)
    if asked.action is not None:
        found.append(audit.c.action == asked.action)
    if asked.since is not None:
        found.append(audit.c.at >= asked.since)
    if asked.until is not None:
        found.append(audit.c.at < asked.until)
    return found
