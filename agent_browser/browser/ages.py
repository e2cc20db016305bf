"""When entries of storage were first seen and when they end; and those that have ended, taken out
of the pages' storage: at their time, or before the first script of the next document that could
see them.
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Self

import anyio
from playwright.async_api import CDPSession, Error, Page

from agent_browser.browser.errands import Errands
from agent_browser.browser.functions import Reach
from agent_browser.browser.origins import Spot, spots
from agent_browser.browser.storages import Change, Storages
from agent_browser.browser.tab import Tab
from agent_browser.browser.worlds import WORLD, DocumentLeft
from agent_browser.errors import Conflict
from agent_browser.models.checkpoints import EXPIRIES, LOCAL, SESSION, Part, State

MAX_KNOWN = 10_000
"""Entries whose time is known; those without an end are forgotten first."""
MAX_ENDLESS = 1_000
"""Of those without an end, how many a state tells of: the latest that were put."""
PATIENCE = 2.0
"""Seconds that a tab has to let go of what has ended."""
FIRST_RETRY, LAST_RETRY = 5.0, 300.0
"""Seconds until a tab that did not answer is asked again, doubled each time."""
_SCRIPT = files("agent_browser.browser").joinpath("storage.js").read_text(encoding="utf-8")
_STEP = 10_000

Place = tuple[str, str, str, str]
"""Area, origin, tab (empty of localStorage), key."""


@dataclass
class Age:
    """What is known of an entry. Times are Unix times in seconds."""

    area: str
    origin: str
    tab: str
    key: str
    mark: str | None = None
    """Of the value that was put; None of one that the page put itself."""
    created: float | None = None
    expires: float | None = None

    @property
    def place(self) -> Place:
        return self.area, self.origin, self.tab, self.key


def mark_of(text: str) -> str:
    """By which a value is known again: its length, and a sum over at most ten thousand of its
    UTF-16 units. storage.js makes the same.
    """
    data = text.encode("utf-16-le", "surrogatepass")
    length = len(data) // 2
    total = 0x811C9DC5
    for at in range(0, length, -(-length // _STEP) or 1):
        unit = data[2 * at] | data[2 * at + 1] << 8
        total = (total ^ unit) * 0x01000193 & 0xFFFFFFFF
    return f"{length}.{total}"


class Ages:
    """The ages of one context's entries."""

    def __init__(self, reach: Reach, now: Callable[[], float] = time.time) -> None:
        self._reach = reach
        self._now = now
        self._known: dict[Place, Age] = {}
        self._ended: dict[Place, Age] = {}
        """Those that have ended, where no document was open that could let go of them."""
        self._errands = Errands()
        self._timer: asyncio.TimerHandle | None = None
        self._retry = FIRST_RETRY
        self._guards: dict[Page, _Guard] = {}
        self._part: Part | None = None
        reach.part(Storages).watchers.append(self._heard)
        reach.context.on("page", self._opened)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """No timer is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._reach.context.remove_listener("page", self._opened)
        await self._errands.close()

    # What is known

    def put(
        self, area: str, origin: str, tab: str, key: str, mark: str, expires_in: float | None
    ) -> Age:
        """An entry was put there; in place of what was known of its end. Conflict for too many."""
        now = self._now()
        age = self._known.get((area, origin, tab, key)) or Age(area, origin, tab, key)
        self._ended.pop(age.place, None)
        age.mark, age.created = mark, age.created or now
        age.expires = None if expires_in is None else now + expires_in
        self._keep(age)
        self._changed()
        return age

    def check(self) -> None:
        """Conflict if no further entry with an end can be known."""
        ending = sum(age.expires is not None for age in self._known.values())
        if ending + len(self._ended) >= MAX_KNOWN:
            raise Conflict(f"a session has at most {MAX_KNOWN} entries that expire")

    def forget(self, area: str, origin: str, tab: str, keys: list[str]) -> None:
        """These entries are gone."""
        for key in keys:
            place = (area, origin, tab, key)
            self._known.pop(place, None)
            self._ended.pop(place, None)
        self._changed()

    def told(
        self, area: str, origin: str, tab: str, key: str, mark: str
    ) -> tuple[datetime | None, datetime | None]:
        """When the entry was first seen, and when it ends if it is what was put."""
        age = self._known.get((area, origin, tab, key))
        if age is None:
            return None, None
        expires = age.expires if age.mark == mark else None
        return _time(age.created), _time(expires)

    def _keep(self, age: Age) -> None:
        self._known.pop(age.place, None)
        self._known[age.place] = age
        if len(self._known) > MAX_KNOWN:
            oldest = next((one for one in self._known.values() if one.expires is None), None)
            if oldest is not None:
                del self._known[oldest.place]

    def _heard(self, tab: Tab, change: Change) -> None:
        """A page changed something. An end stays what it is: the value says whether it counts."""
        owner = tab.id if change.area == "session" else ""
        if change.kind == "added" and change.key is not None:
            place: Place = (change.area, change.origin, owner, change.key)
            if place not in self._known:
                self._keep(Age(*place, created=self._now()))
        elif change.kind == "removed" and change.key is not None:
            self._unseen((change.area, change.origin, owner, change.key))
        elif change.kind == "cleared":
            beginning = (change.area, change.origin, owner)
            for place in [one for one in self._known if one[:3] == beginning]:
                self._unseen(place)

    def _unseen(self, place: Place) -> None:
        age = self._known.get(place)
        if age is not None and age.expires is None:
            del self._known[place]

    # In a checkpoint

    def added(self, state: State) -> State:
        """The state with all of it as a part; the same object while nothing changes."""
        part = self._as_part()
        return state if part is None else state.with_parts([part])

    def _as_part(self) -> Part | None:
        if self._part is None:
            put = [age for age in self._known.values() if age.mark is not None]
            endless = [age for age in put if age.expires is None][-MAX_ENDLESS:]
            kept = [*endless, *(age for age in put if age.expires is not None)]
            kept += self._ended.values()
            if kept:
                self._part = Part.of(EXPIRIES, [asdict(age) for age in kept])
        return self._part

    async def load(self, value: Any) -> None:
        """Go on from what a state holds, before its pages are loaded. What is no such thing is left
        out.
        """
        for age in _ages(value)[:MAX_KNOWN]:
            self._known[age.place] = age
        self._changed()
        await self.sweep()

    def _changed(self) -> None:
        self._part = None
        self._set()

    # Ends

    def _set(self, later: float | None = None) -> None:
        """Set the timer to the next end, or to a retry."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ends = [age.expires for age in self._known.values() if age.expires is not None]
        waits = [max(0.0, min(ends) - self._now())] if ends else []
        if later is not None:
            waits.append(later)
        if waits:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(waits), self._due)

    def _due(self) -> None:
        self._timer = None
        self._errands.begin(self.sweep())

    async def sweep(self) -> None:
        """Take what has ended out of the documents that are open; what can't be reached now, out of
        those to come.
        """
        self._end()
        if not self._ended:
            self._set()
            return
        unasked = False
        for tab in self._reach.tabs.open:
            unasked = not await self._sweep_tab(tab) or unasked
        await self._guard()
        later = self._retry if unasked and self._ended else None
        self._retry = min(2 * self._retry, LAST_RETRY) if later else FIRST_RETRY
        self._set(later)

    async def swept(self, spot: Spot) -> None:
        """Nothing that has ended is in that document's storage any more."""
        self._end()
        if self._ended:
            await self._sweep_spot(spot)

    def _end(self) -> None:
        now = self._now()
        over = [a for a in self._known.values() if a.expires is not None and a.expires <= now]
        for age in over:
            del self._known[age.place]
            self._ended[age.place] = age
        if over:
            self._part = None

    async def _sweep_tab(self, tab: Tab) -> bool:
        """Whether the tab answered."""
        if tab.gone() is not None:
            return True
        with anyio.move_on_after(PATIENCE), suppress(Error):
            for spot in await spots(tab):
                await self._sweep_spot(spot)
            return True
        return tab.gone() is not None

    async def _sweep_spot(self, spot: Spot) -> None:
        owners = [("local", "")] + ([("session", spot.tab.id)] if spot.tab is not None else [])
        for area, owner in owners:
            ended = [
                age
                for age in self._ended.values()
                if (age.area, age.origin, age.tab) == (area, spot.origin, owner)
            ]
            if not ended:
                continue
            marks = [[age.key, age.mark] for age in ended]
            with suppress(DocumentLeft):
                await spot.do({"action": "sweep", "area": area, "marks": marks})
                for age in ended:
                    if self._ended.get(age.place) is age:
                        del self._ended[age.place]
                self._part = None

    # Documents to come

    async def _opened(self, page: Page) -> None:
        tab = self._reach.tabs.of(page)
        if tab is not None and self._ended:
            await self._guard()
            await self._sweep_tab(tab)

    async def _guard(self) -> None:
        """Have what has ended taken out of each document to come, before its scripts."""
        self._guards = {page: one for page, one in self._guards.items() if not page.is_closed()}
        for tab in self._reach.tabs.open:
            wanted = [a for a in self._ended.values() if a.tab in ("", tab.id)]
            guard = self._guards.get(tab.page)
            if guard is None and wanted:
                guard = self._guards[tab.page] = _Guard(tab.page)
            if guard is not None:
                with anyio.move_on_after(PATIENCE), suppress(Error):
                    await guard.set(wanted)


