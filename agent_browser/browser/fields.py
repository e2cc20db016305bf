"""Form fields: their text, ticks, options and files."""

import re
from collections.abc import Sequence
from typing import Any

from agent_browser.browser import whisper
from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.choices import options_of
from agent_browser.browser.keys import text_of
from agent_browser.browser.targets import acting_on
from agent_browser.errors import ActionFailed


@register("fill")
async def fill(act: Act) -> None:
    needed(act.input.ref, "ref", "fill")
    if act.secret is not None:
        await whisper.fill(act, act.secret)
        return
    text = text_of(act)
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
    text = act.text
    wanted = text if isinstance(text, list) else [needed(text, "text", "select")]
    target = await act.target()
    async with acting_on(target, act.milliseconds) as locator:
        found = await options_of(act, target)
        if found is None:
            raise ActionFailed(
                "not_a_select", f"{act.input.ref} is not a <select>; click it instead"
            )
        if len(wanted) > 1 and not found["multiple"]:
            raise ActionFailed("invalid_input", f"{act.input.ref} takes one option only")
        chosen = choose(found["options"], wanted)
        await locator.select_option(index=chosen, timeout=act.milliseconds)
