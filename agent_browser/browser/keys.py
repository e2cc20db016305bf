"""The keyboard: text typed or put in at once, keys pressed, held and let go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from playwright.async_api import Error

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.targets import acting_on
from agent_browser.browser.translate import first_line
from agent_browser.errors import ActionFailed

_LET_GO_BOUND = 1.0


def text_of(act: Act) -> str:
    """The one text of the input. ActionFailed for none, or a list."""
    text = act.input.text
    if isinstance(text, list):
        raise ActionFailed("invalid_input", f"'text' is one text for {act.input.action} action")
    return needed(text, "text", act.input.action)


@asynccontextmanager
async def held_down(act: Act) -> AsyncIterator[None]:
    """The keys of `modifiers`, down inside the block and let go after it, whatever comes of it."""
    keyboard, held = act.page.keyboard, act.input.modifiers or []
    try:
        for key in held:
            await keyboard.down(key)
        yield
    finally:
        if held:
            with anyio.move_on_after(_LET_GO_BOUND, shield=True), suppress(Error):
                for key in reversed(held):
                    await keyboard.up(key)


@asynccontextmanager
async def _keying(act: Act) -> AsyncIterator[None]:
    """The focus is where the keys shall go; a key that there is not is the caller's mistake."""
    if act.input.ref is not None:
        async with acting_on(await act.target(), act.left) as locator:
            await locator.focus(timeout=act.left)
    try:
        async with held_down(act):
            yield
    except Error as exc:
        if "Unknown key" in str(exc):
            raise ActionFailed("invalid_key", first_line(exc)) from exc
        raise


@register("type")
async def type_text(act: Act) -> None:
    """Key by key into what has the focus, or into `ref`."""
    text = text_of(act)
    async with _keying(act):
        await act.page.keyboard.type(text, delay=act.input.delay)


@register("insert_text")
async def insert_text(act: Act) -> None:
    """At once, as pasted or composed: no key is pressed."""
    text = text_of(act)
    async with _keying(act):
        await act.page.keyboard.insert_text(text)


@register("press")
async def press(act: Act) -> None:
    """A key or combination, such as Enter or Control+a; or several, one after the other."""
    text = act.input.text
    keys = text if isinstance(text, list) else [text_of(act)]
    if not keys:
        raise ActionFailed("missing_input", "'text' required for press action (e.g., 'Enter')")
    async with _keying(act):
        for index, key in enumerate(keys):
            if index and act.input.delay:
                await anyio.sleep(act.input.delay / 1000)
            await act.page.keyboard.press(key)


@register("key_down")
async def key_down(act: Act) -> None:
    """Press a key and keep it down, over calls."""
    key = text_of(act)
    async with _keying(act):
        await act.page.keyboard.down(key)


@register("key_up")
async def key_up(act: Act) -> None:
    """Let a key go."""
    key = text_of(act)
    async with _keying(act):
        await act.page.keyboard.up(key)