class _Guard:
    """A script of ours, in our world, in each document to come of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: CDPSession | None = None
        self._script: str | None = None
        self._identifier: str | None = None
        self._setting = anyio.Lock()

    async def set(self, ended: list[Age]) -> None:
        """These are taken out, and no others."""
        async with self._setting:
            script = _guarding(ended) if ended else None
            if script == self._script:
                return
            if self._session is None:
                self._session = await self._page.context.new_cdp_session(self._page)
                await self._session.send("Page.enable")
            before = self._identifier
            if script is not None:
                added = await self._session.send(
                    "Page.addScriptToEvaluateOnNewDocument",
                    {"source": script, "worldName": WORLD},
                )
                self._identifier = added["identifier"]
            if before is not None:
                await self._session.send(
                    "Page.removeScriptToEvaluateOnNewDocument", {"identifier": before}
                )
            self._script = script
            if script is None:
                session, self._session, self._identifier = self._session, None, None
                await session.detach()


def _guarding(ended: list[Age]) -> str:
    by_origin: dict[str, dict[str, list[list[Any]]]] = {}
    for age in ended:
        by_origin.setdefault(age.origin, {}).setdefault(age.area, []).append([age.key, age.mark])
    return (
        f"(ended => {{ for (const [area, marks] of Object.entries(ended[self.origin] ?? {{}}))"
        f" ({_SCRIPT})({{ action: 'sweep', area, marks }}); }})({json.dumps(by_origin)})"
    )


def unexpired(state: State, now: float | None = None) -> State:
    """The state without the entries in it that have ended. Pure."""
    at = time.time() if now is None else now
    ended = [
        age
        for age in _ages(state.value(EXPIRIES, []))
        if age.expires is not None and age.expires <= at
    ]
    changed: dict[str, Part] = {}
    for age in ended:
        name = f"{LOCAL}{age.origin}" if age.area == "local" else f"{SESSION}{age.tab}"
        part = changed.get(name) or state.parts.get(name)
        if part is None:
            continue
        changed[name] = Part.of(name, _without(part.value, age))
    return state.with_parts(changed.values()) if changed else state


def _without(value: Any, age: Age) -> Any:
    if not isinstance(value, list):
        return value
    if age.area == "session":
        return [
            {**one, "entries": _without(one.get("entries"), _as_local(age))}
            if isinstance(one, dict) and one.get("origin") == age.origin
            else one
            for one in value
        ]
    return [one for one in value if not _is_it(one, age)]


def _as_local(age: Age) -> Age:
    return Age("local", age.origin, "", age.key, age.mark)


def _is_it(entry: Any, age: Age) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("name") == age.key
        and isinstance(entry.get("value"), str)
        and mark_of(entry["value"]) == age.mark
    )


def _ages(value: Any) -> list[Age]:
    """The ages in a state's part; what is none is left out."""
    found = []
    for one in value if isinstance(value, list) else []:
        with suppress(TypeError):
            age = Age(**one)
            texts = (age.area, age.origin, age.tab, age.key, age.mark)
            times = (age.created, age.expires)
            if all(isinstance(text, str) for text in texts) and all(
                time is None or (isinstance(time, int | float) and 0 <= time < 1e11)
                for time in times
            ):
                found.append(age)
    return found


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
