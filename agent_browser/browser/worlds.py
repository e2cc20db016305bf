"""Our isolated world in each document of a tab: made when first needed, found again while it lives.

The collector's state in it (which element has which number) is what makes refs identities. A world
is known by a token that only we know; a document that was left takes its world and refs with it.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import anyio
from playwright.async_api import CDPSession, Error, Frame, Page

from agent_browser.browser.driver import ENGINE_NAME, Driver
from agent_browser.browser.placing import Placing, of_quad
from agent_browser.browser.together import both

WORLD = "agent-browser"
MAX_FRAMES = 100
_NO_CONTEXT = (
    "Cannot find context",
    "Execution context was destroyed",
    "Inspected target navigated",
)
_INNER = "function (seen) { return agentBrowser.inner(this, seen); }"
_NO_FRAME = ("No frame for given id", "No frame with given id", "Frame with the given")


class DocumentLeft(Exception):
    """The document that was to be asked is not there any more."""


@dataclass(frozen=True)
class World:
    """Our world in one document."""

    token: str
    frame_id: str
    context_id: int
    session: CDPSession


@dataclass(frozen=True)
class Child:
    """A frame within a document: the number of its element there, where its document is."""

    number: int
    frame_id: str
    session: CDPSession
    placing: Placing
    is_in_root: bool
    """`placing` is within the process's topmost document, not within the one that holds it."""
    seen: list[float] | None
    """The part of it that can be seen, in its own pixels; None if that can't be told."""
    cover: str | None
    """What is in front of it."""


