"""An archive in memory. The contract suite holds it and the store's to the same promises."""

import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent_browser.errors import DatabaseUnusable
from agent_browser.models.actions import Action, ActionList
from agent_browser.models.records import Page, PageText, Record, Wanted
from agent_browser.models.sessions import Privacy, SessionPhase
from agent_browser.store import cursors

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class FakeArchive:
    """Keeps the `Archive` protocol. With `unusable` whatever waits for the database fails; what is
    put is taken all the same.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = {record.id: record for record in records}
        self.log: dict[str, list[Action]] = {}
        self.texts: dict[str, dict[str, PageText]] = {}
        self.unusable = False
        self.held = False
        """Whether somebody who reads holds up that what is erased goes from the disk."""
        self.puts = 0
        self.sheds = 0
        self._actions = 0

    def put_record(self, record: Record) -> None:
        self.records[record.id] = record
        self.puts += 1

    def put_changing(self, session_id: str, read: Callable[[], Record]) -> None:
        self.put_record(read())

    def put_action(self, action: Action) -> None:
        self._actions += 1
        stored = action.model_copy(update={"id": self._actions})
        self.log.setdefault(action.session_id, []).append(stored)

    def put_page(self, page: PageText) -> None:
        self.texts.setdefault(page.session_id, {})[page.url] = page

    async def find(self, session_id: str) -> Record | None:
        self._look()
        return self.records.get(session_id)

    async def page(self, wanted: Wanted) -> Page:
        self._look()
        question = replace(wanted, now=NEVER, limit=0, cursor=None)
        after = 0
        if wanted.cursor is not None:
            (after,) = cursors.read(wanted.cursor, "fake", question, int)
        found = [record for record in self.records.values() if self._fits(record, wanted)]
        found.sort(key=lambda record: self._order(record, wanted))
        records = found[after : after + wanted.limit]
        more = len(found) > after + wanted.limit
        following = cursors.write("fake", question, after + wanted.limit) if more else None
        return Page(records, following)

    async def actions(self, session_id: str, *, limit: int, cursor: str | None) -> ActionList:
        self._look()
        after = 0
        if cursor is not None:
            (after,) = cursors.read(cursor, "log", session_id, int)
        left = [action for action in self.log.get(session_id, []) if action.id > after]
        more = len(left) > limit
        following = cursors.write("log", session_id, left[limit - 1].id) if more else None
        return ActionList(items=left[:limit], next_cursor=following)

    async def all_actions(self, session_id: str) -> AsyncIterator[Action]:
        self._look()
        for action in self.log.get(session_id, []):
            yield action

    async def unfinished(self) -> list[Record]:
        self._look()
        return [record for record in self.records.values() if record.state == "live"]

    async def hibernated(self) -> dict[str, str]:
        self._look()
        return {one.id: one.owner for one in self.records.values() if one.state == "hibernated"}

    async def due(self, now: datetime) -> list[Record]:
        self._look()
        timed = [record for record in self.records.values() if (record.forgets_at or NEVER) <= now]
        return sorted(timed, key=lambda record: record.forgets_at or NEVER)[:100]

    async def next_due(self) -> datetime | None:
        self._look()
        return min((r.forgets_at for r in self.records.values() if r.forgets_at), default=None)

    async def erase(self, *session_ids: str, at_once: bool = True) -> bool:
        self._look()
        for session_id in session_ids:
            for kept in (self.records, self.log, self.texts):
                kept.pop(session_id, None)
        return not self.held

    async def shed(self, now: datetime, *, log: float, texts: float) -> bool:
        self._look()
        self.sheds += 1
        for session_id, entries in self.log.items():
            own = self._privacy(session_id).log_retention
            self.log[session_id] = [e for e in entries if _is_kept(e.at, now, log, own)]
        for session_id, pages in self.texts.items():
            own = self._privacy(session_id).page_text_retention
            kept = [page for page in pages.values() if _is_kept(page.at, now, texts, own)]
            self.texts[session_id] = {page.url: page for page in kept}
        return not self.held

    def _privacy(self, session_id: str) -> Privacy:
        record = self.records.get(session_id)
        return record.privacy if record is not None else Privacy()

    async def flush(self) -> None:
        self._look()

    def _look(self) -> None:
        if self.unusable:
            raise DatabaseUnusable("the database is locked")

    def _fits(self, record: Record, wanted: Wanted) -> bool:
        return (
            wanted.owner in (None, record.owner)
            and (record.state == wanted.state if wanted.state else is_listed(record, wanted))
            and wanted.phase in (None, phase_of(record, wanted.now))
            and set(wanted.tags) <= set(record.tags)
            and wanted.pinned in (None, record.pinned)
            and wanted.name in (None, record.name)
            and record.id.startswith(wanted.id_prefix or "")
            and (wanted.q is None or self._hits(record, wanted.q) > 0)
        )

    def _order(self, record: Record, wanted: Wanted) -> tuple[float | str, ...]:
        latest = (-record.last_activity_at.timestamp(), record.id)
        if wanted.q is None:
            return (not record.pinned, *latest)
        return (-self._hits(record, wanted.q), *latest)

    def _hits(self, record: Record, query: str) -> int:
        """How often the words are in what is known of it; 0 where one is missing."""
        pages = self.texts.get(record.id, {}).values()
        said = [record.name or "", *record.tags, record.url, record.title]
        said += [part for page in pages for part in (page.url, page.title, page.text)]
        said += [str(entry.input) for entry in self.log.get(record.id, [])]
        text = " ".join(said).lower()
        counts = [text.count(word) for word in re.findall(r"\w+", query.lower())]
        return sum(counts) if counts and all(counts) else 0


def _is_kept(at: datetime, now: datetime, *retentions: float | None) -> bool:
    return all(at >= now - timedelta(seconds=seconds) for seconds in retentions if seconds)


def is_listed(record: Record, wanted: Wanted) -> bool:
    """Expired ones are in no list but of those that asks for them."""
    return record.state != "expired" or wanted.phase == "expired"


def phase_of(record: Record, now: datetime) -> SessionPhase:
    """The phase that a record has by then."""
    if record.state in ("ended", "expired"):
        return "ended" if record.state == "ended" else "expired"
    if record.expires_at is not None and record.expires_at <= now:
        return "expired"
    near = record.warns_at is not None and record.warns_at <= now
    return "near_expiration" if near else "active"
