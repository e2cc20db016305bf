"""SIGTERM and SIGINT as events: the first asks to stop, the second to stop at once."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import anyio

HANDLED = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """What was asked so far."""

    def __init__(self) -> None:
        self.first = anyio.Event()
        self.second = anyio.Event()

    def ask(self) -> None:
        """Ask to stop, or, a second time, to stop at once."""
        (self.second if self.first.is_set() else self.first).set()


@contextmanager
def caught() -> Iterator[Stop]:
    """Signals are asked of `Stop` inside, and what handled them before does so again after. The
    third has its default effect. Outside the main thread no signal arrives, and none is handled.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.first.is_set():
            for each in HANDLED:
                signal.signal(each, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.ask)

    before = {number: signal.signal(number, handle) for number in HANDLED}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
