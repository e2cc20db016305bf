"""Empty documents in the place of a tab's pages: its history and what its origins store are brought
back in them, before any page is asked for.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error, Frame

from agent_browser.browser.backstage import disown_request
from agent_browser.browser.driver import script_text
from agent_browser.browser.revival import Holding
from agent_browser.browser.tab import Tab
from agent_browser.browser.worlds import WORLD

VISIT_BOUND = 5.0
"""Seconds until an empty document is there; a tab that takes longer is stuck."""
PUT_BOUND = 8.0
"""Seconds until a document has taken what one message has for it."""
MOST_AT_ONCE = 4_000_000
"""Characters that are sent in one message, roughly."""
NOT_YET = "Not attached to an active page"
"""A document of another site takes its place a moment after it is told to be there."""
PATIENCE, PAUSE = 50, 0.01
_OTHERWISE = 0.3
_EMPTY = base64.b64encode(b"<!doctype html>").decode()
_HEADERS = [
    {"name": "Content-Type", "value": "text/html; charset=utf-8"},
    {"name": "Cache-Control", "value": "no-store"},
]

Failures = list[tuple[str, str]]
"""What could not be put in, and why."""


@cache
def source() -> str:
    """What puts things into a document, as a function."""
    return script_text("restoring.js")


async def put(session: CDPSession, frame_id: str, work: str, *args: Any) -> Failures:
    """Have something done in the document that is in the frame now. Error, TimeoutError."""
    with anyio.fail_after(PUT_BOUND):
        answer = await session.send("Page.createIsolatedWorld", _world(frame_id))
        return await _done(session, answer["executionContextId"], work, args)


def _world(frame_id: str) -> dict[str, Any]:
    """Ours, in the document that is in the frame now."""
    return {"frameId": frame_id, "worldName": WORLD}


async def _done(session: CDPSession, world: int, work: str, args: Sequence[Any]) -> Failures:
    """Have something done in that world. What it is done with goes as one text: browsers drop a
    message whose values lie too deep in one another, and never answer it.
    """
    try:
        text = json.dumps(args)
    except RecursionError as exc:
        raise Error("its values lie too deep in one another") from exc
    answer = await session.send(
        "Runtime.callFunctionOn",
        {
            "functionDeclaration": source(),
            "executionContextId": world,
            "arguments": [{"value": work}, {"value": text}],
            "returnByValue": True,
            "awaitPromise": True,
        },
    )
    if "exceptionDetails" in answer:
        details = answer["exceptionDetails"]
        raise Error(details.get("exception", {}).get("description", details.get("text", "")))
    return [(what, why) for what, why in answer["result"].get("value") or []]


def messages(holding: Holding) -> Iterator[dict[str, Any]]:
    """What an origin has stored as arguments of `put`, none of them much too long."""
    first: dict[str, Any] = {}
    if holding.local:
        first["local"] = holding.local
    size = 0
    databases: list[dict[str, Any]] = []
    for database in holding.databases:
        for piece, length in _pieces(database):
            if databases and size + length > MOST_AT_ONCE:
                yield {**first, "databases": databases}
                first, size, databases = {}, 0, []
            databases.append(piece)
            size += length
    if databases:
        first["databases"] = databases
    files: list[dict[str, Any]] = []
    for path in holding.files:
        length = len(path.get("base64") or "")
        if files and size + length > MOST_AT_ONCE:
            yield {**first, "files": files}
            first, size, files = {}, 0, []
        files.append(path)
        size += length
    if files:
        first["files"] = files
    if first:
        yield first


def _pieces(database: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """A database with as many of its records as go into one message; the rest follow. Every piece
    has all of its stores, for the first that arrives makes them.
    """
    stores = database.get("stores", [])
    bare = [{**store, "records": []} for store in stores]
    size = 0
    piece = [dict(store) for store in bare]
    for place, store in enumerate(stores):
        kept: list[Any] = []
        for record in store.get("records", []):
            length = len(json.dumps(record, ensure_ascii=False))
            if size + length > MOST_AT_ONCE and size:
                piece[place]["records"] = kept
                yield {**database, "stores": piece}, size
                piece, kept, size = [dict(store) for store in bare], [], 0
            kept.append(record)
            size += length
        piece[place]["records"] = kept
    yield {**database, "stores": piece}, size


class StandIn:
    """One tab, of which every request is answered with an empty document."""

    def __init__(self, tab: Tab, session: CDPSession) -> None:
        self._tab = tab
        self._session = session
        self._frame = ""
        self._url = tab.page.url
        self._arrivals = 0
        self._arrived = anyio.Event()

    def arrive(self, frame: Frame) -> None:
        """A frame of the tab shows another document, or another place in it."""
        if frame is self._tab.page.main_frame:
            self._arrivals += 1
            self._arrived.set()
            self._arrived = anyio.Event()

    async def visit(self, url: str) -> None:
        """One more entry of its history, an empty document. Error."""
        if url == self._url and url != "about:blank":
            await self.put("again")
            return
        before = self._arrivals
        with anyio.fail_after(VISIT_BOUND):
            answer = await self._ask("Page.navigate", {"url": url})
            if answer.get("errorText"):
                raise Error(answer["errorText"])
            await self._arrival(before, url)
        self._url = url
        self._frame = answer["frameId"]

    async def _arrival(self, before: int, url: str) -> None:
        """Wait until Playwright knows it too: it would take it for a part of the next one. What it
        tells late, of the page before, is none; an address that browsers write in another way is
        not waited for long.
        """
        while self._arrivals == before:
            await self._arrived.wait()
        with anyio.move_on_after(_OTHERWISE):
            while self._tab.page.url != url:
                await self._arrived.wait()

    async def put(self, work: str, *args: Any) -> Failures:
        """Have something done in the document that is there now. Error, TimeoutError."""
        with anyio.fail_after(PUT_BOUND):
            answer = await self._ask("Page.createIsolatedWorld", _world(self._frame))
            return await _done(self._session, answer["executionContextId"], work, args)

    async def begin_history(self) -> None:
        """Where it is now is where its history begins."""
        await self._ask("Page.resetNavigationHistory")

    async def _ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask the browser, again where nobody is there yet who answers."""
        for _ in range(PATIENCE):
            try:
                return await self._session.send(method, params)
            except Error as exc:
                if NOT_YET not in str(exc):
                    raise
            await anyio.sleep(PAUSE)
        return await self._session.send(method, params)

    async def go_back(self, steps: int) -> None:
        """So many entries back. Error."""
        before = self._arrivals
        with anyio.fail_after(VISIT_BOUND):
            history = await self._ask("Page.getNavigationHistory")
            entry = history["entries"][history["currentIndex"] - steps]
            await self._ask("Page.navigateToHistoryEntry", {"entryId": entry["id"]})
            await self._arrival(before, entry["url"])
        self._url = entry["url"]


@asynccontextmanager
async def standing_in(tab: Tab) -> AsyncIterator[StandIn]:
    """Nothing that the tab asks for is asked of the network until the end. Error."""
    session = await tab.worlds.session()

    async def answer(event: dict[str, Any]) -> None:
        with suppress(Error):
            await session.send(
                "Fetch.fulfillRequest",
                {
                    "requestId": event["requestId"],
                    "responseCode": 200,
                    "responseHeaders": _HEADERS,
                    "body": _EMPTY,
                },
            )

    blank = StandIn(tab, session)
    session.on("Fetch.requestPaused", answer)
    tab.page.on("framenavigated", blank.arrive)
    tab.page.on("request", disown_request)
    try:
        await session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})
        yield blank
    finally:
        tab.page.remove_listener("request", disown_request)
        tab.page.remove_listener("framenavigated", blank.arrive)
        with anyio.CancelScope(shield=True), anyio.move_on_after(VISIT_BOUND), suppress(Error):
            await session.send("Fetch.disable")
        session.remove_listener("Fetch.requestPaused", answer)
