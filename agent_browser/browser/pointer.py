"""The mouse: one round trip says where an element is and that nothing is in the way; then the
mouse.

Whatever that round trip can't decide (in a frame, moving, covered, disabled, off-screen) goes
through Playwright's own action, which waits until it can be done or its time is over. A place by
`x` and `y` is the caller's: whatever is there gets it.
"""

from playwright.async_api import Error

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.keys import held_down
from agent_browser.browser.places import in_view, place_of, point
from agent_browser.browser.targets import Target, acting_on
from agent_browser.errors import ActionFailed
from agent_browser.models.pointing import Button

SCROLL_BOUND = 500
"""Milliseconds that a scroll which the wheel set going is waited for."""
STEPS = 5
"""Moves of the mouse between two points of a path: what is dragged follows the mouse."""


async def aim(act: Act, target: Target, *, guarded: bool) -> tuple[float, float] | None:
    """The point to put the mouse at, or None where Playwright has to find out."""
    if not target.is_in_main_document:
        return None
    act.acted = False
    answer = await target.ask("aim", "true" if guarded else "false")
    act.acted = True
    if answer["state"] == "gone":
        raise target.stale()
    if answer["state"] != "clear":
        return None
    return float(answer["x"]), float(answer["y"])


async def _press(act: Act, *, button: Button = "left", count: int = 1) -> None:
    button, count = act.input.button or button, act.input.click_count or count
    place = in_view(act)
    if place is None:
        target = await act.target()
        place = await aim(act, target, guarded=True)
        if place is None:
            await _press_slowly(act, target, button, count)
            return
    async with held_down(act):
        await act.page.mouse.click(*place, button=button, click_count=count)


async def _press_slowly(act: Act, target: Target, button: Button, count: int) -> None:
    async with acting_on(target, act.milliseconds) as locator:
        await locator.click(
            button=button,
            click_count=count,
            modifiers=act.input.modifiers,
            timeout=act.milliseconds,
        )


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
    place = in_view(act)
    if place is None:
        target = await act.target()
        place = await aim(act, target, guarded=False)
        if place is None:
            async with acting_on(target, act.milliseconds) as locator:
                await locator.hover(modifiers=act.input.modifiers, timeout=act.milliseconds)
            return
    async with held_down(act):
        await act.page.mouse.move(*place)


@register("drag")
async def drag(act: Act) -> None:
    """One element onto another, or along the points of a path."""
    if act.input.path is not None:
        await _drag_along(act)
        return
    source = await act.target()
    to = await act.target(needed(act.input.target_ref, "target_ref", "drag"))
    async with held_down(act), acting_on(source, act.milliseconds) as locator:
        try:
            await locator.drag_to(to.locator, timeout=act.milliseconds)
        except Error as exc:
            if to.world is not None and not await to.ask("has"):
                raise to.stale() from exc
            raise


async def _drag_along(act: Act) -> None:
    if act.input.ref is not None or act.input.target_ref is not None:
        raise ActionFailed("invalid_input", "drag takes 'ref' and 'target_ref', or a 'path'")
    first, *rest = act.input.path or []
    button = act.input.button or "left"
    mouse = act.page.mouse
    async with held_down(act):
        await mouse.move(*place_of(act, first))
        await mouse.down(button=button)
        try:
            for one in rest:
                await mouse.move(one.x, one.y, steps=STEPS)
        finally:
            await mouse.up(button=button)


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


@register("move")
async def move(act: Act) -> None:
    place = point(act)
    if place is None:
        raise ActionFailed("missing_input", "'x' and 'y' required for move action")
    async with held_down(act):
        await act.page.mouse.move(*place)


@register("down")
async def down(act: Act) -> None:
    await _button(act, down=True)


@register("up")
async def up(act: Act) -> None:
    await _button(act, down=False)


async def _button(act: Act, *, down: bool) -> None:
    mouse, place = act.page.mouse, point(act)
    button, count = act.input.button or "left", act.input.click_count or 1
    async with held_down(act):
        if place is not None:
            await mouse.move(*place)
        if down:
            await mouse.down(button=button, click_count=count)
        else:
            await mouse.up(button=button, click_count=count)


@register("wheel")
async def wheel(act: Act) -> None:
    """Turn the wheel by `x` and `y` px where the mouse is, or over `ref`."""
    if act.input.x is None and act.input.y is None:
        raise ActionFailed("missing_input", "'x' or 'y' required for wheel action: px to turn")
    if act.input.ref is not None:
        target = await act.target()
        place = await aim(act, target, guarded=False)
        if place is not None:
            await act.page.mouse.move(*place)
        else:
            async with acting_on(target, act.milliseconds) as locator:
                await locator.hover(timeout=act.milliseconds)
    async with held_down(act):
        await act.page.mouse.wheel(act.input.x or 0, act.input.y or 0)
    await act.tab.worlds.ask_main(f"rested({SCROLL_BOUND})")
