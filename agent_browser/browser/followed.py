"""The events `storage` and `message`, which cost something to be heard: told while somebody follows
them, and not listened for else.
"""

import json
import time
from collections import deque
from typing import Any, Self

from playwright.async_api import Page

from agent_browser.browser import masks
from agent_browser.browser.engine import Tell
from agent_browser.browser.errands import Errands
from agent_browser.browser.functions import Reach
from agent_browser.browser.messages import Messages
from agent_browser.browser.storages import Change, Storages
from agent_browser.browser.tab import Tab
from agent_browser.models.events import EventType
from agent_browser.models.messages import Posted

KINDS: frozenset[EventType] = frozenset({"storage", "message"})
MAX_TEXT = 1_000
"""Characters of a key, a value or a message that are told."""
ECHO = 2.0
"""Seconds within which other tabs of an origin tell the same change of localStorage."""
MAX_ECHOES = 500


class Echoes:
    """Tells a change of localStorage from the same one as other tabs of its origin tell it: each
    tells every change once, in the same order. Pure but for the time that it is given.
    """

    def __init__(self) -> None:
        self._latest: deque[tuple[float, Change, set[str]]] = deque(maxlen=MAX_ECHOES)

    def is_new(self, tab: str, change: Change, now: float) -> bool:
        """Whether no other tab has told it."""
        if change.area == "session":
            return True
        while self._latest and now - self._latest[0][0] > ECHO:
            self._latest.popleft()
        for _, known, tabs in self._latest:
            if known == change and tab not in tabs:
                tabs.add(tab)
                return False
        self._latest.append((now, change, {tab}))
        return True


class Followed:
    """What is followed of one context."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._kinds: frozenset[EventType] = frozenset()
        self._errands = Errands()
        self._echoes = Echoes()
        self.told: Tell | None = None
        reach.context.on("page", self._opened)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Nothing is told any more."""
        self.told = None
        self._reach.context.remove_listener("page", self._opened)
        await self._errands.close()

    def heed(self, kinds: frozenset[EventType]) -> None:
        """These are followed now."""
        before, self._kinds = self._kinds, kinds & KINDS
        if before != self._kinds:
            self._errands.begin(self._switch())

    async def _switch(self) -> None:
        storages = self._reach.part(Storages)
        for tab in self._reach.tabs.open:
            if "storage" in self._kinds:
                await storages.listen(tab, self._changed)
            else:
                await storages.leave(tab, self._changed)
        if "message" in self._kinds:
            messages = self._reach.part(Messages)
            messages.told = self._came
            await messages.listen("followed")
        elif Messages in self._reach.parts:
            await self._reach.part(Messages).leave("followed")

    async def _opened(self, page: Page) -> None:
        tab = self._reach.tabs.of(page)
        if tab is not None and "storage" in self._kinds:
            await self._reach.part(Storages).listen(tab, self._changed)

    def _changed(self, tab: Tab, change: Change) -> None:
        if "storage" not in self._kinds or not self._echoes.is_new(
            tab.id, change, time.monotonic()
        ):
            return
        data: dict[str, Any] = {
            "tab": tab.id, "origin": change.origin, "area": change.area, "change": change.kind,
            "key": None if change.key is None else _cut(change.key),
        }  # fmt: skip
        for name in ("old", "new"):
            text = getattr(change, name)
            if text is not None:
                data[name] = _hidden(change.key or "", text)
        self._tell("storage", data)

    def _came(self, message: Posted) -> None:
        data = message.model_dump(mode="json", exclude={"at", "data", "truncated"})
        text = message.data if message.truncated else json.dumps(message.data, ensure_ascii=False)
        self._tell("message", {**data, "data": _cut(masks.text(text[: 2 * MAX_TEXT]))})

    def _tell(self, kind: EventType, data: dict[str, Any]) -> None:
        if self.told is not None:
            self.told(kind, data)


def _hidden(key: str, text: str) -> str:
    """A value as it may be told unasked."""
    return masks.MASK if masks.is_secret(key) else _cut(masks.text(text[: 2 * MAX_TEXT]))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
