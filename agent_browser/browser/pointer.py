"""The mouse: one round trip says where an element is and that nothing is in the way; then the
mouse.

Whatever that round trip can't decide (in a frame, moving, covered, disabled, off-screen) goes
through Playwright's own action, which waits until it can be done or its time is over.
"""

from typing import Literal

from playwright.async_api import Error

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.targets import Target, acting_on
from agent_browser.errors import ActionFailed

Button = Literal["left", "middle", "right"]


async def _aim(target: Target, *, guarded: bool) -> tuple[float, float] | None:
    """The point to put the mouse at, or None where Playwright has to find out."""
    if not target.is_in_main_document:
        return None
    answer = await target.ask("aim", "true" if guarded else "false")
    if answer["state"] == "gone":
        raise target.stale()
    if answer["state"] != "clear":
        return None
    return float(answer["x"]), float(answer["y"])


async def _press(act: Act, *, button: Button = "left", count: int = 1) -> None:
    target = await act.target()
    place = await _aim(target, guarded=True)
    if place is not None:
        await act.page.mouse.click(*place, button=button, click_count=count)
        return
    async with acting_on(target, act.milliseconds) as locator:
        if count == 2:
            await locator.dblclick(button=button, timeout=act.milliseconds)
        else:
            await locator.click(button=button, timeout=act.milliseconds)


@register("click")
async def click(act: Act) -> None:
    await _press(act)


@register("dblclick")
async def dblclick(act: Act) -> None:
    await _press(act, count=2)


@register("right_click")
async def right_click(act: Act) -> None:
    await _press(act, button="right")


@register("hover")
async def hover(act: Act) -> None:
    target = await act.target()
    place = await _aim(target, guarded=False)
    if place is not None:
        await act.page.mouse.move(*place)
        return
    async with acting_on(target, act.milliseconds) as locator:
        await locator.hover(timeout=act.milliseconds)


@register("tap")
async def tap(act: Act) -> None:
    target = await act.target()
    async with acting_on(target, act.milliseconds) as locator:
        try:
            await locator.tap(timeout=act.milliseconds)
        except Error as exc:
            if "hasTouch" in str(exc):
                raise ActionFailed(
                    "no_touch",
                    "this session has no touch screen; open one with a 'device' that has",
                ) from exc
            raise


@register("drag")
async def drag(act: Act) -> None:
    source = await act.target()
    to = await act.target(needed(act.input.target_ref, "target_ref", "drag"))
    async with acting_on(source, act.milliseconds) as locator:
        try:
            await locator.drag_to(to.locator, timeout=act.milliseconds)
        except Error as exc:
            if to.world is not None and not await to.ask("has"):
                raise to.stale() from exc
            raise


@register("scroll")
async def scroll(act: Act) -> None:
    """An element into view; else the document, or the container that scrolls, by an amount."""
    if act.input.ref is not None:
        target = await act.target()
        async with acting_on(target, act.milliseconds) as locator:
            await locator.scroll_into_view_if_needed(timeout=act.milliseconds)
        return
    amount = 400 if act.input.scroll_amount is None else act.input.scroll_amount
    direction = act.input.direction or "down"
    x = {"left": -amount, "right": amount}.get(direction, 0)
    y = {"up": -amount, "down": amount}.get(direction, 0)
    _, moved = await act.tab.worlds.ask_main(f"scroll({x}, {y})")
    if not moved and amount:
        act.note(f"nothing moved: the page does not scroll further {direction}")


def _point(act: Act) -> tuple[float, float]:
    if act.input.x is None or act.input.y is None:
        raise ActionFailed("missing_input", f"'x' and 'y' required for {act.input.action} action")
    return act.input.x, act.input.y


@register("move")
async def move(act: Act) -> None:
    await act.page.mouse.move(*_point(act))


@register("down")
async def down(act: Act) -> None:
    if act.input.x is not None or act.input.y is not None:
        await act.page.mouse.move(*_point(act))
    await act.page.mouse.down()


@register("up")
async def up(act: Act) -> None:
    if act.input.x is not None or act.input.y is not None:
        await act.page.mouse.move(*_point(act))
    await act.page.mouse.up()


@register("wheel")
async def wheel(act: Act) -> None:
    """Turn the wheel by `x` and `y` px where the mouse is."""
    await act.page.mouse.wheel(act.input.x or 0, act.input.y or 0)
