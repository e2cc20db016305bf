"""The directory of sessions on SQLite, without a browser: a page of the list, and the search."""

import itertools
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_browser import ids
from agent_browser.models.actions import Action
from agent_browser.models.records import PageText, Record, Wanted
from agent_browser.models.sessions import Timeouts
from agent_browser.settings import Settings
from agent_browser.store.batch import write
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch
from agent_browser.store.records import Records
from agent_browser.store.writer import Writer
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples

OWNERS = ("alice", "alice", "alice", "bob")
PAGE_WORDS = 120
VOCABULARY = 30_000
AT_ONCE = 1_000
NOW = datetime(2026, 11, 20, tzinfo=UTC)
_SYLLABLES = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "on")]


async def directory(place: Place, plan: Plan) -> list[Result]:
    """Rows of list and search."""
    settings = Settings(data_dir=place.folder / "directory")
    made = _Made(random.Random(7))
    async with Database(settings) as database, Writer(database, settings) as writer:
        records = Records(database, writer)
        for start in range(0, plan.recorded, AT_ONCE):
            batch = made.batch(start, min(AT_ONCE, plan.recorded - start))
            await write(database, batch, log_actions=settings.log_actions)
        return [await _list(records, plan), await _search(records, made, plan)]


class _Made:
    """Sessions with one page each, whose words are as common as those of a language."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        words = {"".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))
                 for _ in range(2 * VOCABULARY)}  # fmt: skip
        self.words = sorted(words)[:VOCABULARY]
        chance.shuffle(self.words)
        self._weights = list(itertools.accumulate(1 / (n + 1) for n in range(len(self.words))))
        self.ids: list[str] = []

    def batch(self, start: int, count: int) -> Batch:
        """So many sessions, with a page and a log entry each."""
        batch = Batch()
        for number in range(start, start + count):
            one = self._record(number)
            self.ids.append(one.id)
            batch.records.append(one)
            batch.pages.append(PageText(one.id, one.url, one.title, self._text(PAGE_WORDS), NOW))
            batch.actions.append(self._action(one.id))
        return batch

    def _action(self, session_id: str) -> Action:
        """A log entry."""
        return Action(
            id=0,
            session_id=session_id,
            at=NOW,
            function="interact",
            action="fill",
            input={"ref": "@e7", "text": self._text(3)},
            outcome="ok",
            milliseconds=12.5,
            url=f"https://example.com/{self._text(1)}",
        )

    def _record(self, number: int) -> Record:
        return Record(
            id=ids.new_session_id(),
            owner=OWNERS[number % len(OWNERS)],
            state="live" if number % 50 == 0 else "ended",
            created_at=NOW,
            last_activity_at=NOW + timedelta(seconds=self._chance.random() * 1e6),
            timeouts=Timeouts(idle=60, max_duration=600),
            name=self._text(3),
            pinned=number % 1_000 == 0,
            tags=("all", f"tag{number % 5_000}"),
            url=f"https://example.com/{self._text(2).replace(' ', '/')}",
            title=self._text(4),
        )

    def _text(self, count: int) -> str:
        return " ".join(self._chance.choices(self.words, cum_weights=self._weights, k=count))


async def _list(records: Records, plan: Plan) -> Result:
    """Pages of all kinds; the slowest kind is the row."""
    asked: dict[str, dict[str, Any]] = {
        "first": {},
        "live": {"state": "live"},
        "common tag": {"tags": ("all",)},
        "rare tag": {"tags": ("tag7",)},
        "everybody's": {"owner": None},
        "of few": {"owner": "bob", "pinned": False},
    }
    kinds = {name: Samples() for name in [*asked, "deep"]}
    for _ in range(plan.lists):
        for name, facts in asked.items():
            wanted = replace(Wanted(owner="alice", now=NOW, limit=50), **facts)
            await _timed(records, wanted, kinds[name])
    cursor = None
    for _ in range(plan.lists):
        wanted = Wanted(owner="alice", now=NOW, limit=50, cursor=cursor)
        cursor = await _timed(records, wanted, kinds["deep"])
    return _slowest("directory_list", "50 of {:,} sessions", kinds, 20.0, plan)


async def _search(records: Records, made: _Made, plan: Plan) -> Result:
    """Questions of common and rare words; the slowest is the row."""
    words = made.words
    asked = {
        "rare": f"{words[9_000]} ",
        "common": f"{words[0]} ",
        "both": f"{words[2]} {words[9_000]} ",
        "three common": f"{words[0]} {words[1]} {words[2]} ",
        "beginning": words[40][:4],
        "short beginning": words[50][:3],
        "phrase": f'"{words[0]} {words[5]}"',
    }
    kinds = {name: Samples() for name in asked}
    for _ in range(plan.searches):
        for name, q in asked.items():
            await _timed(records, Wanted(owner="alice", now=NOW, q=q), kinds[name])
    return _slowest("directory_search", "search of {:,} sessions", kinds, 100.0, plan)


async def _timed(records: Records, wanted: Wanted, samples: Samples) -> str | None:
    began = time.perf_counter()
    page = await records.page(wanted)
    samples.add(time.perf_counter() - began)
    return page.next_cursor


def _slowest(name: str, words: str, kinds: dict[str, Samples], bound: float, plan: Plan) -> Result:
    slowest = max(kinds, key=lambda kind: kinds[kind].p50)
    details = {kind: samples.as_json() for kind, samples in kinds.items()}
    return Result(
        name,
        f"{words.format(plan.recorded)}, p50 of the slowest kind ({slowest})",
        "ms",
        kinds[slowest].p50,
        goal=at_most(kinds[slowest].p50, bound, f"≤ {bound:g} ms"),
        details=details,
    )
