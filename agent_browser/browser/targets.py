"""From what a caller names (a ref or a selector) to the element, and why an action on it failed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error, Frame, Locator

from agent_browser.browser import refs
from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.refs import Numbers, Ref, Selector
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import action_failure
from agent_browser.browser.worlds import DocumentLeft, World
from agent_browser.errors import ActionFailed

_STATES = {
    "hidden": ("not_visible", "{} is not visible"),
    "disabled": ("disabled", "{} is disabled"),
    "away": ("off_screen", "{} is off-screen and can't be scrolled into view"),
    "moving": ("moving", "{} does not stop moving"),
}


def blocked(shown: str, answer: dict[str, Any]) -> ActionFailed | None:
    """Why the collector says that an element can't be acted on, if it says so."""
    state = answer.get("state")
    if state == "covered":
        by = answer.get("by") or "another element"
        return ActionFailed("covered", f"{shown} is covered by {by}")
    if state in _STATES:
        code, words = _STATES[state]
        return ActionFailed(code, words.format(shown))
    return None


@dataclass(frozen=True)
class Target:
    """One element that a caller named."""

    tab: Tab
    named: Ref | Selector
    world: World | None
    locator: Locator

    def __str__(self) -> str:
        return str(self.named)

    @property
    def is_in_main_document(self) -> bool:
        """Whether our world in the main document knows it by number."""
        return self.world is not None and self.tab.worlds.is_main(self.world)

    def stale(self) -> ActionFailed:
        """What an action on a ref is told whose element is gone."""
        assert isinstance(self.named, Ref)
        return refs.stale(self.named)

    async def ask(self, function: str, *more: str) -> Any:
        """Ask the element's document about it; ActionFailed (stale) when it was left."""
        assert self.world is not None
        assert isinstance(self.named, Ref)
        arguments = ", ".join([str(self.named.number), *more])
        try:
            return await self.tab.worlds.ask(self.world, f"{function}({arguments})")
        except DocumentLeft as exc:
            raise self.stale() from exc

    async def failure(self, exc: Error, milliseconds: float) -> ActionFailed:
        """Why Playwright could not act on it, in our words."""
        said = action_failure(exc, str(self), milliseconds)
        if self.world is None:
            return said
        try:
            answer = await self.ask("why")
        except (ActionFailed, Error):
            return self.stale()
        if answer["state"] == "gone":
            return self.stale()
        if said.failure in ("timeout", "covered"):
            return blocked(str(self), answer) or said
        return said


def world_of(tab: Tab, numbers: Numbers, ref: Ref) -> World:
    """Our world in the document that a ref was given out in; ActionFailed (unknown, stale)."""
    world = tab.worlds.by_token(numbers.document_of(ref))
    if world is None:
        raise refs.stale(ref)
    return world


async def find(tab: Tab, numbers: Numbers, text: str) -> Target:
    """The element that a ref or selector names. A ref whose element is gone is stale at once."""
    named = refs.parse(text)
    if isinstance(named, Selector):
        return Target(tab, named, None, (await _frame_with(tab, named)).locator(named.text))
    world = world_of(tab, numbers, named)
    target = Target(tab, named, world, tab.page.locator(_engine(world, named)))
    if tab.worlds.is_main(world):
        return target
    if not await target.ask("has"):
        raise refs.stale(named)
    frame = await tab.worlds.frame_of(world)
    if frame is None:
        raise refs.stale(named)
    return Target(tab, named, world, frame.locator(_engine(world, named)))


def _engine(world: World, ref: Ref) -> str:
    return f"{ENGINE_NAME}={world.token}.{ref.number}"


async def _frame_with(tab: Tab, selector: Selector) -> Frame:
    """The first frame in which the selector matches now; the main frame if none does."""
    frames = tab.page.frames
    if len(frames) > 1:
        for frame in frames:
            try:
                if await frame.locator(selector.text).count():
                    return frame
            except Error:
                continue
    return tab.page.main_frame


@asynccontextmanager
async def acting_on(target: Target, milliseconds: float) -> AsyncIterator[Locator]:
    """The target's locator; what Playwright says inside the block becomes ActionFailed."""
    if target.is_in_main_document and not await target.ask("has"):
        raise target.stale()
    try:
        yield target.locator
    except Error as exc:
        if target.tab.gone() is not None:
            raise
        raise await target.failure(exc, milliseconds) from exc
