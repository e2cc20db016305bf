"""When a page's resources were wholly there, as its own clock has it: for requests that nobody was
listening to while they were made.
"""

from typing import Any

from playwright.async_api import Error

from agent_browser.browser.worlds import WORLD, Worlds

_MOST = 2_000
_TIMES = f"""[performance.timeOrigin,
  [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .slice(-{_MOST}).map(e => [e.name, e.startTime, e.responseEnd])]"""

Ends = dict[str, list[tuple[float, float]]]
"""Start and end, in milliseconds since 1970, by address."""


async def ended(worlds: Worlds) -> Ends:
    """Of the tab's main frame's document and those of its process. Nothing where it is gone."""
    found: Ends = {}
    try:
        session = await worlds.session()
        tree = await session.send("Page.getFrameTree")
        for frame_id in _frames(tree["frameTree"]):
            made = await session.send(
                "Page.createIsolatedWorld", {"frameId": frame_id, "worldName": WORLD}
            )
            answer = await session.send(
                "Runtime.evaluate",
                {
                    "expression": _TIMES,
                    "contextId": made["executionContextId"],
                    "returnByValue": True,
                },
            )
            _take(answer["result"].get("value"), found)
    except Error:
        return found
    return found


def _frames(tree: dict[str, Any]) -> list[str]:
    inside = [frame for child in tree.get("childFrames", ()) for frame in _frames(child)]
    return [str(tree["frame"]["id"]), *inside][:50]


def _take(answer: Any, found: Ends) -> None:
    if not answer:
        return
    origin, entries = answer
    for address, start, end in entries:
        if end > 0:
            found.setdefault(address, []).append((origin + start, origin + end))
