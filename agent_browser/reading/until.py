"""A bound on the time of a conversion."""

import time


class TooSlow(Exception):
    """A conversion went on for longer than it may."""


class Until:
    """A moment after which a conversion stops itself: a thread can't be stopped from outside."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """TooSlow after that moment."""
        if time.monotonic() > self._end:
            raise TooSlow
