"""Waiting for an element in any frame of a page, or for none in all of them."""

from collections.abc import Callable

import anyio
from playwright.async_api import Error, Frame, Locator, TimeoutError

from agent_browser.browser.actions import Act

Find = Callable[[Frame], Locator]


async def in_any_frame(act: Act, find: Find) -> None:
    """Until one frame has it, frames that come meanwhile too. TimeoutError after `act.left`."""
    wrong: list[Error] = []
    with anyio.fail_after(act.left / 1000):
        async with anyio.create_task_group() as group:

            async def look(frame: Frame) -> None:
                try:
                    await find(frame).wait_for(state="attached", timeout=act.left)
                except TimeoutError:
                    return
                except Error as exc:
                    if frame.is_detached():
                        return
                    wrong.append(exc)
                group.cancel_scope.cancel()

            def attached(frame: Frame) -> None:
                group.start_soon(look, frame)

            act.page.on("frameattached", attached)
            try:
                for frame in act.page.frames:
                    group.start_soon(look, frame)
                await anyio.sleep_forever()
            finally:
                act.page.remove_listener("frameattached", attached)
    if wrong:
        raise wrong[0]


async def in_all_frames(act: Act, find: Find) -> None:
    """Until no frame has it. TimeoutError after `act.left`."""
    while True:
        having = [frame for frame in act.page.frames if await _has(find, frame)]
        if not having:
            return
        await _gone_from(find(having[0]), having[0], act.left)


async def _has(find: Find, frame: Frame) -> bool:
    try:
        return bool(await find(frame).count())
    except Error:
        if frame.is_detached():
            return False
        raise


async def _gone_from(locator: Locator, frame: Frame, milliseconds: float) -> None:
    try:
        await locator.wait_for(state="detached", timeout=milliseconds)
    except TimeoutError:
        raise
    except Error:
        if not frame.is_detached():
            raise
