"""The keyboard: text typed or put in at once, keys pressed, held and let go."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
from playwright.async_api import Error

from agent_browser.browser import keyboard as names
from agent_browser.browser import whisper
from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.targets import acting_on
from agent_browser.errors import ActionFailed

_LET_GO_BOUND = 1.0


def text_of(act: Act) -> str:
    """The one text of the input. ActionFailed for none, or a list."""
    text = act.text
    if isinstance(text, list):
        raise ActionFailed("invalid_input", f"'text' is one text for {act.input.action} action")
    return needed(text, "text", act.input.action)


@asynccontextmanager
async def held_down(act: Act) -> AsyncIterator[None]:
    """The keys of `modifiers`, down inside the block and let go after it, whatever comes of it."""
    held = act.input.modifiers or []
    try:
        for key in held:
            await act.page.keyboard.down(key)
        yield
    finally:
        if held:
            await _let_go(act, held)


async def _let_go(act: Act, keys: Sequence[str]) -> None:
    with anyio.move_on_after(_LET_GO_BOUND, shield=True):
        for key in reversed(keys):
            with suppress(Error):
                await act.page.keyboard.up(key)


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
        unknown = names.unknown_in(str(exc))
        if unknown is not None:
            raise ActionFailed("invalid_key", names.advice(unknown)) from exc
        raise


@asynccontextmanager
async def _in_time(act: Act) -> AsyncIterator[None]:
    """Keys with a delay between them may need longer than the action has. That is no reason to do
    it all again: what was pressed is pressed.
    """
    with anyio.move_on_after(act.left / 1000 if act.input.delay else None) as scope:
        yield
    if scope.cancelled_caught:
        raise ActionFailed(
            "timeout",
            f"Timeout {act.milliseconds:g}ms exceeded: only a part was typed. Give a longer "
            "'timeout', or a shorter 'delay'",
        )


@register("type")
async def type_text(act: Act) -> None:
    """Key by key into what has the focus, or into `ref`."""
    secret = act.secret
    if secret is not None:
        async with _keying(act), _in_time(act):
            await whisper.type_out(act, secret)
        return
    text = text_of(act)
    async with _keying(act), _in_time(act):
        await act.page.keyboard.type(text, delay=act.input.delay)


@register("insert_text")
async def insert_text(act: Act) -> None:
    """At once, as pasted or composed: no key is pressed."""
    secret = act.secret
    if secret is not None:
        async with _keying(act):
            await whisper.insert(act, secret)
        return
    text = text_of(act)
    async with _keying(act):
        await act.page.keyboard.insert_text(text)


@register("press")
async def press(act: Act) -> None:
    """A key or combination, such as Enter or Control+a; or several, one after the other."""
    text = act.text
    keys = text if isinstance(text, list) else [text_of(act)]
    if not keys:
        raise ActionFailed("missing_input", "'text' required for press action (e.g., 'Enter')")
    async with _keying(act), _in_time(act):
        for index, key in enumerate(keys):
            if index and act.input.delay:
                await anyio.sleep(act.input.delay / 1000)
            try:
                await act.page.keyboard.press(key)
            except Error:
                # A combination is pressed key by key: those before the wrong one are down still.
                await _let_go(act, names.before_last(key))
                raise


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
