"""The function `console`: what pages wrote to their console, and the errors that nobody caught.

Playwright keeps the last two hundred messages of each page; nothing is listened for.
"""

from collections import Counter
from datetime import UTC, datetime

from playwright.async_api import ConsoleMessage

from agent_browser.browser import masks
from agent_browser.browser.engine import Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import MAX_TEXT, Happenings, told
from agent_browser.browser.tab import Tab
from agent_browser.models.network import ConsoleInput, ConsoleOutput, Level, Message

LEVELS: dict[str, Level] = {
    "info": "info", "warning": "warning", "error": "error", "debug": "debug", "assert": "error",
}  # fmt: skip
"""By Playwright's types; all others (table, dir, trace, …) are `log`."""


@register(ConsoleInput)
async def console(reach: Reach, input: ConsoleInput) -> Done:
    """The newest messages that fit."""
    happenings = reach.part(Happenings)
    tabs = [tab for tab in reach.tabs.open if _is_wanted(tab, input.tab, reach)]
    named = {tab.id for tab in tabs}
    messages = [error for error in happenings.errors if input.tab is None or error.tab in named]
    for tab in tabs:
        heard = await tab.page.console_messages(filter="all")
        messages += [message_of(tab, said) for said in heard]
    messages.sort(key=lambda message: message.at)
    found = [message for message in messages if _fits(message, input)]
    output = ConsoleOutput(
        messages=found[-input.limit :],
        total=len(found),
        counts=dict(Counter(message.level for message in messages)),
    )
    if input.clear:
        happenings.forget_errors()
        for tab in reach.tabs.open:
            await tab.page.clear_console_messages()
            await tab.page.clear_page_errors()
    return Done(output)


def _is_wanted(tab: Tab, named: str | None, reach: Reach) -> bool:
    if named is None:
        return True
    return tab is reach.tabs.current if named == "active" else tab.id == named


def _fits(message: Message, input: ConsoleInput) -> bool:
    return (
        (input.level is None or message.level in input.level)
        and (input.query is None or input.query.casefold() in message.text.casefold())
        and (input.since is None or message.at > input.since)
    )


def message_of(tab: Tab, said: ConsoleMessage) -> Message:
    """A console message as it may be told: masked, and cut."""
    place = said.location
    text = said.text
    return Message(
        level=LEVELS.get(said.type, "log"),
        text=masks.text(text[:MAX_TEXT]) + ("…" if len(text) > MAX_TEXT else ""),
        at=datetime.fromtimestamp(said.timestamp / 1000, UTC),
        tab=tab.id,
        url=told(place["url"]) or None,
        line=place["lineNumber"] + 1,
        column=place["columnNumber"] + 1,
    )


BESIDE.add(ConsoleInput)
