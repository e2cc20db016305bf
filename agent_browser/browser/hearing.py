"""What pages store, as the browser tells it: each change of an entry, the names of databases.

A page that stores without end is not listened to any longer, and read instead, until it is calm.
"""

import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from playwright.async_api import CDPSession, Error, Frame

from agent_browser.browser.areas import Area, Origin, keyed, origin_of
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import Tabs

MOST_EVENTS = 300
MOST_CHARACTERS = 1_000_000
"""What a tab may store in a second and still be listened to."""
MOST_ORIGINS = 500


class Flood:
    """Whether too much comes in a second. Pure but for the clock that it is given."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = -1.0
        self._events = self._characters = 0

    def is_over(self, characters: int) -> bool:
        """One more event, of that many characters: whether it is one too many."""
        now = self._clock()
        if now - self._since >= 1:
            self._since, self._events, self._characters = now, 0, 0
        self._events += 1
        self._characters += characters
        return self._events > MOST_EVENTS or self._characters > MOST_CHARACTERS


class Ear:
    """One tab's: whether it is listened to, and what for."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.session: CDPSession | None = None
        self.hears = False
        """Every change of its storage since then was told."""
        self.is_deaf = False
        """It stores too much to be listened to."""
        self.tracked: set[str] = set()
        """The origins whose databases are followed through it."""
        self.areas: dict[str, Area] = {}
        """What its sessionStorage has, by origin."""
        self.flood = Flood()
        self.stored: object = None
        """What it had stored when it was last read while it is deaf."""


