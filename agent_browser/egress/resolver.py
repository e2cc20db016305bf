"""Names looked up: each once for all who wait for it, and not again for some seconds."""

import ipaddress
import socket
from asyncio import Future, get_running_loop, shield
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import structlog
from anyio import CapacityLimiter, Semaphore, create_task_group, to_thread
from anyio.abc import TaskGroup

from agent_browser.clock import Clock, SystemClock
from agent_browser.egress.addresses import Address

if TYPE_CHECKING:
    from aiodns import DNSResolver

log = structlog.get_logger(__name__)

Lookup = Callable[[str], Awaitable[Sequence[Address]]]
"""The addresses of a name; OSError where it has none."""

RESOLVE_TIMEOUT = 10.0
"""Seconds that who asks for a name waits, its turn included."""
FRESH = 10.0
"""Seconds for which an answer is used again."""
MOST_KEPT = 2_000
MOST_THREADS = 128
"""Look-ups of the system at once, those included for which nobody waits any more."""
MOST_OF_ONE = 8
"""Look-ups at once of who asks, and so many more wait for their turn as want to."""


class Resolver:
    """The system's way to look names up, in threads; where `servers` names DNS servers
    (`address:port`), these are asked and nobody else. An async context manager, entered once.

    What it remembers is no decision: whoever dials asks the policy of every address, every time.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        lookup: Lookup | None = None,
        clock: Clock | None = None,
        timeout: float = RESOLVE_TIMEOUT,
    ) -> None:
        self._servers = tuple(servers)
        self._lookup = lookup
        self._clock = clock or SystemClock()
        self.timeout = timeout
        self._known: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._asked: dict[str, Future[tuple[Address, ...]]] = {}
        self._own = Names(self)
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        if self._lookup is None:
            self._lookup = self._names_servers() if self._servers else _systems()
        self._tasks = await self._stack.enter_async_context(create_task_group())
        self._stack.callback(self._tasks.cancel_scope.cancel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tasks = None
        await self._stack.__aexit__(kind, error, traceback)

    def names(self) -> "Names":
        """For one who asks: a session, or the server itself."""
        return Names(self)

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """As `Names.addresses`, for the server itself."""
        return await self._own.addresses(name)

    def known(self, name: str) -> tuple[Address, ...] | None:
        """The answer of some seconds ago; None where there is none."""
        known = self._known.get(name)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        return None

    def asked(self, name: str) -> "Future[tuple[Address, ...]] | None":
        """The look-up of the name that is under way."""
        return self._asked.get(name)

    def ask(self, name: str, over: Callable[[], None]) -> "Future[tuple[Address, ...]]":
        """Begin to look it up; `over` is called when that has ended, however long it takes."""
        if self._tasks is None:
            over()
            raise RuntimeError("the resolver is not open")
        asked = self._asked[name] = get_running_loop().create_future()
        asked.add_done_callback(_seen)
        self._tasks.start_soon(self._ask, name, asked, over)
        return asked

    async def _ask(
        self, name: str, asked: "Future[tuple[Address, ...]]", over: Callable[[], None]
    ) -> None:
        # Nothing ends it early: the system's look-up would go on, and count for nothing.
        assert self._lookup is not None
        try:
            found = tuple(dict.fromkeys(await self._lookup(name)))
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, f"{name} has no address")
        except OSError as exc:
            asked.set_exception(exc)
        except Exception as exc:
            if not isinstance(exc, UnicodeError):
                log.exception("a name could not be looked up", host=name)
            asked.set_exception(OSError(str(exc)))
        else:
            self._keep(name, found)
            asked.set_result(found)
        finally:
            self._asked.pop(name, None)
            if not asked.done():
                asked.cancel()
            over()

    def _keep(self, name: str, found: tuple[Address, ...]) -> None:
        self._known.pop(name, None)
        self._known[name] = (self._clock.monotonic() + FRESH, found)
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]

    def _names_servers(self) -> Lookup:
        import aiodns  # what these load most servers never need
        import pycares

        asking = aiodns.DNSResolver(
            nameservers=self._servers,
            timeout=2.0,
            tries=3,
            lookups="b",  # and not the machine's own list of hosts
            flags=pycares.ARES_FLAG_EDNS | pycares.ARES_FLAG_NOSEARCH,
        )
        self._stack.push_async_callback(asking.close)
        return _named(asking)


class Names:
    """Asks the resolver for one who asks. It has a few look-ups at once: names that nobody answers
    for take no turn of what others ask.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._turns = Semaphore(MOST_OF_ONE)

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """The addresses of a host's name in its plain form. OSError where it has none, or none in
        time. Whoever waits may be cancelled; the others go on to wait.
        """
        known = self._resolver.known(name)
        if known is not None:
            return known
        try:
            with anyio.fail_after(self._resolver.timeout):
                return await shield(self._resolver.asked(name) or await self._begun(name))
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, f"{name}: no answer in time") from None

    async def _begun(self, name: str) -> "Future[tuple[Address, ...]]":
        await self._turns.acquire()
        # Somebody else may have asked meanwhile.
        known, asked = self._resolver.known(name), self._resolver.asked(name)
        if known is None and asked is None:
            return self._resolver.ask(name, self._turns.release)
        self._turns.release()
        if known is not None:
            asked = get_running_loop().create_future()
            asked.set_result(known)
        assert asked is not None
        return asked


def _seen(asked: "Future[tuple[Address, ...]]") -> None:
    if not asked.cancelled():
        asked.exception()  # nobody may be waiting for it any more


def _systems() -> Lookup:
    limiter = CapacityLimiter(MOST_THREADS)

    async def lookup(name: str) -> list[Address]:
        # The final dot is not put back: the system's search list counts, as in a browser.
        found = await to_thread.run_sync(
            lambda: socket.getaddrinfo(name, None, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,  # when the resolver ends, and never before
            limiter=limiter,
        )
        return [_address(str(entry[4][0])) for entry in found]

    return lookup


def _named(asking: "DNSResolver") -> Lookup:
    import aiodns

    async def lookup(name: str) -> list[Address]:
        try:
            found = await asking.getaddrinfo(name, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as exc:
            raise socket.gaierror(socket.EAI_NONAME, str(exc.args[-1])) from exc
        texts = [node.addr[0] for node in found.nodes]
        return [_address(t.decode() if isinstance(t, bytes) else t) for t in texts]

    return lookup


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])
