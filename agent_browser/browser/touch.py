"""The finger: taps and swipes, told to the browser itself, so that any session has them."""

from typing import Any

from playwright.async_api import CDPSession

from agent_browser.browser.actions import Act, register
from agent_browser.browser.places import in_view, place_of
from agent_browser.browser.pointer import aim
from agent_browser.browser.targets import acting_on
from agent_browser.errors import ActionFailed

STEPS = 5
"""Moves of the finger between two points: what is swiped follows it."""
_BITS = {"Alt": 1, "Control": 2, "ControlOrMeta": 2, "Meta": 4, "Shift": 8}


@register("tap")
async def tap(act: Act) -> None:
    """An element, or a place."""
    place = in_view(act)
    if place is None:
        target = await act.target()
        place = await aim(act, target, guarded=True)
        if place is None:
            act.acted = False
            async with acting_on(target, act.milliseconds) as locator:
                await locator.hover(trial=True, timeout=act.milliseconds)
                box = await locator.bounding_box(timeout=act.left)
            if box is None:
                raise ActionFailed("not_visible", f"{target} is not visible")
            act.acted = True
            place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = await act.tab.worlds.session()
    await _touch(act, session, "touchStart", place)
    await _touch(act, session, "touchEnd")


@register("swipe")
async def swipe(act: Act) -> None:
    """A finger along the points of a path."""
    if act.input.path is None:
        raise ActionFailed("missing_input", "'path' required for swipe action")
    if act.input.ref is not None:
        raise ActionFailed("invalid_input", "swipe takes a 'path', not a 'ref'")
    first, *rest = act.input.path
    session = await act.tab.worlds.session()
    at = place_of(act, first)
    await _touch(act, session, "touchStart", at)
    for one in rest:
        for step in range(1, STEPS + 1):
            part = step / STEPS
            between = at[0] + (one.x - at[0]) * part, at[1] + (one.y - at[1]) * part
            await _touch(act, session, "touchMove", between)
        at = one.x, one.y
    await _touch(act, session, "touchEnd")


async def _touch(
    act: Act, session: CDPSession, kind: str, place: tuple[float, float] | None = None
) -> None:
    points: list[dict[str, Any]] = [] if place is None else [{"x": place[0], "y": place[1]}]
    bits = sum({_BITS[name] for name in act.input.modifiers or []})
    await session.send(
        "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, "modifiers": bits}
    )
