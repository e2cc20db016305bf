"""The actions on tabs: list, new, switch, close."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from playwright.async_api import Error

from agent_browser.browser.navigation import goto
from agent_browser.browser.settle import NAVIGATION_BOUND
from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import Tabs
from agent_browser.browser.urls import normalise
from agent_browser.errors import ActionFailed, DialogWaiting, PageCrashed
from agent_browser.models.functions import InteractInput, OpenInput

TabAction = Callable[[Tabs, InteractInput], Awaitable[None]]


async def tab_list(tabs: Tabs, input: InteractInput) -> None:
    """Nothing: every answer of these actions lists the tabs."""


async def tab_new(tabs: Tabs, input: InteractInput) -> None:
    """One more tab, active, at an address if one is given."""
    url = normalise(input.url) if input.url is not None else None
    tab = await tabs.new()
    tabs.activate(tab)
    if url is not None:
        await goto(tab, OpenInput(url=url, timeout=input.timeout or 30.0))


async def tab_switch(tabs: Tabs, input: InteractInput) -> None:
    """Make a tab active."""
    if input.tab is None:
        raise ActionFailed("missing_input", "'tab' required for tab_switch action")
    tab = tabs.named(input.tab)
    tabs.activate(tab)
    await tab.page.bring_to_front()
    await _loaded(tab)


async def tab_close(tabs: Tabs, input: InteractInput) -> None:
    """Close a tab, the active one if none is named, whatever it asks."""
    tab = tabs.named(input.tab)
    tab.was_closed = True
    await tab.page.close()
    if tabs.current is not None and not tabs.current.closed:
        await _loaded(tabs.current)


async def _loaded(tab: Tab) -> None:
    """A tab that comes to the front may still be on its way to its first document. One that is
    held by a dialog, or gone, is told of by the look that follows.
    """
    with suppress(Error, DialogWaiting, PageCrashed), tab.calling():
        await tab.page.wait_for_load_state("domcontentloaded", timeout=NAVIGATION_BOUND * 1000)


TAB_ACTIONS: dict[str, TabAction] = {
    "tab_list": tab_list,
    "tab_new": tab_new,
    "tab_switch": tab_switch,
    "tab_close": tab_close,
}
