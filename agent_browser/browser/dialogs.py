"""The dialogs of a tab: which are answered at once, the one that waits, what was said.

`alert` and `beforeunload` are nothing to decide; what else a page asks waits for the caller, unless
the session's rule answers it. A page that is being left is not asked for its opinion.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import structlog
from playwright.async_api import Dialog as PlaywrightDialog
from playwright.async_api import Error

from agent_browser.errors import ActionFailed, DialogWaiting
from agent_browser.models.dialogs import Dialog, DialogRule, WaitingDialog

MAX_DIALOGS = 50
"""Dialogs in a row that were answered at once, without a navigation between, after which a page
counts as out of control.
"""
FLOOD = 5
FLOOD_TIME = 1.0
"""So many dialogs within so many seconds are a flood."""
MAX_MESSAGE = 2_000

Kind = Literal["alert", "confirm", "prompt", "beforeunload"]
_log = structlog.get_logger(__name__)


@dataclass
class Manners:
    """The rule of a session, shared by its tabs; it may change at any time."""

    rule: DialogRule = "ask"


def answer_to(kind: str, rule: DialogRule, *, leaving: bool = False) -> bool | None:
    """Whether a dialog is accepted at once (True), dismissed (False), or waits (None). Pure.

    `beforeunload` is accepted whatever the rule: a page that can't be left can't be used.
    """
    if kind == "beforeunload":
        return True
    if rule == "ask":
        return True if kind == "alert" else False if leaving else None
    return rule == "accept"


class Dialogs:
    """What one tab shows. `opened` is called when one begins to wait; `overrun` ends the page."""

    def __init__(
        self,
        tab: str,
        manners: Manners,
        opened: Callable[[], Awaitable[None]],
        overrun: Callable[[], Awaitable[None]],
    ) -> None:
        self._tab = tab
        self._manners = manners
        self._opened = opened
        self._overrun = overrun
        self._said: deque[Dialog] = deque(maxlen=MAX_DIALOGS)
        self._shown: PlaywrightDialog | None = None
        self._leaving = False
        self._in_a_row = 0
        self._times: deque[float] = deque(maxlen=FLOOD)

    def rename(self, tab: str) -> None:
        """Its tab is known by this id from now on."""
        self._tab = tab

    @property
    def waiting(self) -> WaitingDialog | None:
        """The dialog that waits for the caller; while it does, its page answers nothing."""
        if self._shown is None:
            return None
        return WaitingDialog.model_validate(
            {
                "type": self._shown.type,
                "message": self._shown.message[:MAX_MESSAGE],
                "default_value": self._default(self._shown),
                "tab": self._tab,
            }
        )

    def check(self) -> None:
        """DialogWaiting if one waits."""
        waiting = self.waiting
        if waiting is not None:
            raise DialogWaiting(waiting.model_dump())

    @property
    def is_flooding(self) -> bool:
        """Dialog upon dialog: Chromium may never get such a page to navigate."""
        return len(self._times) == FLOOD and time.monotonic() - self._times[0] < FLOOD_TIME

    @property
    def is_endless(self) -> bool:
        """It was ended for the number of its dialogs."""
        return self._in_a_row > MAX_DIALOGS

    def navigated(self) -> None:
        """A new document is there: its dialogs are counted anew."""
        self._in_a_row = 0

    def take(self) -> list[Dialog]:
        """What was said since last asked."""
        taken = list(self._said)
        self._said.clear()
        return taken

    def answer_at_once(self, dialog: PlaywrightDialog) -> bool | None:
        """Whether it is accepted at once, dismissed, or waits (None)."""
        return answer_to(dialog.type, self._manners.rule, leaving=self._leaving)

    async def show(self, dialog: PlaywrightDialog) -> None:
        """The page shows one: answer it, or let it wait."""
        accepted = self.answer_at_once(dialog)
        if accepted is None:
            self._shown = dialog
            await self._opened()
            return
        self._in_a_row += 1
        self._times.append(time.monotonic())
        try:
            if self.is_endless:
                self._say(dialog, accepted=False)
                _log.info("page ended: dialogs without end", tab=self._tab)
                await self._overrun()
                return
            await self._give(dialog, accepted=accepted)
        except Error:
            return

    async def answer(self, *, accept: bool, text: str | None) -> None:
        """Answer the one that waits. ActionFailed where none does, or it is gone meanwhile."""
        shown, self._shown = self._shown, None
        if shown is None:
            raise ActionFailed("no_dialog", f"no dialog waits in {self._tab}")
        try:
            await self._give(shown, accepted=accept, text=text)
        except Error as exc:
            raise ActionFailed("no_dialog", "the dialog went away with its page") from exc

    def gone(self) -> None:
        """The page is gone, and what waited with it."""
        if self._shown is not None:
            self._say(self._shown, accepted=False)
            self._shown = None

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """The document is about to be left: it can't hold the navigation up by asking."""
        self._leaving = True
        try:
            yield
        finally:
            self._leaving = False

    def left(self) -> None:
        """The document that is being left is gone; the next one may ask."""
        self._leaving = False

    async def dismiss(self) -> None:
        """Dismiss the one that waits, if one does."""
        with suppress(ActionFailed):
            await self.answer(accept=False, text=None)

    async def _give(
        self, dialog: PlaywrightDialog, *, accepted: bool, text: str | None = None
    ) -> None:
        if dialog.type == "prompt" and accepted:
            text = self._default(dialog) if text is None else text
            self._say(dialog, accepted=True, text=text)
            await dialog.accept(text)
        elif accepted:
            self._say(dialog, accepted=True)
            await dialog.accept()
        else:
            self._say(dialog, accepted=False)
            await dialog.dismiss()

    def _say(self, dialog: PlaywrightDialog, *, accepted: bool, text: str | None = None) -> None:
        self._said.append(
            Dialog.model_validate(
                {
                    "type": dialog.type,
                    "message": dialog.message[:MAX_MESSAGE],
                    "response": "accepted" if accepted else "dismissed",
                    "text": text,
                    "tab": self._tab,
                }
            )
        )

    @staticmethod
    def _default(dialog: PlaywrightDialog) -> str:
        return dialog.default_value[:MAX_MESSAGE]