class Worlds:
    """The worlds of one tab."""

    def __init__(self, page: Page, driver: Driver) -> None:
        self._page = page
        self._driver = driver
        self._main: CDPSession | None = None
        self._making = anyio.Lock()
        self._main_frame = ""
        self._told = False
        self._by_frame: dict[str, World] = {}
        self._frames: dict[str, Frame] = {}
        self._sessions: WeakKeyDictionary[Frame, CDPSession] = WeakKeyDictionary()

    async def session(self) -> CDPSession:
        """The tab's own protocol session."""
        if self._main is not None:
            return self._main
        async with self._making:  # what two of them set would stay set in the one that is lost
            if self._main is None:
                session = await self._page.context.new_cdp_session(self._page)
                tree = await session.send("Page.getFrameTree")
                self._main_frame = tree["frameTree"]["frame"]["id"]
                self._main = session
        return self._main

    @property
    def heard(self) -> CDPSession | None:
        """The same as last asked for, without asking the page."""
        return self._main if self._told else None

    async def listening(self) -> CDPSession:
        """The same, told of what happens to the page (windows and file choosers that it opens)."""
        session = await self.session()
        if not self._told:
            self._told = True
            chosen = session.send("Page.setInterceptFileChooserDialog", {"enabled": True})
            await both(session.send("Page.enable"), chosen)
        return session

    def by_token(self, token: str) -> World | None:
        """The world with that token, if its document was not left as far as known."""
        return next((world for world in self._by_frame.values() if world.token == token), None)

    def token_in(self, frame_id: str | None) -> str | None:
        """The token of the document last seen in that frame, the main frame if None."""
        world = self._by_frame.get(frame_id or self._main_frame)
        return world.token if world is not None else None

    def all(self) -> list[World]:
        """The worlds whose documents may still be there."""
        return list(self._by_frame.values())

    def tokens(self) -> set[str]:
        """Tokens of the documents that may still be there."""
        return {world.token for world in self._by_frame.values()}

    def is_main(self, world: World) -> bool:
        return world.frame_id == self._main_frame

    async def ask_main(self, call: str) -> tuple[World, Any]:
        """Evaluate `agentBrowser.<call>` in the main frame's document, whichever it is now."""
        session = await self.session()
        return await self.ask_frame(session, self._main_frame, call)

    async def ask_frame(self, session: CDPSession, frame_id: str, call: str) -> tuple[World, Any]:
        """The same in the document that is in that frame now. DocumentLeft if the frame is gone."""
        known = self._by_frame.get(frame_id)
        if known is not None and known.session is session:
            try:
                return known, await self.ask(known, call)
            except DocumentLeft:
                self._forget(known)
        return await self._enter(session, frame_id, call)

    async def ask(self, world: World, call: str) -> Any:
        """Evaluate `agentBrowser.<call>` in that very document. DocumentLeft if it was left."""
        guard = f"globalThis.agentBrowser?.token === {json.dumps(world.token)}"
        answer = await self._evaluate(
            world.session, world.context_id, f"{guard} ? agentBrowser.{call} : 'left'"
        )
        if answer == "left":
            self._forget(world)
            raise DocumentLeft
        return answer

    async def _enter(self, session: CDPSession, frame_id: str, call: str) -> tuple[World, Any]:
        for attempt in range(3):
            try:
                made = await session.send(
                    "Page.createIsolatedWorld", {"frameId": frame_id, "worldName": WORLD}
                )
                context_id = int(made["executionContextId"])
                token = secrets.token_hex(8)
                # The source is the same each time, so that a renderer compiles it once; it arrives
                # before the call, which is sent after it.
                begin = (
                    f"(Object.hasOwn(globalThis, 'agentBrowser') || makeAgentBrowser("
                    f"{json.dumps(self._driver.bridge)}, {json.dumps(token)}),"
                    f" Promise.resolve(agentBrowser.{call})"
                    ".then(answer => ({ token: agentBrowser.token, answer })))"
                )
                _, got = await both(
                    self._evaluate(session, context_id, self._driver.collector),
                    self._evaluate(session, context_id, begin),
                )
            except DocumentLeft:
                if attempt == 2:
                    raise
                continue
            except Error as exc:
                if any(words in str(exc) for words in _NO_FRAME):
                    raise DocumentLeft from exc
                raise
            world = World(got["token"], frame_id, context_id, session)
            self._by_frame[frame_id] = world
            return world, got["answer"]
        raise DocumentLeft

    async def _evaluate(self, session: CDPSession, context_id: int, expression: str) -> Any:
        try:
            answer = await session.send(
                "Runtime.evaluate",
                {
                    "expression": expression,
                    "contextId": context_id,
                    "returnByValue": True,
                    "awaitPromise": True,
                },
            )
        except Error as exc:
            if any(words in str(exc) for words in _NO_CONTEXT):
                raise DocumentLeft from exc
            raise
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Error(details.get("exception", {}).get("description", details.get("text", "")))
        return answer["result"].get("value")

    def _forget(self, world: World) -> None:
        if self._by_frame.get(world.frame_id) is world:
            del self._by_frame[world.frame_id]
        self._frames.pop(world.token, None)

    async def children(self, world: World, seen: list[float] | None = None) -> list[Child]:
        """The frames in that document, of which the part `seen` can be seen, in no order; those
        that vanish meanwhile are left out.
        """
        tree = await world.session.send("Page.getFrameTree")
        node = _find(tree["frameTree"], world.frame_id)
        inside = [c["frame"]["id"] for c in (node or {}).get("childFrames", [])][:MAX_FRAMES]
        candidates = [(frame_id, world.session) for frame_id in inside]
        known = _count(tree["frameTree"])
        if len(self._page.frames) > known or len(self._sessions) > 0:
            candidates += await self._remote_frames()
        found: list[Child] = []

        async def place(frame_id: str, session: CDPSession) -> None:
            child = await self._place(world, frame_id, session, seen)
            if child is not None:
                found.append(child)

        async with anyio.create_task_group() as group:
            for frame_id, session in candidates:
                group.start_soon(place, frame_id, session)
        return found

    async def trees(self) -> list[tuple[dict[str, Any], CDPSession]]:
        """The frames as trees, each with the session that reaches its documents: the page's, and
        one for each frame with a renderer of its own.
        """
        session = await self.session()
        tree = (await session.send("Page.getFrameTree"))["frameTree"]
        if len(self._page.frames) <= _count(tree) and not self._sessions:
            return [(tree, session)]
        remote = []
        for _, own in await self._remote_frames():
            with suppress(Error):
                remote.append(((await own.send("Page.getFrameTree"))["frameTree"], own))
        return [(tree, session), *remote]

    async def _remote_frames(self) -> list[tuple[str, CDPSession]]:
        """Frames with a renderer of their own (site isolation): each has its own session."""
        found: list[tuple[str, CDPSession]] = []

        async def ask(frame: Frame) -> None:
            session = self._sessions.get(frame)
            for known in (session, None) if session is not None else (None,):
                try:
                    session = known or await self._page.context.new_cdp_session(frame)
                    tree = await session.send("Page.getFrameTree")
                except Error:
                    # A session ends when its frame gets another renderer; the frame may have one.
                    self._sessions.pop(frame, None)
                    continue
                self._sessions[frame] = session
                found.append((tree["frameTree"]["frame"]["id"], session))
                return

        async with anyio.create_task_group() as group:
            for frame in self._page.frames[1 : MAX_FRAMES + 1]:
                group.start_soon(ask, frame)
        return found

    async def _place(
        self, world: World, frame_id: str, session: CDPSession, seen: list[float] | None
    ) -> Child | None:
        try:
            owner = await world.session.send("DOM.getFrameOwner", {"frameId": frame_id})
            node = await world.session.send(
                "DOM.resolveNode",
                {
                    "backendNodeId": owner["backendNodeId"],
                    "executionContextId": world.context_id,
                },
            )
            object_id = node["object"]["objectId"]
            answer = await world.session.send(
                "Runtime.callFunctionOn",
                {
                    "objectId": object_id,
                    "functionDeclaration": _INNER,
                    "arguments": [{"value": seen}],
                    "returnByValue": True,
                },
            )
            place = answer["result"].get("value")
            if not place or not place["n"]:
                return None
            placing = await self._placing(world, object_id, place)
        except Error:
            return None
        number, tilted = place["n"], bool(place["tilted"])
        return Child(number, frame_id, session, placing, tilted, place["seen"], place["cover"])

    async def _placing(self, world: World, object_id: str, place: dict[str, Any]) -> Placing:
        """Where a frame's document is; of one that is turned the browser knows the corners."""
        if not place["tilted"]:
            return Placing(place["scaleX"], 0, 0, place["scaleY"], place["x"], place["y"])
        box = await world.session.send("DOM.getBoxModel", {"objectId": object_id})
        return of_quad(box["model"]["content"], place["width"], place["height"])

    async def judge(self, world: World) -> None:
        """Tell the document which of the elements that it doubts have a closed shadow root."""
        session = world.session
        try:
            answer = await session.send(
                "Runtime.evaluate",
                {
                    "expression": "agentBrowser.doubtful()",
                    "contextId": world.context_id,
                    "objectGroup": WORLD,
                },
            )
            listed = await session.send(
                "Runtime.getProperties",
                {"objectId": answer["result"]["objectId"], "ownProperties": True},
            )
        except (Error, KeyError) as exc:
            raise DocumentLeft from exc
        doubted = [item for item in listed["result"] if item["name"].isdigit()]
        verdicts = [False] * len(doubted)

        async def ask(index: int, object_id: str) -> None:
            with suppress(Error):
                node = await session.send("DOM.describeNode", {"objectId": object_id})
                roots = node["node"].get("shadowRoots", [])
                verdicts[index] = any(root.get("shadowRootType") == "closed" for root in roots)

        async with anyio.create_task_group() as group:
            for item in doubted:
                group.start_soon(ask, int(item["name"]), item["value"]["objectId"])
        with suppress(Error):
            await session.send("Runtime.releaseObjectGroup", {"objectGroup": WORLD})
        await self.ask(world, f"judge({json.dumps(verdicts)})")

    async def frame_of(self, world: World) -> Frame | None:
        """Playwright's frame that holds this document, found by asking each for the token."""
        if self.is_main(world):
            return self._page.main_frame
        known = self._frames.get(world.token)
        if known is not None and not known.is_detached():
            return known
        for frame in self._page.frames:
            try:
                if await frame.locator(f"{ENGINE_NAME}={world.token}.0").count():
                    self._frames[world.token] = frame
                    return frame
            except Error:
                continue
        return None


def _find(tree: dict[str, Any], frame_id: str) -> dict[str, Any] | None:
    if tree["frame"]["id"] == frame_id:
        return tree
    for child in tree.get("childFrames", []):
        found = _find(child, frame_id)
        if found is not None:
            return found
    return None


def _count(tree: dict[str, Any]) -> int:
    return 1 + sum(_count(child) for child in tree.get("childFrames", []))
