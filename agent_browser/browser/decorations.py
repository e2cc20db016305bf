"""What is drawn into a page while it is recorded: the mouse, a caption, an action's words, a
chapter's card. None of it is an element of the page, and none takes clicks.
"""

import html
from contextlib import AsyncExitStack, suppress

import anyio
from playwright.async_api import Error, Page

from agent_browser.browser.tabs import CURSOR_TIME, Tabs, show_cursor
from agent_browser.models.recording import RecordInput

WORDS_TIME = 500
"""Milliseconds that an action's words are shown; the next action has its own by then."""
WORDS_LEAD = 0.35
"""Seconds of them that the action waits."""
_NO_TITLE = "display: none"
"""Playwright's own words tell what is typed, and by which name we reach an element."""
_CAPTION = (
    '<div style="position:fixed;left:0;right:0;bottom:24px;text-align:center;pointer-events:none">'
    '<span style="display:inline-block;max-width:80%;padding:8px 16px;border-radius:8px;'
    'background:rgba(0,0,0,.72);color:#fff;font:16px/1.4 sans-serif">{text}</span></div>'
)
_WORDS = (
    '<div style="position:fixed;right:12px;top:12px;max-width:60%;padding:6px 12px;'
    "border-radius:6px;background:#333;color:#fff;font:20px/1.3 sans-serif;"
    'overflow-wrap:anywhere;pointer-events:none">{text}</div>'
)


async def draw(page: Page, input: RecordInput, shows: AsyncExitStack, tabs: Tabs) -> None:
    """Draw what the recording asked for, until `shows` is closed; a session may show the mouse
    anyway.
    """
    if input.cursor or input.show_actions:
        await page.screencast.show_actions(
            cursor="pointer" if input.cursor or tabs.shows_cursor else "none",
            duration=CURSOR_TIME,
            style={"title": _NO_TITLE},
        )
        shows.push_async_callback(_undraw, page, tabs)
    if input.overlay:
        shown = await page.screencast.show_overlay(_with(_CAPTION, input.overlay))
        await shows.enter_async_context(shown)


async def say(page: Page, words: str) -> None:
    """Show what an action does, and come back when it has been seen for a moment. The browser's
    driver takes the words away, also where the page hangs meanwhile.
    """
    with anyio.move_on_after(WORDS_LEAD), suppress(Error):
        await page.screencast.show_overlay(_with(_WORDS, words), duration=WORDS_TIME)


async def show_card(page: Page, title: str, text: str | None, *, seconds: float) -> None:
    """Show a chapter's title over the page for so long. Error."""
    await page.screencast.show_chapter(title, description=text, duration=seconds * 1000)


def _with(frame: str, text: str) -> str:
    return frame.replace("{text}", html.escape(text))


async def _undraw(page: Page, tabs: Tabs) -> None:
    with suppress(Error):
        await page.screencast.hide_actions()
    if tabs.shows_cursor:
        await show_cursor(page)
