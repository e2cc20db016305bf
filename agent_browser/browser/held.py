"""What is said of a page that a dialog keeps from answering: its last known place, the dialog."""

from agent_browser.browser.tabs import Tabs
from agent_browser.models.dialogs import WaitingDialog
from agent_browser.models.functions import PageState


def line(dialog: WaitingDialog) -> str:
    """In place of the lines of elements."""
    message = " ".join(dialog.message.split())
    shown = message if len(message) <= 200 else message[:199] + "…"
    return f'({dialog.type} dialog waits in {dialog.tab}: "{shown}")'


def state(tabs: Tabs) -> PageState:
    """The page as last known, without asking it."""
    tab, waiting = tabs.current, tabs.waiting
    return PageState(
        url=tab.url if tab is not None else "",
        title=tab.title if tab is not None else "",
        elements_text=line(waiting) if waiting is not None else "",
        dialogs=tabs.take_dialogs(),
        tabs=tabs.known(),
        refused_tabs=tabs.take_refused(),
    )
