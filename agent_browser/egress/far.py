"""The end at the site, or at the session's own proxy."""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from agent_browser.egress.addresses import Address
from agent_browser.egress.ends import EARLY, End
from agent_browser.egress.heads import Target
from agent_browser.egress.rates import Bucket
from agent_browser.egress.tallies import Tally

if TYPE_CHECKING:
    from agent_browser.egress.port import Port


class Hears(Protocol):
    """Who is told of what happens at this end."""

    def far_fed(self, data: bytes) -> None: ...
    def far_finished(self) -> None: ...
    def far_lost(self, exc: Exception | None) -> None: ...


class Far(End):
    """A connection that was made for one host. `address` is the one that was dialled; None where a
    proxy knows it.
    """

    def __init__(self, port: "Port", target: Target, tally: Tally, address: Address | None) -> None:
        super().__init__(port.later, port.turns, port.bounds)
        self._port = port
        self.target = target
        self.tally = tally
        self.address = address
        self.hears: Hears | None = None
        self._why = EARLY

    @property
    def patience(self) -> float:
        return self.bounds.drain

    def begin(self, hears: Hears) -> None:
        """From now on what comes goes there."""
        self.hears = hears
        self.resume(EARLY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._why:
            cast("asyncio.Transport", transport).pause_reading()

    def bucket(self) -> Bucket | None:
        return self._port.downloads

    def send(self, data: bytes) -> None:
        self._count(len(data), 0)
        super().send(data)

    def fed(self, data: bytes) -> None:
        self._count(0, len(data))
        if self.hears is not None:
            self.hears.far_fed(data)

    def finished(self) -> None:
        if self.hears is not None:
            self.hears.far_finished()
        else:
            self.close()

    def lost(self, exc: Exception | None) -> None:
        self.part()
        self._port.left(self)
        hears, self.hears = self.hears, None
        if hears is not None:
            hears.far_lost(exc)

    def _count(self, up: int, down: int) -> None:
        self.tally.up += up
        self.tally.down += down
        meter = self._port.meter
        if meter is not None:
            meter.take(up + down)

    def leave(self, *, reset: bool = False) -> None:
        """End it, and tell nobody. Idempotent."""
        self.hears = None
        self.part()
        if reset:
            self.abort(reset=True)
        else:
            self.close()
