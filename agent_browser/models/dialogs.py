"""Dialogs that pages show: a session's rule, the one that waits, those that were answered; and the
file chooser that waits.
"""

from typing import Literal

from agent_browser.models.base import Output

DialogType = Literal["alert", "confirm", "prompt", "beforeunload"]
DialogRule = Literal["accept", "dismiss", "ask"]


class Dialog(Output):
    """A dialog that the page showed, and what was done with it."""

    type: DialogType
    message: str
    response: Literal["accepted", "dismissed"]
    text: str | None = None
    """What an accepted prompt was told."""
    tab: str = ""


class WaitingDialog(Output):
    """A dialog that waits for the action `dialog`. Its page answers nothing until then."""

    type: DialogType
    message: str
    default_value: str = ""
    tab: str


class WaitingChooser(Output):
    """A file chooser that a page opened: the action `upload` without `ref` gives it files."""

    tab: str
    multiple: bool
    """It takes several files."""
