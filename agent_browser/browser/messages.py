"""The function `messages`: what windows and frames send each other with postMessage, while it is
switched on.

Heard by a listener in a world of ours in each document, and told at once over a binding that is in
that world alone: nothing is lost when a document is left, and a page can neither see nor call it.
The binding needs a protocol session of its own with Runtime enabled, which is there only meanwhile.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any, Literal, Self

import anyio
from playwright.async_api import CDPSession, Error, Page

from agent_browser.browser.engine import Done
from agent_browser.browser.errands import Errands
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import told
from agent_browser.browser.tab import Tab
from agent_browser.errors import InvalidRequest
from agent_browser.models.checkpoints import MESSAGES, Part
from agent_browser.models.messages import (
    MAX_DATA,
    MAX_KEPT,
    MessagesInput,
    MessagesOutput,
    Posted,
)

SETTING = 5.0
"""Seconds that the tabs have to be listened to."""
RATE = 2_000
"""Messages of one document that are told in a second; more are only counted."""
_SCRIPT = (
    files("agent_browser.browser")
    .joinpath("messages.js")
    .read_text(encoding="utf-8")
    .replace("RATE", str(RATE))
)
_SOURCES = frozenset({"self", "parent", "child", "opener", "other"})
_KEPT = Part.of(MESSAGES, True)
Reason = Literal["asked", "followed"]


class Messages:
    """The messages of one context: kept while that was asked for, told while somebody follows."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._name = f"m{secrets.token_hex(8)}"
        """Of the binding and of the world that it is in."""
        self._reasons: set[Reason] = set()
        self._sessions: dict[Page, CDPSession] = {}
        self._switching = anyio.Lock()
        self._errands = Errands()
        self._kept: deque[tuple[int, Posted]] = deque(maxlen=MAX_KEPT)
        self._last = 0
        self._cleared = 0
        """The number of the last one that was forgotten on demand."""
        self._skipped = 0
        """Those that were too many to be told."""
        self.told: Callable[[Posted], None] | None = None
        """Told of each message while it is followed."""
        reach.context.on("page", self._opened)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Sessions go with the context."""
        self._reach.context.remove_listener("page", self._opened)
        self._reasons.clear()
        await self._errands.close()

    @property
    def state(self) -> Part:
        """That they are kept, as a part of a state."""
        return _KEPT

    @property
    def is_recording(self) -> bool:
        """Whether messages are kept."""
        return "asked" in self._reasons

    async def listen(self, reason: Reason) -> None:
        """From now on, for this reason too."""
        self._reasons.add(reason)
        await self._switch()

    async def leave(self, reason: Reason) -> None:
        """No more for this reason."""
        self._reasons.discard(reason)
        await self._switch()

    def clear(self) -> None:
        """Forget those that are kept."""
        self._kept.clear()
        self._cleared = self._last
        self._skipped = 0

    @property
    def kept(self) -> list[tuple[int, Posted]]:
        """Those that are kept, each with its number, oldest first."""
        return list(self._kept)

    @property
    def last(self) -> int:
        """The number of the latest."""
        return self._last

    @property
    def dropped(self) -> int:
        """How many are not kept any more, but for those forgotten on demand."""
        return self._last - self._cleared - len(self._kept) + self._skipped

    async def _switch(self) -> None:
        async with self._switching:
            if self._reasons:
                async with anyio.create_task_group() as group:
                    for tab in self._reach.tabs.open:
                        group.start_soon(self._hear, tab)
                return
            sessions, self._sessions = self._sessions, {}
            for session in sessions.values():
                with anyio.move_on_after(SETTING), suppress(Error):
                    await session.detach()

    async def _opened(self, page: Page) -> None:
        tab = self._reach.tabs.of(page)
        if tab is not None and self._reasons:
            async with self._switching:
                await self._hear(tab)

    async def _hear(self, tab: Tab) -> None:
        page = tab.page
        if page in self._sessions or tab.gone() is not None or not self._reasons:
            return
        with anyio.move_on_after(SETTING), suppress(Error):
            session = await page.context.new_cdp_session(page)
            self._sessions[page] = session
            page.once("close", self._closed)
            session.on("Runtime.bindingCalled", partial(self._came, tab))
            name = self._name
            script = f"({_SCRIPT})({json.dumps(name)}, {MAX_DATA})"
            await session.send("Page.enable")
            await session.send("Runtime.enable")
            await session.send("Runtime.addBinding", {"name": name, "executionContextName": name})
            await session.send(
                "Page.addScriptToEvaluateOnNewDocument",
                {"source": script, "worldName": name, "runImmediately": True},
            )

    def _closed(self, page: Page) -> None:
        self._sessions.pop(page, None)

    def _came(self, tab: Tab, said: dict[str, Any]) -> None:
        if said.get("name") != self._name:
            return
        message = _posted(tab.id, said["payload"])
        if isinstance(message, int):
            self._skipped += message if self.is_recording else 0
            return
        if self.is_recording:
            self._last += 1
            self._kept.append((self._last, message))
        if self.told is not None and "followed" in self._reasons:
            self.told(message)


def _posted(tab: str, payload: str) -> Posted | int:
    """A message as the document's world tells it; or how many were too many to be told."""
    try:
        said = json.loads(payload)
        if "skipped" in said:
            return int(said["skipped"])
        data, is_cut = said["data"], bool(said["truncated"])
        return Posted(
            at=datetime.fromtimestamp(said["at"] / 1_000, UTC),
            tab=tab,
            frame=told(said["frame"]),
            origin=said["origin"],
            target=said["target"],
            source=said["source"] if said["source"] in _SOURCES else "other",
            data=data if is_cut else json.loads(data),
            truncated=is_cut,
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return 1  # one that can't be told, such as of an array in ten thousand arrays


@register(MessagesInput)
async def messages(reach: Reach, input: MessagesInput) -> Done:
    """Switch it on or off, list or forget."""
    kept = reach.part(Messages)
    if input.action == "start":
        await kept.listen("asked")
    elif input.action == "stop":
        await kept.leave("asked")
    elif input.action == "clear":
        kept.clear()
    output = MessagesOutput(recording=kept.is_recording, kept=len(kept.kept), dropped=kept.dropped)
    if input.action == "list":
        _list(reach, kept, input, output)
    return Done(output)


def _list(reach: Reach, kept: Messages, input: MessagesInput, output: MessagesOutput) -> None:
    after = int(input.cursor or 0)
    if after > kept.last:
        message = "a cursor is what `next_cursor` said"
        raise InvalidRequest(message, [{"field": "cursor", "message": message}])
    current = reach.tabs.current
    wanted = current.id if input.tab == "active" and current is not None else input.tab
    found = [
        (number, one)
        for number, one in kept.kept
        if number > after
        and (wanted is None or one.tab == wanted)
        and (input.origin is None or one.origin == input.origin)
    ]
    shown = found[: input.limit]
    output.messages = [one for _, one in shown]
    output.next_cursor = str(shown[-1][0] if len(shown) < len(found) else kept.last)


BESIDE.add(MessagesInput)
