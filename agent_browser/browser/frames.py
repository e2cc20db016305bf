"""The frames of one tab, as they are read for a checkpoint: each is asked in our isolated world."""

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error
from playwright.async_api import Frame as PlaywrightFrame

from agent_browser.browser.driver import script_text
from agent_browser.browser.tab import Tab
from agent_browser.browser.together import both
from agent_browser.browser.worlds import MAX_FRAMES, WORLD, DocumentLeft

_GONE = (
    "Cannot find context",
    "Execution context was destroyed",
    "Inspected target navigated",
    "No frame for given id",
    "No frame with given id",
    "Frame with the given",
)
_PROMISED = ("databases", "files")
_TRIES = 3
_CLOSE_BOUND = 1.0
PIECE = 250_000
"""Characters that are fetched at once: neither the page nor we stand still for long."""


@cache
def source() -> str:
    """What reads, as a function of a document's token."""
    return f"globalThis.makeAgentBrowserSaving = {script_text('saving.js')}\n; 0"


@dataclass
class Frame:
    """A frame, and our world in the document that was last seen in it."""

    id: str
    session: CDPSession
    path: tuple[int, ...]
    """Its place in each of the frames that it is in; of the main frame nothing."""
    origin: str
    """Of what it stores; empty where it has none of its own."""
    context_id: int = 0
    token: str = ""


class Frames:
    """Those of a tab; listed anew when the tab was told of a change."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._known: dict[str, Frame] = {}
        self._is_stale = True
        for event in ("frameattached", "framedetached", "framenavigated"):
            tab.page.on(event, self._changed)

    def _changed(self, _: object) -> None:
        self._is_stale = True

    async def close(self) -> None:
        """Be told of nothing any more, and let go of the sessions of frames."""
        for event in ("frameattached", "framedetached", "framenavigated"):
            self._tab.page.remove_listener(event, self._changed)
        with anyio.move_on_after(_CLOSE_BOUND, shield=True), suppress(Error):
            main = await self._tab.worlds.session()
            for session in {frame.session for frame in self._known.values()} - {main}:
                await session.detach()

    def look_again(self) -> None:
        """Something was not as it was listed."""
        self._is_stale = True

    async def all(self) -> list[Frame]:
        """Every frame, the main one first."""
        if not self._is_stale:
            return list(self._known.values())
        self._is_stale = False
        try:
            session = await self._tab.worlds.session()
            tree = (await session.send("Page.getFrameTree"))["frameTree"]
            found: dict[str, Frame] = {}
            self._list(tree, session, (), found)
            if len(self._tab.page.frames) > len(found):
                await self._list_remote(found)
        except BaseException:
            self._is_stale = True
            raise
        self._known = found
        return list(found.values())

    def _list(
        self,
        tree: dict[str, Any],
        session: CDPSession,
        path: tuple[int, ...],
        found: dict[str, Frame],
    ) -> None:
        if len(found) >= MAX_FRAMES:
            return
        frame_id, origin = tree["frame"]["id"], tree["frame"].get("securityOrigin", "")
        frame = self._known.get(frame_id)
        if frame is None or frame.session is not session:
            frame = Frame(frame_id, session, path, "")
        frame.path, frame.origin = path, origin if origin.startswith("http") else ""
        found[frame_id] = frame
        for place, child in enumerate(tree.get("childFrames", [])):
            self._list(child, session, (*path, place), found)

    async def _list_remote(self, found: dict[str, Frame]) -> None:
        """Those with a renderer of their own (site isolation): each has a session of its own."""
        sessions = {frame.session: frame for frame in self._known.values() if frame.path}
        main = self._tab.worlds
        for frame in self._tab.page.frames[1:MAX_FRAMES]:
            try:
                session = await self._tab.page.context.new_cdp_session(frame)
            except Error:
                continue  # it has none: it was listed with the others
            tree = (await session.send("Page.getFrameTree"))["frameTree"]
            known = next((s for s, f in sessions.items() if f.id == tree["frame"]["id"]), None)
            if known is not None and known is not await main.session():
                await session.detach()
                session = known
            self._list(tree, session, _path(frame), found)

    async def ask(self, frame: Frame, call: str) -> Any:
        """See `ask_frame`."""
        try:
            return await ask_frame(frame, call)
        except DocumentLeft:
            self._is_stale = True
            raise


async def ask_frame(frame: Frame, call: str) -> Any:
    """The answer of the reader's function in the document that is in the frame now. DocumentLeft if
    there is none any more.
    """
    for _ in range(_TRIES):
        try:
            if frame.token:
                guard = f"globalThis.agentBrowserSaving?.token === {json.dumps(frame.token)}"
                asked = f"{guard} ? agentBrowserSaving.{call} : 'left'"
                text = await _evaluate(frame, asked, is_promised=call.startswith(_PROMISED))
                if text != "left":
                    return json.loads(text)
                frame.token = ""
            return json.loads(await _enter(frame, call))
        except Error as exc:
            if not any(words in str(exc) for words in _GONE):
                raise
            frame.token = ""
    raise DocumentLeft


async def ask_long(frame: Frame, call: str) -> tuple[dict[str, Any], list[bytes]]:
    """The same of an answer that has long texts: its head, and these. They come piece by piece."""
    head: dict[str, Any] = await ask_frame(frame, call)
    token, lengths = frame.token, head.get("lengths", [])
    whole = bytearray()
    for start in range(0, sum(lengths), PIECE):
        asked = json.dumps({"from": start, "to": start + PIECE})
        whole += (await ask_frame(frame, f"piece({asked})")).encode("ascii")
        if frame.token != token:
            raise DocumentLeft
    texts, start = [], 0
    for length in lengths:
        texts.append(bytes(whole[start : start + length]))
        start += length
    return head, texts


async def _enter(frame: Frame, call: str) -> str:
    made = await frame.session.send(
        "Page.createIsolatedWorld", {"frameId": frame.id, "worldName": WORLD}
    )
    frame.context_id = int(made["executionContextId"])
    token = secrets.token_hex(8)
    begin = f"(globalThis.agentBrowserSaving = makeAgentBrowserSaving({json.dumps(token)})).{call}"
    _, answer = await both(
        _evaluate(frame, source()),
        _evaluate(frame, begin, is_promised=call.startswith(_PROMISED)),
    )
    frame.token = token
    return str(answer)


async def _evaluate(frame: Frame, expression: str, *, is_promised: bool = False) -> Any:
    asked = {"expression": expression, "contextId": frame.context_id, "returnByValue": True}
    # A page that stands still answers what is answered at once, but keeps no promise.
    answer = await frame.session.send(
        "Runtime.evaluate", {**asked, "awaitPromise": True} if is_promised else asked
    )
    if "exceptionDetails" in answer:
        details = answer["exceptionDetails"]
        raise Error(details.get("exception", {}).get("description", details.get("text", "")))
    return answer["result"].get("value")


def _path(frame: PlaywrightFrame) -> tuple[int, ...]:
    parent = frame.parent_frame
    if parent is None:
        return ()
    return (*_path(parent), parent.child_frames.index(frame))
