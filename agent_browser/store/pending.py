"""What waits to be written: of each session's record, of each page and paper the latest, and log
entries in their order. Bounded: where the disk is too slow, old log entries and page texts go.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent_browser.models.actions import Action
from agent_browser.models.audit import AuditEntry
from agent_browser.models.records import PageText, Record

MOST_ACTIONS = 20_000
MOST_PAGE_CHARACTERS = 16_000_000
MOST_PAPERS = 20_000
MOST_AUDITS = 20_000
MOST_ERASED = 10_000
"""Erased sessions that are remembered, so that a late word about one does not bring it back."""


@dataclass(frozen=True)
class Paper:
    """One of a kind of documents, such as a webhook, under the id that its owner's room gave."""

    kind: str
    id: str
    owner: str
    data: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    session_id: str | None = None
    """Goes when this session is erased."""
    parent: str | None = None
    """What it belongs to: a delivery to its webhook."""
    status: str | None = None


_LISTS = ("records", "actions", "pages", "papers", "torn", "audits")


@dataclass
class Batch:
    """What one transaction writes."""

    records: list[Record] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    pages: list[PageText] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    torn: list[tuple[str, str]] = field(default_factory=list)
    """Papers, by kind and id, that are to be deleted."""
    audits: list[AuditEntry] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    """Log entries by session that were dropped before they were written."""

    def __len__(self) -> int:
        written = len(self.records) + len(self.actions) + len(self.pages) + len(self.papers)
        return written + len(self.torn) + len(self.audits) + len(self.lost)

    def split(self) -> "Batch | None":
        """One thing, which is in this batch no more; None once it is empty."""
        for name in _LISTS:
            things: list[Any] = getattr(self, name)
            if things:
                one = Batch()
                getattr(one, name).append(things.pop(0))
                return one
        if self.lost:
            lost, self.lost = self.lost, Counter()
            return Batch(lost=lost)
        return None

    def rejoin(self, one: "Batch") -> None:
        """Put back what was split off last."""
        for name in _LISTS:
            getattr(self, name)[:0] = getattr(one, name)
        self.lost += one.lost


