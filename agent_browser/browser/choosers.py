"""The file chooser that a page opened and that waits for files. No window is shown for it: the page
waits, as it does while a person looks for a file.
"""

import anyio
from playwright.async_api import FileChooser, Page

OPENED = "Page.fileChooserOpened"
"""What the tab's own protocol session is told of it, at once; Playwright has some questions first.
"""

NOTE = "a file chooser waits: give it files with the action 'upload', without 'ref'"


class Choosers:
    """Those of one tab; the last one opened is the one that waits, until its document is left."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._listens = False
        self._opened = anyio.Event()
        self.waiting: FileChooser | None = None
        self.count = 0
        """How many were opened so far."""

    def listen(self) -> None:
        """From now on hear of them. Asked of a tab when it is first acted on, for none opens by
        itself, and each kind of event costs something as a page is made.
        """
        if not self._listens:
            self._listens = True
            self._page.on("filechooser", self._open)
            self._page.on("domcontentloaded", lambda _: self.forget())

    def _open(self, chooser: FileChooser) -> None:
        self.waiting = chooser
        self.count += 1
        self._opened.set()
        self._opened = anyio.Event()

    def forget(self) -> None:
        """The one that waits gets no files."""
        self.waiting = None

    async def arrive(self, seconds: float) -> FileChooser | None:
        """The one that waits, or the next within so many seconds."""
        with anyio.move_on_after(seconds):
            while self.waiting is None:
                await self._opened.wait()
        return self.waiting
