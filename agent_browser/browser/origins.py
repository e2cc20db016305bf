"""Where in a session an origin has a document, and work in that document unseen by its page."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error, Frame

from agent_browser.browser import backstage
from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.functions import Reach
from agent_browser.browser.happenings import told
from agent_browser.browser.tab import Tab
from agent_browser.browser.targets import find
from agent_browser.browser.worlds import MAX_FRAMES, WORLD, DocumentLeft
from agent_browser.errors import ActionFailed, DialogWaiting, InvalidRequest
from agent_browser.models.globs import Glob

LOOK_BOUND = 2.0
"""Seconds that a tab that is not the active one has to tell its frames."""
_SCRIPT = files("agent_browser.browser").joinpath("storage.js").read_text(encoding="utf-8")
_LEFT = (
    "Cannot find context", "Cannot find execution context", "Execution context was destroyed",
    "Inspected target navigated", "No frame for given id", "No frame with given id",
    "Frame with the given", "uniqueContextId not found",
)  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """A document in a frame of a tab."""

    tab: Tab | None
    """None for one of ours, of an origin that no tab shows."""
    session: CDPSession
    frame_id: str
    url: str
    name: str
    origin: str
    """Empty for an opaque one, which stores nothing."""

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one thing of storage.js there. DocumentLeft if it was left."""
        found: dict[str, Any] = await self._call(_DO, {**request, "origin": self.origin})
        if "left" in found:
            raise DocumentLeft
        return found

    async def ask(self, expression: str) -> str:
        """A text that the document has."""
        return str(await self._call(f"() => {expression}", {}))

    async def _call(self, function: str, argument: dict[str, Any]) -> Any:
        made = await self._send(
            "Page.createIsolatedWorld", {"frameId": self.frame_id, "worldName": WORLD}
        )
        answer = await self._send(
            "Runtime.callFunctionOn",
            {
                "functionDeclaration": function,
                "executionContextId": made["executionContextId"],
                "arguments": [{"value": argument}],
                "returnByValue": True,
            },
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Error(str(details.get("exception", {}).get("description", details["text"])))
        return answer["result"].get("value")

    async def _send(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self.session.send(method, parameters)
        except Error as exc:
            if any(words in str(exc) for words in _LEFT):
                raise DocumentLeft from exc
            raise
        return answer


# A frame keeps its id when it goes to another origin.
_DO = f"""(request) => {{
  if (self.origin !== request.origin) return {{ left: true }};
  return ({_SCRIPT})(request);
}}"""


async def spots(tab: Tab, *, main_alone: bool = False) -> list[Spot]:
    """The documents of a tab, the main frame's first; the origins of the others are not to be
    trusted with `main_alone`, which asks them nothing.
    """
    found: list[Spot] = []
    for tree, session in await tab.worlds.trees():
        found += _spots(tab, session, tree)
    asked = found[:1] if main_alone else found[:MAX_FRAMES]
    doubtful = [at for at, spot in enumerate(asked) if at or not spot.origin]

    async def ask(at: int) -> None:
        """A frame may have another origin than its address: its parent's, or none in a sandbox."""
        with suppress(DocumentLeft, Error):
            found[at] = replace(found[at], origin=_stored(await found[at].ask("self.origin")))

    async with anyio.create_task_group() as group:
        for at in doubtful:
            group.start_soon(ask, at)
    return found


def _spots(tab: Tab, session: CDPSession, tree: dict[str, Any]) -> Iterator[Spot]:
    frame = tree["frame"]
    url = frame["url"] + frame.get("urlFragment", "")
    origin = _stored(frame.get("securityOrigin", ""))
    yield Spot(tab, session, frame["id"], url, frame.get("name", ""), origin)
    for child in tree.get("childFrames", []):
        yield from _spots(tab, session, child)


def _stored(origin: str) -> str:
    """The origin, if documents of it store anything."""
    return origin if origin.startswith(("http://", "https://")) else ""


@asynccontextmanager
async def behind(reach: Reach, origin: str) -> AsyncIterator[Spot]:
    """An empty document of an origin that no tab shows, in a page that nobody is told of."""
    session = await reach.tabs.active.worlds.session()
    target = await session.send("Target.getTargetInfo")
    place = target["targetInfo"]["browserContextId"]
    try:
        async with backstage.opened(reach.context, place) as stage:
            frame_id = await stage.visit(origin)
            yield Spot(None, stage.session, frame_id, f"{origin}/", "", origin)
    except TimeoutError as exc:
        raise DocumentLeft from exc


async def everywhere(reach: Reach, first: Tab | None = None) -> list[Spot]:
    """The documents of all tabs that answer: those of `first`, then the active tab's."""
    tabs = [tab for tab in (first, reach.tabs.current, *reach.tabs.open) if tab is not None]
    found: dict[str, list[Spot]] = {}

    async def look(tab: Tab) -> None:
        with anyio.move_on_after(LOOK_BOUND):
            try:
                found[tab.id] = await spots(tab)
            except Error:
                return  # it goes away

    async with anyio.create_task_group() as group:
        for tab in dict.fromkeys(tabs):
            if tab.gone() is None and tab.dialogs.waiting is None:
                group.start_soon(look, tab)
    return [spot for tab in dict.fromkeys(tabs) for spot in found.get(tab.id, [])]


async def located(
    reach: Reach, *, origin: str | None, frame: int | str | None, tab: str | None
) -> Spot | None:
    """The document that a caller names; None for an origin that has none open in the session.
    InvalidRequest for one that stores nothing, or a frame or tab that is not there.
    """
    if frame is None and origin is not None and tab is None:
        found = [spot for spot in await everywhere(reach) if spot.origin == origin]
        return found[0] if found else None
    named = await _tab(reach, tab)
    inside = await spots(named, main_alone=frame is None and origin is None)
    if frame is not None:
        spot = await _in_frame(reach, named, inside, frame)
        if origin is not None and spot.origin != origin:
            raise _wrong("origin", f"the frame is of {spot.origin or 'no origin'}, not of {origin}")
    elif origin is not None:
        found = [spot for spot in inside if spot.origin == origin]
        if not found:
            raise _wrong("origin", f"no frame of {named.id} is of {origin}; {_listed(inside)}")
        spot = found[0]
    else:
        spot = inside[0]
    if not spot.origin:
        where = told(spot.url) or "an empty document"
        raise _wrong("frame" if frame is not None else "origin", f"{where} has no storage")
    return spot


async def _tab(reach: Reach, name: str | None) -> Tab:
    try:
        tab = reach.tabs.named(None if name == "active" else name)
    except ActionFailed as exc:
        raise _wrong("tab", exc.detail) from exc
    gone = tab.gone()
    if gone is not None:
        raise gone
    if tab.dialogs.waiting is not None:
        raise DialogWaiting(tab.dialogs.waiting.model_dump())
    return tab


async def _in_frame(reach: Reach, tab: Tab, inside: list[Spot], frame: int | str) -> Spot:
    if isinstance(frame, int):
        if frame < len(inside):
            return inside[frame]
        raise _wrong("frame", f"there is no frame {frame}; {_frames(inside)}")
    for spot in inside:
        if spot.name == frame:
            return spot
    try:
        glob = Glob(frame)
    except ValueError:
        glob = None
    for spot in inside:
        if spot.url == frame or (glob is not None and glob.matches(spot.url)):
            return spot
    return await _of_element(reach, tab, inside, frame)


async def _of_element(reach: Reach, tab: Tab, inside: list[Spot], text: str) -> Spot:
    """The frame whose element a ref or selector names."""
    try:
        target = await find(tab, reach.view.numbers, text)
        if not await target.locator.count():
            raise _wrong("frame", f"{text} is no name, address or element; {_frames(inside)}")
        element = await target.locator.first.element_handle(timeout=LOOK_BOUND * 1_000)
        content = await element.content_frame()
    except ActionFailed as exc:
        raise _wrong("frame", exc.detail) from exc
    except Error as exc:
        if tab.gone() is not None:
            raise
        raise _wrong("frame", f"{text} can't be looked for; {_frames(inside)}") from exc
    if content is None:
        raise _wrong("frame", f"{text} is no frame; {_frames(inside)}")
    return await _same(tab, inside, content)


async def _same(tab: Tab, inside: list[Spot], frame: Frame) -> Spot:
    """Playwright's frame among ours: the one whose document knows the token of our world in it."""
    alike = [spot for spot in inside if spot.url == frame.url] or inside
    if len(alike) == 1:
        return alike[0]
    for spot in alike:
        world, _ = await tab.worlds.ask_frame(spot.session, spot.frame_id, "token")
        if await frame.locator(f"{ENGINE_NAME}={world.token}.0").count():
            return spot
    raise DocumentLeft


def _frames(inside: list[Spot]) -> str:
    shown = [
        f"{number} {json.dumps(spot.name) + ' ' if spot.name else ''}{told(spot.url)[:200]}"
        for number, spot in enumerate(inside[:20])
    ]
    return f"the frames are {', '.join(shown)}"


def _listed(inside: list[Spot]) -> str:
    origins = sorted({spot.origin for spot in inside if spot.origin})[:20]
    return f"open are {', '.join(origins)}" if origins else "none is open"


def nowhere(origin: str, area: str, open_now: list[Spot]) -> InvalidRequest:
    """What is told of an origin that has no document in the session."""
    return _wrong(
        "origin", f"no document of {origin} is open in this session ({area}); {_listed(open_now)}"
    )


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": field, "message": message}])
