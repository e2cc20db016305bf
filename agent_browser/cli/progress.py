"""A spinner on stderr for what takes more than a second; nothing at all on a pipe."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent_browser.cli.printing import line

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """What is being waited for, shown once the wait is long. `say` changes the words."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._status: Status | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._show)
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to wait."""
        self._timer.start()

    def say(self, words: str) -> None:
        """What is waited for now."""
        with self._lock:
            self._words = words
            if self._status is not None:
                self._status.update(_plain(words))

    def stop(self) -> None:
        """Take the spinner away."""
        self._timer.cancel()
        with self._lock:
            if self._status is not None:
                self._status.stop()
            self._stopped = True

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            if not self._stopped:
                self._status = Console(stderr=True).status(_plain(self._words))
                self._status.start()


class Silence(Progress):
    """Shows nothing."""

    def start(self) -> None: ...

    def say(self, words: str) -> None: ...

    def stop(self) -> None: ...


@contextmanager
def waiting(words: str) -> Iterator[Progress]:
    """Show `words` with a spinner while the block takes more than a second, on a terminal."""
    progress = Progress(words) if sys.stderr.isatty() else Silence(words)
    progress.start()
    try:
        yield progress
    finally:
        progress.stop()


def _plain(words: str) -> str:
    """The words as one short line without markup."""
    from rich.markup import escape

    return escape(line(words, longest=60))
