"""Form fields and the keyboard."""

import re
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Error

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.targets import acting_on
from agent_browser.browser.translate import first_line
from agent_browser.errors import ActionFailed

_OPTIONS = """element => element.localName === 'select' ? {
    multiple: element.multiple,
    options: [...element.options].map(o => ({ label: o.label, text: o.text, value: o.value })),
} : null"""


def _text(act: Act) -> str:
    text = act.input.text
    if isinstance(text, list):
        raise ActionFailed("invalid_input", f"'text' is one text for {act.input.action} action")
    return needed(text, "text", act.input.action)


@register("fill")
async def fill(act: Act) -> None:
    needed(act.input.ref, "ref", "fill")
    text = _text(act)
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.fill(text, timeout=act.milliseconds)


@register("clear")
async def clear(act: Act) -> None:
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.clear(timeout=act.milliseconds)


@register("focus")
async def focus(act: Act) -> None:
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.focus(timeout=act.milliseconds)


@register("type")
async def type_text(act: Act) -> None:
    """Key by key into what has the focus, or into `ref`."""
    text = _text(act)
    if act.input.ref is not None:
        async with acting_on(await act.target(), act.milliseconds) as locator:
            await locator.focus(timeout=act.milliseconds)
    await act.page.keyboard.type(text)


@register("press")
async def press(act: Act) -> None:
    """One key or combination, such as Enter or Control+a."""
    key = _text(act)
    try:
        if act.input.ref is not None:
            async with acting_on(await act.target(), act.milliseconds) as locator:
                await locator.focus(timeout=act.milliseconds)
        await act.page.keyboard.press(key)
    except Error as exc:
        if "Unknown key" in str(exc):
            raise ActionFailed("invalid_key", first_line(exc)) from exc
        raise


@register("check")
async def check(act: Act) -> None:
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.check(timeout=act.milliseconds)


@register("uncheck")
async def uncheck(act: Act) -> None:
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.uncheck(timeout=act.milliseconds)


def choose(options: Sequence[dict[str, Any]], wanted: Sequence[str]) -> list[int]:
    """The options' indexes: each by label, else by value, else by its number. Pure."""
    chosen = []
    for text in wanted:
        index = _choose_one(options, text)
        if index is None:
            known = ", ".join(repr(option["label"]) for option in options[:20])
            more = ", …" if len(options) > 20 else ""
            raise ActionFailed("no_such_option", f"no option {text!r}; there are {known}{more}")
        chosen.append(index)
    return chosen


def _choose_one(options: Sequence[dict[str, Any]], text: str) -> int | None:
    folded = re.sub(r"\s+", " ", text).strip()
    for name in ("label", "text", "value"):
        for index, option in enumerate(options):
            if option[name] == text or re.sub(r"\s+", " ", option[name]).strip() == folded:
                return index
    if folded.isdecimal() and int(folded) < len(options):
        return int(folded)
    return None


@register("select")
async def select(act: Act) -> None:
    needed(act.input.ref, "ref", "select")
    text = act.input.text
    wanted = text if isinstance(text, list) else [needed(text, "text", "select")]
    async with acting_on(await act.target(), act.milliseconds) as locator:
        found = await locator.evaluate(_OPTIONS, timeout=act.milliseconds)
        if found is None:
            raise ActionFailed(
                "not_a_select", f"{act.input.ref} is not a <select>; click it instead"
            )
        if len(wanted) > 1 and not found["multiple"]:
            raise ActionFailed("invalid_input", f"{act.input.ref} takes one option only")
        chosen = choose(found["options"], wanted)
        await locator.select_option(index=chosen, timeout=act.milliseconds)


@register("upload")
async def upload(act: Act) -> None:
    needed(act.input.ref, "ref", "upload")
    if not act.uploads:
        raise ActionFailed(
            "missing_input", "'file_paths' required for upload action, or 'files' with their bytes"
        )
    async with acting_on(await act.target(), act.milliseconds) as locator:
        await locator.set_input_files(list(act.uploads), timeout=act.milliseconds)
