"""The wait action: for a time, an address, a load state, an element, a text, a condition, an event.

What happens at a moment (`at_once`: a response, a download) is waited for from the start; the rest
one after the other, the address first, so that what follows is asked of the page arrived at. All
share one deadline.
"""

import builtins
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from playwright.async_api import Error, Frame, Locator, TimeoutError

from agent_browser.browser import refs, script
from agent_browser.browser.actions import Act, register
from agent_browser.browser.anywhere import in_all_frames, in_any_frame
from agent_browser.browser.happenings import told
from agent_browser.browser.refs import Selector
from agent_browser.browser.targets import acting_on
from agent_browser.browser.translate import first_line, is_gone
from agent_browser.errors import ActionFailed, AgentBrowserError
from agent_browser.models.globs import Place

DEFAULT_WAIT_MS = 1000
_LOOK_BOUND = 0.5
"""Seconds to find out what was there in place of what was waited for."""
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.1
"""Seconds between two looks at what a caller's function comes to."""

Wait = Callable[[Act], Awaitable[None]]
Instead = Callable[[Act], Awaitable[str]]


@dataclass(frozen=True)
class Condition:
    """One field of the input that can be waited for. `instead` says what was there in its place."""

    wait: Wait
    instead: Instead
    at_once: bool


async def _place(act: Act) -> str:
    """Where the page is: what is said of a condition that has nothing better to say."""
    return f"the page is at {told(act.page.url)[:500]}"


CONDITIONS: dict[str, Condition] = {}
"""By the field's name, in the order in which they are waited for."""


def condition(
    name: str, *, instead: Instead = _place, at_once: bool = False
) -> Callable[[Wait], Wait]:
    """Put a condition into the table. Its function waits within `act.left` and raises TimeoutError,
    of Playwright or of the language, if it does not come.
    """

    def put(wait: Wait) -> Wait:
        CONDITIONS[name] = Condition(wait, instead, at_once)
        return wait

    return put


@register("wait")
async def wait(act: Act) -> None:
    """Every condition that was given, within one time; else `wait_ms`."""
    act.acted = False
    _check(act)
    given = [name for name in CONDITIONS if getattr(act.input, name) is not None]
    if not given:
        await _pause(act)
        return
    failed: list[Exception] = []
    async with anyio.create_task_group() as group:

        async def one_by_one(names: list[str]) -> None:
            try:
                for name in names:
                    await _met(act, name)
            except (AgentBrowserError, Error) as exc:
                failed.append(exc)
                group.cancel_scope.cancel()

        group.start_soon(one_by_one, [name for name in given if not CONDITIONS[name].at_once])
        for name in given:
            if CONDITIONS[name].at_once:
                group.start_soon(one_by_one, [name])
    if failed:
        raise failed[0]


def _check(act: Act) -> None:
    """ActionFailed for what can't be waited for, and would be met or left out unnoticed."""
    asked = act.input
    for name in CONDITIONS:
        value = getattr(asked, name)
        if value in ("", []) or (isinstance(value, list) and "" in value):
            raise ActionFailed("invalid_input", f"{name!r} is empty: there is nothing to wait for")
    if asked.ref is not None and asked.selector is not None:
        raise ActionFailed("invalid_input", "'ref' and 'selector' are given; wait for one of them")
    if asked.state is not None and asked.ref is None and asked.selector is None:
        raise ActionFailed("missing_input", "'selector' or 'ref' required where 'state' is given")


async def _met(act: Act, name: str) -> None:
    try:
        with anyio.fail_after(act.left / 1000):
            await CONDITIONS[name].wait(act)
    except (TimeoutError, builtins.TimeoutError) as exc:
        gone = act.tab.gone()
        if gone is not None:
            raise gone from exc
        waited = f"Timeout {act.milliseconds:g}ms exceeded waiting for {name}"
        there = await _instead(act, name)
        raise ActionFailed(
            "timeout", f"{waited} {_shown(getattr(act.input, name))}; {there}"
        ) from exc
    except Error as exc:
        if act.tab.gone() is not None or is_gone(exc):
            raise
        raise ActionFailed("failed", first_line(exc)) from exc


async def _instead(act: Act, name: str) -> str:
    with anyio.move_on_after(_LOOK_BOUND):
        try:
            return await CONDITIONS[name].instead(act)
        except Error:
            pass
    return await _place(act)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


