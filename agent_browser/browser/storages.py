"""What pages change in localStorage and sessionStorage, heard on a protocol session of its own for
each tab that somebody listens to. What checkpoints are made of is heard apart from that, by
`hearing`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self
from weakref import WeakKeyDictionary

import anyio
from playwright.async_api import CDPSession, Error

from agent_browser.browser.errands import Errands
from agent_browser.browser.functions import Reach
from agent_browser.browser.hearing import Flood
from agent_browser.browser.tab import Tab

Area = Literal["local", "session"]
Kind = Literal["added", "updated", "removed", "cleared"]

REST = 2.0
"""Seconds that a tab is not listened to which stores without end."""
_EVENTS: dict[str, Kind] = {
    "DOMStorage.domStorageItemAdded": "added",
    "DOMStorage.domStorageItemUpdated": "updated",
    "DOMStorage.domStorageItemRemoved": "removed",
    "DOMStorage.domStorageItemsCleared": "cleared",
}


@dataclass(frozen=True)
class Change:
    """Something that documents of an origin changed. Of localStorage every tab with a document of
    that origin tells it, of sessionStorage the one that it is of.
    """

    origin: str
    area: Area
    kind: Kind
    key: str | None = None
    """None where all was cleared."""
    old: str | None = field(default=None, repr=False)
    new: str | None = field(default=None, repr=False)


Heard = Callable[[Tab, Change], None]
"""Takes a change and the tab that tells it. Returns at once."""


class _Ears:
    """Who listens to one tab."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.switching = anyio.Lock()
        self.session: CDPSession | None = None
        self.flood = Flood()
        self.is_deaf = False
        """It stores too much to be listened to, for a while."""


class Storages:
    """Who listens to which tabs of one context."""

    def __init__(self, reach: Reach) -> None:
        self._ears: WeakKeyDictionary[Tab, _Ears] = WeakKeyDictionary()
        self._errands = Errands()
        self.watchers: list[Heard] = []
        """Told of what is heard while somebody listens; for them alone nothing is turned on."""

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Sessions go with the context."""
        self._ears.clear()
        await self._errands.close()

    async def listen(self, tab: Tab, heard: Heard) -> None:
        """Tell `heard` of what changes in that tab from now on, once however often it is asked. A
        tab that is gone tells nothing.
        """
        ears = self._ears.setdefault(tab, _Ears())
        if heard not in ears.heard:
            ears.heard.append(heard)
        await self._switch(tab, ears)

    async def leave(self, tab: Tab, heard: Heard) -> None:
        """Tell it no more. A success where it did not listen."""
        ears = self._ears.get(tab)
        if ears is not None:
            if heard in ears.heard:
                ears.heard.remove(heard)
            await self._switch(tab, ears)

    async def _switch(self, tab: Tab, ears: _Ears) -> None:
        async with ears.switching:
            with suppress(Error):
                wanted = bool(ears.heard) and not ears.is_deaf
                if wanted and ears.session is None:
                    session = await tab.page.context.new_cdp_session(tab.page)
                    for event, kind in _EVENTS.items():
                        session.on(event, partial(self._changed, tab, kind))
                    await session.send("DOMStorage.enable")
                    ears.session = session
                elif not wanted and ears.session is not None:
                    session, ears.session = ears.session, None
                    await session.detach()

    async def _rest(self, tab: Tab, ears: _Ears) -> None:
        """It floods, and all sessions share the way out: don't listen for a while."""
        await self._switch(tab, ears)
        await anyio.sleep(REST)
        ears.is_deaf = False
        await self._switch(tab, ears)

    def _changed(self, tab: Tab, kind: Kind, said: dict[str, Any]) -> None:
        ears = self._ears.get(tab)
        if ears is None or ears.is_deaf:
            return
        if ears.flood.is_over(len(said.get("key", "")) + len(said.get("newValue", ""))):
            ears.is_deaf = True
            self._errands.begin(self._rest(tab, ears))
            return
        place = said["storageId"]
        change = Change(
            origin=place.get("securityOrigin") or str(place.get("storageKey", "")).rstrip("/"),
            area="local" if place["isLocalStorage"] else "session",
            kind=kind,
            key=said.get("key"),
            old=said.get("oldValue"),
            new=said.get("newValue"),
        )
        for heard in (*ears.heard, *self.watchers):
            heard(tab, change)