class Pending:
    """Fills between writes. Everything here is synchronous; the writer is the only one to take."""

    def __init__(self) -> None:
        self._records: dict[str, Record | Callable[[], Record]] = {}
        self._actions: deque[Action] = deque()
        self._pages: OrderedDict[tuple[str, str], PageText] = OrderedDict()
        self._page_characters = 0
        self._papers: OrderedDict[tuple[str, str], Paper | None] = OrderedDict()
        self._audits: deque[AuditEntry] = deque()
        self._lost: Counter[str] = Counter()
        self._erased: OrderedDict[str, None] = OrderedDict()
        self.dropped = 0
        """Entries of logs, page texts and papers that were never written, since the start."""

    def __len__(self) -> int:
        kinds = (self._records, self._actions, self._pages, self._papers, self._lost)
        return sum(map(len, kinds)) + len(self._audits)

    def add_record(self, record: Record) -> None:
        """Takes the place of an earlier one."""
        if record.id not in self._erased or record.expired_at is not None:
            self._records[record.id] = record

    def add_changing(self, session_id: str, read: Callable[[], Record]) -> None:
        """The same, read when it is taken."""
        if session_id not in self._erased:
            self._records[session_id] = read

    def record(self, session_id: str) -> Record | None:
        """That session's, as it waits."""
        waiting = self._records.get(session_id)
        return None if waiting is None else _read(waiting)

    def add_action(self, action: Action) -> None:
        """After those that wait already."""
        if action.session_id not in self._erased:
            self._actions.append(action)
            self._keep_bounds()

    def add_page(self, page: PageText) -> None:
        """Takes the place of an earlier one of the same address."""
        if page.session_id not in self._erased:
            key = page.session_id, page.url
            if key in self._pages:
                self._pop_page(key)
            self._pages[key] = page
            self._page_characters += _weight(page)
            self._keep_bounds()

    def add_paper(self, paper: Paper) -> None:
        """Takes the place of an earlier one."""
        if paper.session_id not in self._erased:
            self._papers.pop((paper.kind, paper.id), None)
            self._papers[paper.kind, paper.id] = paper
            self._keep_bounds()

    def add_audit(self, entry: AuditEntry) -> None:
        """After those that wait already."""
        self._audits.append(entry)
        self._keep_bounds()

    def tear(self, kind: str, id: str) -> None:
        """Have a paper deleted."""
        self._papers.pop((kind, id), None)
        self._papers[kind, id] = None

    def take(self, most: int) -> Batch:
        """What is to be written next, with at most so many of each kind; it waits no more."""
        batch = Batch(
            records=[_read(self._records.pop(id)) for id in list(self._records)[:most]],
            actions=[self._actions.popleft() for _ in range(min(most, len(self._actions)))],
            audits=[self._audits.popleft() for _ in range(min(most, len(self._audits)))],
            lost=self._lost,
        )
        self._lost = Counter()
        for _ in range(min(most, len(self._pages))):
            batch.pages.append(self._pop_page(next(iter(self._pages))))
        for _ in range(min(most, len(self._papers))):
            key, paper = self._papers.popitem(last=False)
            if paper is None:
                batch.torn.append(key)
            else:
                batch.papers.append(paper)
        return batch

    def restore(self, batch: Batch) -> None:
        """Have a batch wait again that could not be written; what came meanwhile is newer."""
        for record in batch.records:
            if record.id not in self._records:
                self.add_record(record)
        self._actions.extendleft(
            action for action in reversed(batch.actions) if action.session_id not in self._erased
        )
        self._audits.extendleft(reversed(batch.audits))
        self._restore_pages(batch.pages)
        self._restore_papers(batch)
        self._lost.update({id: lost for id, lost in batch.lost.items() if id not in self._erased})
        self._keep_bounds()

    def forget(self, session_ids: Iterable[str]) -> None:
        """Drop what waits of sessions that are being erased, and what still comes of them."""
        gone = set(session_ids)
        if not gone:
            return
        for id in gone:
            self._records.pop(id, None)
            self._lost.pop(id, None)
            self._erased[id] = None
        while len(self._erased) > MOST_ERASED:
            self._erased.popitem(last=False)
        self._actions = deque(item for item in self._actions if item.session_id not in gone)
        for key in [key for key in self._pages if key[0] in gone]:
            self._pop_page(key)
        for paper in [item for item in self._papers.values() if item and item.session_id in gone]:
            del self._papers[paper.kind, paper.id]

    def _restore_pages(self, pages: list[PageText]) -> None:
        for page in reversed(pages):
            key = page.session_id, page.url
            if key not in self._pages and page.session_id not in self._erased:
                self._pages[key] = page
                self._pages.move_to_end(key, last=False)
                self._page_characters += _weight(page)

    def _restore_papers(self, batch: Batch) -> None:
        waiting: list[tuple[tuple[str, str], Paper | None]] = [(key, None) for key in batch.torn]
        waiting += [((paper.kind, paper.id), paper) for paper in batch.papers]
        for key, paper in reversed(waiting):
            if key not in self._papers and (paper is None or paper.session_id not in self._erased):
                self._papers[key] = paper
                self._papers.move_to_end(key, last=False)

    def _pop_page(self, key: tuple[str, str]) -> PageText:
        page = self._pages.pop(key)
        self._page_characters -= _weight(page)
        return page

    def _keep_bounds(self) -> None:
        while len(self._actions) > MOST_ACTIONS:
            self._lost[self._actions.popleft().session_id] += 1
            self.dropped += 1
        while self._page_characters > MOST_PAGE_CHARACTERS and len(self._pages) > 1:
            self._pop_page(next(iter(self._pages)))
            self.dropped += 1
        while len(self._papers) > MOST_PAPERS:
            self._papers.popitem(last=False)
            self.dropped += 1
        while len(self._audits) > MOST_AUDITS:
            self._audits.popleft()
            self.dropped += 1


def _weight(page: PageText) -> int:
    return len(page.url) + len(page.title) + len(page.text)


def _read(record: Record | Callable[[], Record]) -> Record:
    return record if isinstance(record, Record) else record()