class Hearing:
    """All tabs of a context, and the origins that they showed."""

    def __init__(self, tabs: Tabs, changed: Callable[[], None]) -> None:
        self._tabs = tabs
        self._told = changed
        self.origins: dict[str, Origin] = {}
        self.ears: dict[Tab, Ear] = {}
        self.refused: set[str] = set()
        """Origins beyond the bound, which are not saved."""
        self.has_remote = False
        """Some frames have a renderer, and a session, of their own: of these nothing is told."""
        self.begins_empty = False
        """Nothing was stored in the context before it was listened to."""

    def meet(self, tab: Tab) -> Ear:
        """The tab's ear; it hears from `listen` on."""
        if tab not in self.ears:
            self.ears[tab] = Ear(tab)
            tab.page.on("framenavigated", lambda frame: self._went(tab, frame))
            tab.page.on("close", lambda _: self._closed(tab))
        return self.ears[tab]

    def bring(self, tab: Tab, brought: list[dict[str, Any]]) -> None:
        """The tab had this in its sessionStorage before it was listened to."""
        ear = self.meet(tab)
        for each in brought:
            if each["origin"] not in ear.areas or not ear.areas[each["origin"]].heard:
                entries = {entry["name"]: entry["value"] for entry in each["entries"]}
                ear.areas[each["origin"]] = Area(entries, is_known=True, is_dirty=True)

    async def listen(self, tab: Tab) -> Ear:
        """The tab's ear, which hears. Error."""
        ear = self.meet(tab)
        session = await tab.worlds.session()
        if ear.session is not session:
            ear.session = session
            for event, take in (
                ("DOMStorage.domStorageItemAdded", self._put),
                ("DOMStorage.domStorageItemUpdated", self._put),
                ("DOMStorage.domStorageItemRemoved", self._removed),
                ("DOMStorage.domStorageItemsCleared", self._cleared),
            ):
                session.on(event, lambda said, take=take: self._hear(ear, said, take))
            for event in ("Storage.indexedDBContentUpdated", "Storage.indexedDBListUpdated"):
                session.on(event, lambda said: self._database(ear, said))
            await self._enable(ear, session)
        return ear

    async def listen_again(self, ear: Ear) -> None:
        """It is calm. What it stores from now on is told; what is there has to be read."""
        if ear.session is not None and ear.is_deaf:
            ear.is_deaf = False
            await self._enable(ear, ear.session)

    async def _enable(self, ear: Ear, session: CDPSession) -> None:
        await session.send("DOMStorage.enable")
        ear.hears = True

    async def follow(self, ear: Ear, origin: str) -> None:
        """Be told of changes to the origin's databases. What changed before is not known."""
        if ear.session is None or origin in ear.tracked:
            return
        ear.tracked.add(origin)
        try:
            await ear.session.send("Storage.trackIndexedDBForOrigin", {"origin": origin})
        except BaseException:
            ear.tracked.discard(origin)
            raise

    def is_followed(self, origin: str) -> bool:
        """Whether some tab follows its databases."""
        return any(origin in ear.tracked for ear in self.ears.values())

    def origin(self, name: str) -> Origin | None:
        """What is known of that origin; None if there are too many."""
        if name not in self.origins:
            if len(self.origins) >= MOST_ORIGINS:
                self.refused.add(name)
                return None
            self.origins[name] = Origin(name)
        return self.origins[name]

    def _went(self, tab: Tab, frame: Frame) -> Any:
        ear = self.meet(tab)
        name = origin_of(frame.url)
        if name and name not in self.origins:
            origin = self.origin(name)
            if origin is not None:
                # Nothing was there, and what came was told: it need not be read when it is left.
                is_told = ear.hears and (frame.parent_frame is None or not self.has_remote)
                origin.local.is_known = self.begins_empty and is_told
        if name and name in self.origins:
            self.origins[name].was_open = True
            if name not in ear.areas:
                ear.areas[name] = Area(is_known=ear.hears)
        if frame.parent_frame is None:
            self._told()
        return None if ear.session is not None else self._begin(tab)

    async def _begin(self, tab: Tab) -> None:
        try:
            await self.listen(tab)
        except Error:
            return  # it closed meanwhile

    def _closed(self, tab: Tab) -> None:
        ear = self.ears.pop(tab, None)
        if ear is None:
            return
        for name in ear.tracked:
            # One that no page shows, and that was read since, does not change.
            if name in self.origins and not self.is_followed(name) and self.origins[name].was_open:
                self.origins[name].unread.add(None)
        self._told()

    def _hear(
        self, ear: Ear, said: dict[str, Any], take: Callable[[Area, dict[str, Any]], None]
    ) -> Coroutine[Any, Any, None] | None:
        """What is to be done about it, if anything is: Playwright makes that a task of its own."""
        storage = said["storageId"]
        name = keyed(storage.get("storageKey") or storage.get("securityOrigin", ""))
        origin = self.origin(name) if name else None
        if origin is None:
            return None
        area = origin.local if storage["isLocalStorage"] else ear.areas.setdefault(name, Area())
        if ear.is_deaf:
            return None
        self._told()
        if ear.flood.is_over(len(said.get("key", "")) + len(said.get("newValue", ""))):
            return self._stop(ear)
        take(area, said)
        return None

    def _stop(self, ear: Ear) -> Coroutine[Any, Any, None]:
        """It floods: what it stores is read from now on."""
        ear.is_deaf, ear.hears = True, False
        self.missed(ear)
        return self._disable(ear)

    async def _disable(self, ear: Ear) -> None:
        with suppress(Error):
            if ear.session is not None:
                await ear.session.send("DOMStorage.disable")

    def stored(self, ear: Ear) -> object:
        """What a tab's origins have in their areas, to be compared."""
        names = sorted({origin_of(frame.url) for frame in ear.tab.page.frames} - {""})
        areas = [self.origins[name].local for name in names if name in self.origins]
        areas += [ear.areas[name] for name in names if name in ear.areas]
        return [dict(area.entries) for area in areas]

    def missed(self, ear: Ear) -> None:
        """Changes by this tab were not heard."""
        for area in ear.areas.values():
            area.miss()
        for frame in ear.tab.page.frames:
            name = origin_of(frame.url)
            if name in self.origins:
                self.origins[name].local.miss()

    def _put(self, area: Area, said: dict[str, Any]) -> None:
        area.put(said["key"], said["newValue"])

    def _removed(self, area: Area, said: dict[str, Any]) -> None:
        area.remove(said["key"])

    def _cleared(self, area: Area, _: dict[str, Any]) -> None:
        area.clear()

    def _database(self, ear: Ear, said: dict[str, Any]) -> Coroutine[Any, Any, None] | None:
        origin = self.origins.get(keyed(said.get("storageKey") or said.get("origin", "")))
        if origin is None or origin.name not in ear.tracked:
            return None
        self._told()
        origin.has_told = True
        name = said.get("databaseName")
        if name is None:
            origin.blocked.clear()
        else:
            origin.blocked.pop(name, None)
        if not ear.flood.is_over(0):
            origin.unread.add(name)
            return None
        # Followed again when it is read the next time, which is then all of it.
        origin.unread.add(None)
        ear.tracked.discard(origin.name)
        return self._unfollow(ear, origin.name)

    async def _unfollow(self, ear: Ear, origin: str) -> None:
        with suppress(Error):
            if ear.session is not None:
                await ear.session.send("Storage.untrackIndexedDBForOrigin", {"origin": origin})
