"""The frames of one tab, as they are read for a checkpoint: each is asked in our isolated world."""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error
from playwright.async_api import Frame as PlaywrightFrame

from agent_browser.browser.areas import origin_of
from agent_browser.browser.driver import script_text
from agent_browser.browser.tab import Tab
from agent_browser.browser.worlds import MAX_FRAMES, WORLD, DocumentLeft, Worlds

_GONE = (
    "Cannot find context",
    "Execution context was destroyed",
    "Inspected target navigated",
    "Promise was collected",
    "No frame for given id",
    "No frame with given id",
    "Frame with the given",
)
_PROMISED = ("databases", "files", "weighed")
_TRIES = 3
_CLOSE_BOUND = 1.0
PIECE = 250_000
"""Characters that are fetched at once: neither the page nor we stand still for long."""


@cache
def source() -> str:
    """What reads, as a function of a document's token."""
    return script_text("saving.js")


@dataclass
class Frame:
    """A frame, and our world in the document that was last seen in it."""

    id: str
    session: CDPSession
    path: tuple[int, ...]
    """Its place in each of the frames that it is in; of the main frame nothing."""
    origin: str
    """Of what it stores; empty where it has none of its own."""
    worlds: Worlds | None = None
    """Who may know our world in it already."""
    context_id: int = 0
    token: str = ""
    """That of the reader there."""
    world: str = ""
    """The token of our world there, where others made it."""
    seen: str = ""
    """That of the one that was last taken so: it may be left by now."""

    @property
    def proof(self) -> str:
        """What is true in that world of ours, and in no other; empty where nothing is."""
        if self.token:
            return f"globalThis.agentBrowserSaving?.token === {json.dumps(self.token)}"
        return f"globalThis.agentBrowser?.token === {json.dumps(self.world)}" if self.world else ""

    def find_world(self) -> None:
        """Take our world as others made it in the frame's latest document, if that is known."""
        for world in self.worlds.all() if self.worlds is not None else ():
            if world.frame_id != self.id or world.session is not self.session:
                continue
            if world.token != self.seen:
                self.seen = world.token
                if not (self.token and self.context_id == world.context_id):
                    self.context_id, self.token, self.world = world.context_id, "", world.token
            return

    async def make_world(self) -> None:
        """Have it there in the document that is in the frame now. Error."""
        asked = {"frameId": self.id, "worldName": WORLD}
        made = await self.session.send("Page.createIsolatedWorld", asked)
        self.context_id = int(made["executionContextId"])

    def forget(self) -> None:
        """Its document was left, and with it our world there."""
        self.context_id, self.token, self.world = 0, "", ""


class Frames:
    """Those of a tab; listed anew when the tab was told of a change."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._known: dict[str, Frame] = {}
        self._is_stale = True
        self._is_doubted = False
        self._listing = anyio.Lock()
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
        self._is_stale = self._is_doubted = True

    async def all(self) -> list[Frame]:
        """Every frame, the main one first."""
        async with self._listing:  # who comes meanwhile must not have those of before
            if self._is_stale:
                is_doubted, self._is_stale, self._is_doubted = self._is_doubted, False, False
                try:
                    self._known = (None if is_doubted else self._only()) or await self._listed()
                except BaseException:
                    self._is_stale, self._is_doubted = True, is_doubted
                    raise
            return list(self._known.values())

    def _only(self) -> dict[str, Frame] | None:
        """The main frame where there is no other, its address is of a site, and it is known by
        what was asked of it before: then nothing has to be asked. A document may be of no origin
        for all its address: it says so when it is read.
        """
        page, worlds = self._tab.page, self._tab.worlds
        origin = origin_of(page.url)
        if len(page.frames) != 1 or not origin:
            return None
        main = next((frame for frame in self._known.values() if not frame.path), None)
        world = next((world for world in worlds.all() if worlds.is_main(world)), None)
        if main is None and world is not None:
            main = Frame(world.frame_id, world.session, (), origin, worlds)
        if main is None:
            return None
        main.origin = origin
        return {main.id: main}

    async def _listed(self) -> dict[str, Frame]:
        """All of them, as the browser has them."""
        session = await self._tab.worlds.session()
        tree = (await session.send("Page.getFrameTree"))["frameTree"]
        found: dict[str, Frame] = {}
        self._list(tree, session, (), found)
        if len(self._tab.page.frames) > len(found):
            await self._list_remote(found)
        return found

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
            frame = Frame(frame_id, session, path, "", self._tab.worlds)
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
            self.look_again()
            raise


async def evaluated(frame: Frame, expression: str) -> Any:
    """What an expression comes to in our world in the document that is in the frame now. Needs no
    reader there. DocumentLeft.
    """
    return await _tried(frame, lambda: expression)


async def ask_frame(frame: Frame, call: str) -> Any:
    """The answer of the reader's function in the document that is in the frame now. DocumentLeft if
    there is none any more.
    """
    token = ""

    def asked() -> str:
        nonlocal token
        token = frame.token
        if token:
            return f"agentBrowserSaving.{call}"
        token = secrets.token_hex(8)
        return f"(globalThis.agentBrowserSaving = ({source()})({json.dumps(token)})).{call}"

    text = await _tried(frame, asked, is_promised=call.startswith(_PROMISED))
    frame.token = token
    return json.loads(text)


async def _tried(frame: Frame, asked: Callable[[], str], *, is_promised: bool = False) -> Any:
    frame.find_world()
    for _ in range(_TRIES):
        try:
            proof = frame.proof
            if not proof:
                await frame.make_world()
            expression = f"{proof} ? {asked()} : 'left'" if proof else asked()
            answer = await _evaluate(frame, expression, is_promised=is_promised)
            if answer != "left":
                return answer
        except Error as exc:
            if not any(words in str(exc) for words in _GONE):
                raise
        frame.forget()
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
