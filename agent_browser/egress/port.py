"""One session's forward proxy: what it is bound to, what it joins, what it remembers."""

import asyncio
import socket
from collections import Counter
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import CancelScope, Event

from agent_browser.egress import faults
from agent_browser.egress.dialing import authorization
from agent_browser.egress.far import Far
from agent_browser.egress.faults import DeniedFault, DirectFault, Fault
from agent_browser.egress.heads import Malformed, Request, Target, target_of
from agent_browser.egress.near import Near
from agent_browser.egress.policy import Policy
from agent_browser.egress.rates import Bucket
from agent_browser.egress.tallies import Tallies
from agent_browser.egress.upstream import Upstream
from agent_browser.egress.ways import Way
from agent_browser.models.egress import Traffic
from agent_browser.quotas.meter import Meter

if TYPE_CHECKING:
    from agent_browser.egress.ports import Egress

log = structlog.get_logger(__name__)

MAX_FAULTS = 256
SPENT = "the traffic quota of the session's owner is used up"
CLOSE_TIMEOUT = 5.0
"""Seconds that a port's connections have to be gone."""


class Port:
    """A proxy that listens on loopback. `close` it after the browser context that uses it."""

    def __init__(self, egress: "Egress", number: int) -> None:
        self.number = number
        self.bounds = egress.bounds
        self.tallies = Tallies()
        self.awaited: Counter[str] = Counter()
        self.downloads: Bucket | None = None
        self.uploads: Bucket | None = None
        self.later = egress.later
        self.turns = egress.turns
        self.meter: Meter | None = None
        """What its owner's bytes are counted by, beside `tallies`."""
        self._egress = egress
        self._dialling = egress.dialling.apart()
        self._way = Way(egress.policy)
        self._server: asyncio.Server | None = None
        self._is_closed = False
        self._nears: set[Near] = set()
        self._fars: set[Far] = set()
        self._empty: Event | None = None
        self._faults: dict[str, Fault] = {}

    # For whoever has it

    @property
    def server(self) -> str:
        """What the browser is told."""
        return f"http://127.0.0.1:{self.number}"

    @property
    def upstream(self) -> Upstream | None:
        """The session's own proxy."""
        return self._way.upstream

    @property
    def policy(self) -> Policy:
        """What decides."""
        return self._way.policy

    @property
    def bytes_passed(self) -> int:
        """Bytes sent and received so far."""
        return self.tallies.up + self.tallies.down

    @property
    def connections(self) -> int:
        """Of the browser and beyond, now."""
        return len(self._nears) + len(self._fars)

    @property
    def waiting(self) -> int:
        """Bytes in memory that came and were not passed on so far."""
        return sum(end.waiting for end in (*self._nears, *self._fars))

    def bind(self, way: Way) -> None:
        """From now on all goes that way. What goes on and is not allowed any more ends, and all of
        it where the proxy is another.
        """
        before, self._way = self._way, way
        if (before.download_rate, before.upload_rate) != (way.download_rate, way.upload_rate):
            self.downloads = self._bucket(way.download_rate)
            self.uploads = self._bucket(way.upload_rate)
        for near in list(self._nears):
            self._look_again(near, is_other=before.upstream != way.upstream)

    def count(self, meter: Meter) -> None:
        """From now on what passes counts there too. When that is spent, what goes on ends and
        nothing begins, until some is left again.
        """
        self._uncount()
        self.meter = meter
        meter.join(self._cut_soon)

    def fault(self, target: str) -> Fault | None:
        """Why the last connection to that host:port failed, if it did. A DeniedFault is the
        policy's.
        """
        return self._faults.get(_name(target))

    def awaits(self, target: str) -> bool:
        """Whether the site, or the proxy before it, has yet to answer a plain request to that
        host:port.
        """
        return self.awaited[_name(target)] > 0

    def traffic(self) -> Traffic:
        """What went through it since it is there."""
        return self.tallies.shown()

    async def close(self) -> None:
        """Stop listening and end every connection. Idempotent; bounded."""
        self._egress.left(self)
        self._uncount()
        server, self._server = self._server, None
        self._is_closed = True
        if server is None:
            return
        server.close()
        for near in list(self._nears):
            near.end()
        for end in (*self._nears, *self._fars):
            end.abort()
        if self.connections:
            self._empty = Event()
            with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
                await self._empty.wait()

    # For its ends

    async def listen(self, listening: socket.socket) -> None:
        """Take connections there."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Near(self), sock=listening)

    def admits(self, near: Near) -> bool:
        """Whether that connection may be used; from now on it counts."""
        self._nears.add(near)
        guard, theirs = self._egress.guard, near.peer
        if self._is_closed or len(self._nears) > self.bounds.connections:
            return False
        if guard is None or theirs is None:
            return False
        return guard.admits(theirs, ("127.0.0.1", self.number))

    def left(self, end: Near | Far) -> None:
        """That connection is gone."""
        if isinstance(end, Near):
            self._nears.discard(end)
        else:
            self._fars.discard(end)
        if self._empty is not None and not self.connections:
            self._empty.set()

    def refuses(self, target: Target) -> str | None:
        """Why the policy does not let that be asked for; None where it does, so far."""
        if self.meter is not None and self.meter.is_spent:
            return SPENT
        way = self._way
        return way.policy.refuses_host(target.host, target.port, is_final=way.upstream is not None)

    def head_for(self, request: Request) -> bytes:
        """A plain request's head, as the next in line wants it."""
        upstream = self._way.upstream
        if upstream is None or upstream.scheme == "socks5":
            return request.written()
        return request.written(for_proxy=True, more=authorization(upstream))

    def misread(self, status: int) -> Fault:
        """The fault of an answer that is none of a site's."""
        upstream = self._way.upstream
        if upstream is None or upstream.scheme == "socks5":
            word = "UNEXPECTED_PROXY_AUTH" if status == 407 else "INVALID_HTTP_RESPONSE"
            return DirectFault(f"net::ERR_{word}")
        return faults.refused_us(upstream) if status == 407 else faults.not_a_proxy(upstream)

    def dial(self, near: Near, request: Request) -> CancelScope:
        """Make a connection for that request, in the background."""

        async def work() -> None:
            try:
                far = await self._made(request)
            except Fault as fault:
                near.fail(fault)
            except OSError as exc:
                near.fail(faults.direct(exc))
            except Exception as exc:
                log.exception("a connection could not be made", host=request.target.name)
                near.fail(faults.direct(exc))
            else:
                near.dialled(request, far)

        return self._egress.start(work)

    async def _made(self, request: Request) -> Far:
        """A connection. Fault."""
        way, target, dialling = self._way, request.target, self._dialling
        if len(self._fars) >= self.bounds.connections:
            raise DirectFault("net::ERR_INSUFFICIENT_RESOURCES")
        tally = self.tallies.of(target.name)
        if way.upstream is None:
            made, address = await dialling.direct(way.policy, target)
            far = Far(self, target, tally, address)
            self._fars.add(far)
            try:
                await asyncio.get_running_loop().create_connection(lambda: far, sock=made)
            except BaseException:
                self.left(far)
                made.close()
                raise
        else:
            if request.is_connect or way.upstream.scheme == "socks5":
                transport, rest = await dialling.tunnel(way.policy, way.upstream, target)
            else:
                transport, _ = await dialling.proxy(way.policy, way.upstream)
                rest = b""
            far = Far(self, target, tally, None)
            self._fars.add(far)
            try:
                far.adopt(transport, rest)
            except BaseException:
                self.left(far)
                transport.abort()
                raise
        self._check(way, far)
        return far

    def _check(self, way: Way, far: Far) -> None:
        """The way may have become another while the connection was made."""
        if self._way is way:
            return
        why = self._now_refused(far.target, far)
        if why is None and self._way.upstream != way.upstream:
            why = "the session's proxy is another by now"
        if why is not None:
            far.leave()
            raise DeniedFault(far.target.host, why)

    def _uncount(self) -> None:
        if self.meter is not None:
            self.meter.leave(self._cut_soon)

    def _cut_soon(self) -> None:
        # Not at once: an end that counts is in the midst of passing something on.
        asyncio.get_running_loop().call_soon(self._cut)

    def _cut(self) -> None:
        """End what is not allowed any more."""
        for near in list(self._nears):
            self._look_again(near, is_other=False)

    def _look_again(self, near: Near, *, is_other: bool) -> None:
        target = near.target
        if target is None:
            return
        why = self._now_refused(target, near.far)
        if why is not None:
            near.fail(DeniedFault(target.host, why))
        elif is_other:
            near.end()

    def _now_refused(self, target: Target, far: Far | None) -> str | None:
        why = self.refuses(target)
        if why is None and far is not None and far.address is not None:
            why = self.policy.refuses_address(target.host, target.port, far.address)
        return why

    def _bucket(self, rate: int | None) -> Bucket | None:
        return Bucket(rate, self._egress.clock) if rate else None

    # What it remembers

    def remember(self, target: Target, fault: Fault) -> None:
        """A request for that came to nothing."""
        if isinstance(fault, DeniedFault):
            self.tallies.of(target.name).denied += 1
        self._faults.pop(target.name, None)
        self._faults[target.name] = fault
        if len(self._faults) > MAX_FAULTS:
            del self._faults[next(iter(self._faults))]

    def forgive(self, target: Target) -> None:
        """It was reached."""
        self._faults.pop(target.name, None)

    def unawait(self, target: Target) -> None:
        """It answered, or will not."""
        self.awaited[target.name] -= 1
        if self.awaited[target.name] <= 0:
            del self.awaited[target.name]


def _name(target: str) -> str:
    try:
        return target_of(target).name
    except Malformed:
        return target