async def _pause(act: Act) -> None:
    milliseconds = DEFAULT_WAIT_MS if act.input.wait_ms is None else act.input.wait_ms
    with anyio.move_on_after(act.seconds) as scope:
        await anyio.sleep(milliseconds / 1000)
    if scope.cancelled_caught:
        raise ActionFailed(
            "timeout", f"Timeout {act.milliseconds:g}ms exceeded waiting for {milliseconds} ms"
        )


@condition("url")
async def _url(act: Act) -> None:
    try:
        place = Place(act.input.url or "")
    except ValueError as exc:
        raise ActionFailed("invalid_input", f"'url': {exc}") from exc
    await act.page.wait_for_url(place.is_at, wait_until="commit", timeout=act.left)


@condition("load_state")
async def _load_state(act: Act) -> None:
    await act.page.wait_for_load_state(act.input.load_state, timeout=act.left)


def _named(act: Act) -> str:
    """The selector that was given, as `selector` or as `ref`."""
    return act.input.selector or act.input.ref or ""


async def _matches(act: Act) -> str:
    selector, state = _named(act), act.input.state or "visible"
    count = sum([await frame.locator(selector).count() for frame in act.page.frames])
    if not count:
        return f"nothing matches it at {told(act.page.url)[:500]}"
    elements = "1 element matches" if count == 1 else f"{count} elements match"
    return f"{elements} it, not {state}" if state == "visible" else f"{elements} it"


@condition("selector", instead=_matches)
async def _selector(act: Act) -> None:
    selector, state = _named(act), act.input.state or "visible"
    shown = state in ("visible", "hidden")

    def find(frame: Frame) -> Locator:
        found = frame.locator(selector)
        return (found.filter(visible=True) if shown else found).first

    if state in ("visible", "attached"):
        await in_any_frame(act, find)
    else:
        await in_all_frames(act, find)


def _is_selector(act: Act) -> bool:
    return isinstance(refs.parse(act.input.ref or ""), Selector)


async def _ref_is(act: Act) -> str:
    if _is_selector(act):
        return await _matches(act)
    return f"{act.input.ref} is not {act.input.state or 'visible'}"


@condition("ref", instead=_ref_is)
async def _ref(act: Act) -> None:
    if _is_selector(act):
        await _selector(act)
        return
    async with acting_on(await act.target(), act.left) as locator:
        await locator.wait_for(state=act.input.state or "visible", timeout=act.left)


async def _shows(act: Act) -> str:
    return f"no frame of the page at {told(act.page.url)[:500]} shows it"


@condition("text", instead=_shows)
async def _text(act: Act) -> None:
    text = act.text
    for one in text if isinstance(text, list) else [text or ""]:
        await in_any_frame(act, _showing(one))


async def _still_shows(act: Act) -> str:
    return f"the page at {told(act.page.url)[:500]} still shows it"


@condition("text_gone", instead=_still_shows)
async def _text_gone(act: Act) -> None:
    await in_all_frames(act, _showing(act.input.text_gone or ""))


def _showing(text: str) -> Callable[[Frame], Locator]:
    return lambda frame: frame.get_by_text(text).filter(visible=True).first


async def _comes_to(act: Act) -> str:
    session = await act.tab.worlds.session()
    try:
        seen = await script.look(session, act.input.function or "", _LOOK_BOUND / 2)
    except builtins.TimeoutError:
        return f"it did not come to an end at {told(act.page.url)[:500]}"
    if seen is None:
        return await _place(act)
    return f"it came to {_shown(seen.shown)} at {told(act.page.url)[:500]}"


@condition("function", instead=_comes_to)
async def _function(act: Act) -> None:
    session = await act.tab.worlds.session()
    pause = _FIRST_PAUSE
    while True:  # Nothing tells of a change to what an expression comes to.
        seen = await script.look(session, act.input.function or "", act.left / 1000)
        if seen is not None and seen.error is not None:
            raise ActionFailed("failed", seen.error.split("\n")[0])
        if seen is not None and seen.is_met:
            return
        await anyio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _running(act: Act) -> str:
    count = act.downloads.running
    return f"{count} {'download is' if count == 1 else 'downloads are'} running"


@condition("download", instead=_running, at_once=True)
async def _download(act: Act) -> None:
    await (act.downloads.next() if act.input.download else act.downloads.rest())
