"""What sessions need of a database: their records, logs and page texts outlive the browser."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol

from agent_browser.models.actions import Action, ActionList
from agent_browser.models.records import Page, PageText, Record, Wanted


class Archive(Protocol):
    """Records, logs, texts. What is `put` returns at once and is written soon, at most two seconds
    later; reads see all that was put before them. The store's is one; the tests' fake another.
    """

    def put_record(self, record: Record) -> None:
        """Remember a session as it is now; of several before a write the last one counts."""
        ...

    def put_changing(self, session_id: str, read: Callable[[], Record]) -> None:
        """As `put_record`, of a session that changes with every call: it is read when it is
        written, or not at all.
        """
        ...

    def put_action(self, action: Action) -> None:
        """Add to a session's log, at an `id` of the archive; the oldest go past the bound."""
        ...

    def put_page(self, page: PageText) -> None:
        """Make a page's text findable under its session; the same address replaces the older."""
        ...

    async def find(self, session_id: str) -> Record | None:
        """A session's record, whoever's it is."""
        ...

    async def page(self, wanted: Wanted) -> Page:
        """Pinned first, then most recent activity; with `q` by rank. InvalidRequest for a cursor
        that it did not give.
        """
        ...

    async def actions(self, session_id: str, *, limit: int, cursor: str | None) -> ActionList:
        """A page of a session's log, oldest first. InvalidRequest as `page`."""
        ...

    def all_actions(self, session_id: str) -> AsyncIterator[Action]:
        """The whole log, oldest first, read a piece at a time."""
        ...

    async def unfinished(self) -> list[Record]:
        """Sessions that were live when the last server stopped."""
        ...

    async def hibernated(self) -> dict[str, str]:
        """Owners of the sessions that are, by id."""
        ...

    async def due(self, now: datetime) -> list[Record]:
        """Those whose `forgets_at` is not after that, a bounded number, oldest first: hibernated
        and ended ones whose retention is over, and expired ones that are to be forgotten.
        """
        ...

    async def next_due(self) -> datetime | None:
        """The earliest `forgets_at` of all; None where there is none."""
        ...

    async def erase(self, *session_ids: str, at_once: bool = True) -> bool:
        """Leave nothing of them: record, log, texts, search entries; on disk too, which takes a
        while (many take no longer than one), and waits for `shed` unless at once. Whether all that
        was erased is off the disk. DatabaseUnusable, StorageFull.
        """
        ...

    async def shed(self, now: datetime, *, log: float, texts: float) -> bool:
        """Erase log entries and page texts that are older than so many seconds (0: no bound), or
        than their session's own retention has it; and from the disk what was erased before. Whether
        that is done: somebody who reads the database holds it up. DatabaseUnusable.
        """
        ...

    async def flush(self) -> None:
        """Come back when all that was put is written. StorageFull, DatabaseUnusable."""
        ...
