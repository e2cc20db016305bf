"""What pages hold that no checkpoint can: looked for in our isolated world and by the protocol.
Nothing of the pages' own runs for it, and nothing that comes back is trusted to be of any kind.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self
from weakref import WeakKeyDictionary

import anyio
import structlog
from playwright.async_api import CDPSession, Error, Page, Request

from agent_browser.browser.backstage import is_of_ours
from agent_browser.browser.downloads import Downloads
from agent_browser.browser.frames import Frame, evaluated
from agent_browser.browser.functions import FROM_THE_START, Reach
from agent_browser.browser.happenings import Happenings
from agent_browser.browser.saving import Saving
from agent_browser.browser.tab import Tab
from agent_browser.browser.together import both

BOUND = 2.0
"""Seconds that a page has to answer; of one that does not nothing is known."""
ANSWER_BOUND = 0.1
"""Seconds to tell whether a request was answered."""
PEERS_BOUND = 1.5
"""Seconds to prove that the connections of a page are closed."""
MOST_SENT = 1000
MOST_PEERS = 100
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PEERS = "RTCPeerConnections"
_ALIVE = (
    "({ since: performance.timeOrigin, active: navigator.userActivation?.hasBeenActive === true })"
)
"""Since when a document is there, and whether somebody did something in it."""
_THIS = "function () { return (function () { return this; })(); }"

ORDER = (
    "dialog", "file_chooser", "download", "upload", "websocket", "webrtc", "beforeunload",
)  # fmt: skip
_log = structlog.get_logger(__name__)
_groups = itertools.count(1)


class Sending:
    """The requests with a body that are under way, and when each was heard of."""

    def __init__(self, reach: Reach) -> None:
        self._heard: WeakKeyDictionary[Request, float] = WeakKeyDictionary()
        reach.context.on("request", self._began)
        reach.context.on("requestfinished", self._ended)
        reach.context.on("requestfailed", self._ended)

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """The listeners go with the context."""

    def _began(self, request: Request) -> None:
        is_sending = request.method in _WITH_BODY and request.resource_type != "ping"
        if is_sending and len(self._heard) < MOST_SENT and not is_of_ours(request):
            self._heard[request] = time.time()

    def _ended(self, request: Request) -> None:
        self._heard.pop(request, None)

    async def is_any(self, tab: Tab, since: float) -> bool:
        """Whether one that the tab's page made since then has no answer yet."""
        for request, heard in list(self._heard.items()):
            page = _page_of(request)
            if heard < since or (page is not None and page is not tab.page):
                continue
            if request.existing_response is None and not await self._is_answered(request):
                return True
        return False

    async def _is_answered(self, request: Request) -> bool:
        with anyio.move_on_after(ANSWER_BOUND), suppress(Error):
            await request.response()
            self._ended(request)
            return True
        return False


def _page_of(request: Request) -> Page | None:
    with suppress(Error):
        return request.frame.page
    return None


async def unsaved(reach: Reach, downloads: Downloads) -> tuple[str, ...]:
    """See `engine.Context.unsaved`."""
    found: set[str] = set()
    tabs = [tab for tab in reach.tabs.open if _may_hold(tab)]
    async with anyio.create_task_group() as group:
        for tab in tabs:
            group.start_soon(_look, reach, tab, found)
    if reach.tabs.waiting is not None:
        found.add("dialog")
    if reach.tabs.choosing is not None:
        found.add("file_chooser")
    if downloads.running:
        found.add("download")
    return tuple(kind for kind in ORDER if kind in found)


def _may_hold(tab: Tab) -> bool:
    """A page that never went anywhere has nothing, and one that crashed nothing more."""
    return not tab.crashed and tab.url != "about:blank"


@contextmanager
def _unheard(tab: Tab, what: str) -> Iterator[None]:
    """Of what can't be looked at nothing is known, whatever the reason."""
    try:
        yield
    except Exception as exc:
        _log.debug("a page could not be looked at", tab=tab.id, what=what, error=repr(exc)[:300])


async def _look(reach: Reach, tab: Tab, found: set[str]) -> None:
    """What one tab's page has; of a page that a dialog holds only a part."""
    heard = reach.part(Happenings).sockets
    opened = [s.opened_at.timestamp() for s in heard if s.state == "open" and s.tab == tab.id]
    with anyio.move_on_after(BOUND), _unheard(tab, "page"):
        if tab.dialogs.waiting is not None:
            await _look_at_main(reach, tab, 0, opened, found)
            return
        frames = reach.part(Saving).frames(tab)
        there = await frames.all()
        async with anyio.create_task_group() as group:
            for frame in there:
                group.start_soon(_look_in, reach, tab, frame, opened, found)
            for session in {frame.session for frame in there}:
                own = [frame for frame in there if frame.session is session]
                group.start_soon(_look_for_peers, tab, session, own, found)


