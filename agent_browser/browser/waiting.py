"""The wait action: for a time, a text, an element, an address, a load state or a condition."""

import anyio
from playwright.async_api import Error, TimeoutError

from agent_browser.browser.actions import Act, register
from agent_browser.browser.targets import acting_on
from agent_browser.browser.translate import first_line
from agent_browser.errors import ActionFailed

DEFAULT_WAIT_MS = 1000


@register("wait")
async def wait(act: Act) -> None:
    """Each condition that was given, one after the other, within one time; else `wait_ms`."""
    conditions = [
        (name, perform)
        for name, perform in _CONDITIONS.items()
        if getattr(act.input, name) is not None
    ]
    if act.input.ref is not None and act.input.selector is None:
        conditions.append(("ref", _ref))
    if not conditions:
        await _pause(act)
        return
    for name, perform in conditions:
        try:
            await perform(act)
        except TimeoutError as exc:
            if act.tab.gone() is not None:
                raise
            wanted = getattr(act.input, name)
            raise ActionFailed(
                "timeout", f"Timeout {act.milliseconds:g}ms exceeded waiting for {name} {wanted!r}"
            ) from exc
        except Error as exc:
            if act.tab.gone() is not None:
                raise
            raise ActionFailed("failed", first_line(exc)) from exc


async def _pause(act: Act) -> None:
    milliseconds = DEFAULT_WAIT_MS if act.input.wait_ms is None else act.input.wait_ms
    with anyio.move_on_after(act.seconds) as scope:
        await anyio.sleep(milliseconds / 1000)
    if scope.cancelled_caught:
        raise ActionFailed(
            "timeout", f"Timeout {act.milliseconds:g}ms exceeded waiting for {milliseconds} ms"
        )


async def _text(act: Act) -> None:
    text = act.input.text
    for one in text if isinstance(text, list) else [text or ""]:
        seen = act.page.get_by_text(one).filter(visible=True).first
        await seen.wait_for(state="visible", timeout=act.milliseconds)


async def _text_gone(act: Act) -> None:
    seen = act.page.get_by_text(act.input.text_gone or "").filter(visible=True).first
    await seen.wait_for(state="detached", timeout=act.milliseconds)


async def _selector(act: Act) -> None:
    found = act.page.locator(act.input.selector or "").first
    await found.wait_for(state=act.input.state or "visible", timeout=act.milliseconds)


async def _ref(act: Act) -> None:
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.wait_for(state=act.input.state or "visible", timeout=act.milliseconds)


async def _url(act: Act) -> None:
    await act.page.wait_for_url(act.input.url or "", wait_until="commit", timeout=act.milliseconds)


async def _load_state(act: Act) -> None:
    await act.page.wait_for_load_state(act.input.load_state, timeout=act.milliseconds)


async def _function(act: Act) -> None:
    await act.page.wait_for_function(act.input.function or "", timeout=act.milliseconds)


_CONDITIONS = {
    "text": _text,
    "text_gone": _text_gone,
    "selector": _selector,
    "url": _url,
    "load_state": _load_state,
    "function": _function,
}
