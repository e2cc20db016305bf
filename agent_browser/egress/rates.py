"""How many bytes a second may pass. Pure, but for the clock."""

from agent_browser.clock import Clock

SLICE_SECONDS = 0.05
"""What passes at once is at most what passes in that time, and at least `LEAST_SLICE`."""
LEAST_SLICE = 1_024
BURST_SECONDS = 0.1
"""For that long what was not used is saved up."""


class Bucket:
    """`rate` bytes a second for all that take from it."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self.slice = max(LEAST_SLICE, int(rate * SLICE_SECONDS))
        self._rate = rate
        self._clock = clock
        self._free_at = clock.monotonic()

    def wait(self) -> float:
        """Seconds until something may pass; 0 for now."""
        return max(0.0, self._free_at - self._clock.monotonic())

    def take(self, size: int) -> None:
        """So many bytes pass now."""
        since = self._clock.monotonic() - BURST_SECONDS
        self._free_at = max(self._free_at, since) + size / self._rate
