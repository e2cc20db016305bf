"""The forward proxies of this server: each session has a port on loopback of its own."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import structlog
from anyio import CancelScope, create_task_group
from anyio.abc import TaskGroup

from agent_browser.clock import Clock, SystemClock
from agent_browser.egress.addresses import Address, plain
from agent_browser.egress.dialing import Dialling
from agent_browser.egress.ends import Later
from agent_browser.egress.guard import Guard
from agent_browser.egress.policy import Policy
from agent_browser.egress.port import Port
from agent_browser.egress.resolver import Resolver
from agent_browser.egress.turns import Turns
from agent_browser.egress.ways import Bounds, Way

log = structlog.get_logger(__name__)

__all__ = ["Bounds", "Egress", "Port", "Way"]


class Egress:
    """Makes ports. An async context manager, entered once; it takes over the resolver, and its end
    is that of each port. `policy` is the server's, by which a port works that is bound to no way.
    """

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver | None = None,
        *,
        bounds: Bounds | None = None,
        clock: Clock | None = None,
        later: Later | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self.bounds = bounds or Bounds()
        self.clock = clock or SystemClock()
        self._resolver = resolver or Resolver()
        self._later = later
        self._ports: set[Port] = set()
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self.dialling = Dialling(self._resolver, tls=tls)
        self.turns = Turns()
        self.guard: Guard | None = None

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._resolver)
        self.guard = Guard()
        self._stack.callback(self.guard.close)
        self._tasks = await self._stack.enter_async_context(create_task_group())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for port in list(self._ports):
            await port.close()
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
        await self._stack.__aexit__(kind, error, traceback)

    async def port(self) -> "Port":
        """A new one that listens. OSError where the system has none left."""
        if self._tasks is None:
            raise RuntimeError("the egress is not open")
        listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        listening.setblocking(False)
        port = Port(self, listening.getsockname()[1])
        try:
            await port.listen(listening)
        except BaseException:
            listening.close()
            raise
        self._ports.add(port)
        self.policy.own.add(port.number)
        return port

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of a host's name, for what the server itself sends. OSError."""
        return await self._resolver.addresses(plain(host))

    def left(self, port: "Port") -> None:
        """That port is closed."""
        if port in self._ports:
            self._ports.discard(port)
            self.policy.own.discard(port.number)

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> CancelScope:
        """Do it in the background; what ends it. Nothing that it does ends what others do."""
        scope = CancelScope()

        async def bounded() -> None:
            try:
                with scope:
                    await work()
            except Exception:
                log.exception("a connection of the egress proxy failed unforeseen")

        if self._tasks is None:
            scope.cancel()
        else:
            self._tasks.start_soon(bounded)
        return scope

    def later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        """Do it after that time."""
        if self._later is not None:
            return self._later(seconds, then)
        return asyncio.get_running_loop().call_later(seconds, then)
