"""What is said of a page that a dialog keeps from answering: its last known place, the dialog."""

from agent_browser.browser import fitting
from agent_browser.browser.tabs import Tabs
from agent_browser.models.dialogs import WaitingDialog
from agent_browser.models.functions import PageState
from agent_browser.models.looks import Look


def _text(dialog: WaitingDialog, *, boundaries: bool) -> tuple[str, str | None]:
    """In place of the lines of elements; and the word in the lines around what the page says."""
    message = " ".join(dialog.message.split())
    shown = message if len(message) <= 200 else message[:199] + "…"
    what = f"{dialog.type} dialog waits in {dialog.tab}"
    if not boundaries:
        return f'({what}: "{shown}")', None
    nonce = fitting.nonce_for([shown])
    return f"{fitting.fenced(shown, nonce)}\n({what}; that is its message)", nonce


def state(tabs: Tabs, asked: Look) -> PageState:
    """The page as last known, without asking it."""
    tab, waiting = tabs.current, tabs.waiting
    text, nonce = "", None
    if waiting is not None:
        text, nonce = _text(waiting, boundaries=asked.boundaries)
    return PageState(
        url=tab.url if tab is not None else "",
        title=tab.title if tab is not None else "",
        elements_text=text,
        boundary=nonce,
        dialogs=tabs.take_dialogs(),
        tabs=tabs.known(),
        refused_tabs=tabs.take_refused(),
    )
