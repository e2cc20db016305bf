"""What an `open` that is not to look says of the page all the same; and when its server wants to be
asked again.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from playwright.async_api import Response

from agent_browser.browser.tab import Tab
from agent_browser.browser.tabs import MAX_TITLE, Tabs
from agent_browser.models.functions import PageState

_LATER = frozenset({429, 503})
_TITLE = {"expression": "String(document.title)", "returnByValue": True}


async def glance(tabs: Tabs, tab: Tab) -> PageState:
    """Where the tab is, by one small round trip; no elements."""
    session = await tab.worlds.session()
    said = (await session.send("Runtime.evaluate", _TITLE))["result"].get("value")
    tab.title = said[:MAX_TITLE] if isinstance(said, str) else ""
    return PageState(
        url=tab.url,
        title=tab.title,
        dialogs=tabs.take_dialogs(),
        tabs=await tabs.listed(),
        refused_tabs=tabs.take_refused(),
    )


def wait_asked(response: Response | None) -> float | None:
    """Seconds of the Retry-After of a page that is to be had later; None where it names none."""
    if response is None or response.status not in _LATER:
        return None
    return seconds_of(response.headers.get("retry-after", ""), datetime.now(UTC))


def seconds_of(text: str, now: datetime) -> float | None:
    """A Retry-After's value, a number of seconds or a date, in seconds from now."""
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