async def _look_in(
    reach: Reach, tab: Tab, frame: Frame, opened: list[float], found: set[str]
) -> None:
    """What one document has."""
    with _unheard(tab, "document"):
        if frame.path:
            alive = await evaluated(frame, _ALIVE)
            is_guarded = alive["active"] is True and await _is_guarded(tab, frame)
        else:  # who waits for it waits less if both are asked at once
            alive, is_guarded = await both(evaluated(frame, _ALIVE), _is_guarded(tab, frame))
            await _look_at_main(reach, tab, alive["since"] / 1000, opened, found)
        if alive["active"] is True and is_guarded:
            found.add("beforeunload")


async def _look_at_main(
    reach: Reach, tab: Tab, since: float, opened: list[float], found: set[str]
) -> None:
    """Sockets and requests of the document that is there since then. Of those that ended with the
    one before it nobody tells.
    """
    if any(at >= since for at in opened):
        found.add("websocket")
    with _unheard(tab, "requests"):
        if await reach.part(Sending).is_any(tab, since):
            found.add("upload")


def _group() -> str:
    return f"agent-browser-unsaved-{next(_groups)}"


async def _window(frame: Frame, group: str) -> str:
    """The window of the frame's document as its page has it, got at through ours: nothing of the
    page's is asked for it. Error.
    """
    session, grouped = frame.session, {"objectGroup": group}
    if not frame.path:  # where nothing else is said the main frame's page is meant
        this = await session.send("Runtime.evaluate", {"expression": "this", **grouped})
        return str(this["result"]["objectId"])
    ours = await session.send(
        "Runtime.evaluate",
        {"expression": "document", "contextId": frame.context_id, **grouped},
    )
    described = await session.send("DOM.describeNode", {"objectId": ours["result"]["objectId"]})
    node = {"backendNodeId": described["node"]["backendNodeId"]}
    theirs = await session.send("DOM.resolveNode", {**node, **grouped})
    window = await session.send(
        "Runtime.callFunctionOn",
        {"objectId": theirs["object"]["objectId"], "functionDeclaration": _THIS, **grouped},
    )
    return str(window["result"]["objectId"])


async def _is_guarded(tab: Tab, frame: Frame) -> bool:
    """Whether its page asks before it is left. Only one in which somebody did something may."""
    group = _group()
    with _unheard(tab, "listeners"):
        try:
            window = await _window(frame, group)
            told = await frame.session.send("DOMDebugger.getEventListeners", {"objectId": window})
            return any(each["type"] == "beforeunload" for each in told["listeners"])
        finally:
            await _release(frame.session, group)
    return False


async def _release(session: CDPSession, group: str) -> None:
    with suppress(Error):
        await session.send("Runtime.releaseObjectGroup", {"objectGroup": group})


async def _look_for_peers(tab: Tab, session: CDPSession, own: list[Frame], found: set[str]) -> None:
    """Connections that are not closed. Those that are count until their memory is given back, and
    those of all pages of a process count together: where there are any they are looked at.
    """
    with _unheard(tab, "peers"):
        await session.send("Performance.enable")
        if not await _count_peers(session):
            return
        are_closed = False
        try:
            are_closed = await _are_closed(tab, session, own)
        finally:  # what there was no time to prove is not proven
            if not are_closed:
                found.add("webrtc")


async def _are_closed(tab: Tab, session: CDPSession, own: list[Frame]) -> bool:
    """Whether every connection there is known to be closed."""
    closed = 0
    with anyio.move_on_after(PEERS_BOUND):
        for frame in own:
            with _unheard(tab, "closed peers"):
                await evaluated(frame, "0")  # our world is there then
                closed += await _count_closed(frame)
    return await _count_peers(session) <= closed


async def _count_peers(session: CDPSession) -> int:
    told = await session.send("Performance.getMetrics")
    return int(next((m["value"] for m in told["metrics"] if m["name"] == _PEERS), 0))


async def _count_closed(frame: Frame) -> int:
    """How many of the document's are closed, as the browser shows their properties. Those that are
    nobody's any more are gone then.
    """
    group = _group()
    try:
        window = await _window(frame, group)
        kind = await _properties(frame.session, window)
        made = kind["RTCPeerConnection"]["value"]["objectId"]
        prototype = (await _properties(frame.session, made))["prototype"]["value"]["objectId"]
        asked = {"prototypeObjectId": prototype, "objectGroup": group}
        there = await frame.session.send("Runtime.queryObjects", asked)
        peers = await _properties(frame.session, there["objects"]["objectId"])
        count = 0
        for name, peer in itertools.islice(peers.items(), MOST_PEERS):
            if name.isdigit():
                of_it = await _properties(frame.session, peer["value"]["objectId"], own=False)
                told: Any = of_it.get("signalingState", {}).get("value", {})
                count += told.get("value") == "closed"
        return count
    finally:
        await _release(frame.session, group)


async def _properties(session: CDPSession, object_id: str, *, own: bool = True) -> dict[str, Any]:
    """What an object has. Getters of pages are shown, and not called."""
    told = await session.send(
        "Runtime.getProperties", {"objectId": object_id, "ownProperties": own}
    )
    return {each["name"]: each for each in told["result"]}


FROM_THE_START.append(Sending)
