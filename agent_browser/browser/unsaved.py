"""What pages hold that no checkpoint can."""

from contextlib import suppress
from typing import Any

import anyio
from playwright.async_api import CDPSession, Error, Request

from agent_browser.browser.backstage import is_of_ours
from agent_browser.browser.downloads import Downloads
from agent_browser.browser.functions import Reach
from agent_browser.browser.happenings import Happenings
from agent_browser.browser.tab import Tab

BOUND = 1.0
"""Seconds that a page has to answer; of one that does not nothing is known."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PEERS = "RTCPeerConnections"
_COUNT = """function () {
  const open = this.filter(peer => peer.signalingState !== 'closed').length;
  return [this.length - open, open];
}"""
_ACTIVE = "navigator.userActivation?.hasBeenActive === true"

ORDER = (
    "dialog", "file_chooser", "download", "upload", "websocket", "webrtc", "beforeunload",
)  # fmt: skip


async def unsaved(reach: Reach, downloads: Downloads) -> tuple[str, ...]:
    """See `engine.Context.unsaved`."""
    found: set[str] = set()
    if reach.tabs.waiting is not None:
        found.add("dialog")
    if reach.tabs.choosing is not None:
        found.add("file_chooser")
    if downloads.running:
        found.add("download")
    tabs = [tab for tab in reach.tabs.open if _may_hold(tab)]
    sockets = [socket for socket in reach.part(Happenings).sockets if socket.state == "open"]
    async with anyio.create_task_group() as group:
        for tab in tabs:
            latest = max(
                (s.opened_at.timestamp() for s in sockets if s.tab == tab.id), default=None
            )
            group.start_soon(_look, tab, latest, found)
    return tuple(kind for kind in ORDER if kind in found)


def _may_hold(tab: Tab) -> bool:
    """A page that never went anywhere has nothing, and one that crashed nothing more."""
    return not tab.crashed and tab.url != "about:blank"


async def _look(tab: Tab, socket: float | None, found: set[str]) -> None:
    """What one tab's page has to be asked for; of a page that a dialog holds only a part. `socket`
    is when the last one was opened that nobody heard end.
    """
    with anyio.move_on_after(BOUND), suppress(Error):
        session = await tab.worlds.session()
        async with anyio.create_task_group() as group:
            group.start_soon(_look_for_uploads, tab, found)
            if tab.dialogs.waiting is not None:
                if socket is not None:
                    found.add("websocket")
            else:
                if socket is not None:
                    group.start_soon(_look_for_socket, session, socket, found)
                group.start_soon(_look_for_peers, session, found)
                group.start_soon(_look_for_guards, session, found)


async def _look_for_socket(session: CDPSession, opened: float, found: set[str]) -> None:
    """Sockets that ended with their document are not told of: whether it is still the same one."""
    with suppress(Error):
        began = await session.send(
            "Runtime.evaluate", {"expression": "performance.timeOrigin", "returnByValue": True}
        )
        if opened * 1000 >= began["result"]["value"]:
            found.add("websocket")


async def _look_for_uploads(tab: Tab, found: set[str]) -> None:
    with suppress(Error):
        if any(_is_sending(request) for request in await tab.page.requests()):
            found.add("upload")


def _is_sending(request: Request) -> bool:
    return (
        request.method in _WITH_BODY
        and request.existing_response is None
        and request.failure is None
        and not is_of_ours(request)
    )


async def _look_for_peers(session: CDPSession, found: set[str]) -> None:
    """Connections that are not closed. Those that are count until their memory is given back, and
    those of all pages of a process count together: where there are any they are looked at.
    """
    with suppress(Error):
        await session.send("Performance.enable")
        if not await _count_peers(session):
            return
        closed, still_open = await _peers(session)
        if still_open or await _count_peers(session) > closed:
            found.add("webrtc")


async def _count_peers(session: CDPSession) -> int:
    told = await session.send("Performance.getMetrics")
    return int(next((m["value"] for m in told["metrics"] if m["name"] == _PEERS), 0))


async def _peers(session: CDPSession) -> tuple[int, int]:
    """How many of the main document are closed, and how many not."""
    kind = await session.send(
        "Runtime.evaluate",
        {"expression": "RTCPeerConnection.prototype", "objectGroup": _PEERS},
    )
    try:
        if "objectId" not in kind["result"]:
            return 0, 0
        all_of_it = await session.send(
            "Runtime.queryObjects",
            {"prototypeObjectId": kind["result"]["objectId"], "objectGroup": _PEERS},
        )
        found: dict[str, Any] = all_of_it["objects"]
        answer = await session.send(
            "Runtime.callFunctionOn",
            {
                "objectId": found["objectId"],
                "functionDeclaration": _COUNT,
                "returnByValue": True,
            },
        )
        closed, still_open = answer["result"]["value"]
        return int(closed), int(still_open)
    finally:
        await session.send("Runtime.releaseObjectGroup", {"objectGroup": _PEERS})


async def _look_for_guards(session: CDPSession, found: set[str]) -> None:
    """A page that asks before it is left, once somebody did something in it."""
    with suppress(Error):
        active = await session.send("Runtime.evaluate", {"expression": _ACTIVE})
        if not active["result"].get("value"):
            return
        window = await session.send(
            "Runtime.evaluate", {"expression": "window", "objectGroup": "guards"}
        )
        told = await session.send(
            "DOMDebugger.getEventListeners", {"objectId": window["result"]["objectId"]}
        )
        await session.send("Runtime.releaseObjectGroup", {"objectGroup": "guards"})
        if any(listener["type"] == "beforeunload" for listener in told["listeners"]):
            found.add("beforeunload")
