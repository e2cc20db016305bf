"""The browser processes: started, watched, started again with more and more delay, ended. Who is in
them is not known here.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread
import structlog

from agent_browser.browser.engine import Browser, Engine
from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, BrowserLost, BrowserMissing
from agent_browser.events import Observer
from agent_browser.pool.host import Host
from agent_browser.pool.orders import HostId
from agent_browser.pool.policy import Backoff
from agent_browser.pool.sweep import Sweep
from agent_browser.settings import Settings

log = structlog.get_logger("agent_browser.pool")

Spawn = Callable[..., None]
"""Start a coroutine function with arguments as a task of the pool's own."""

LAUNCH_GRACE = 5.0
"""Seconds beyond LAUNCH_TIMEOUT in which the engine may say itself why a launch failed."""
DOUBT_DEADLINE = 3.0
END_DEADLINE = 10.0
"""Seconds that a browser's process has to end."""


class Tenancy(Protocol):
    """Who is told of browsers that come and go."""

    def up(self, host: Host) -> None:
        """It takes sessions from now on."""

    def gone(self, host_id: HostId, *, relaunch: bool) -> None:
        """It was lost, or did not start. With `relaunch` it may be started again at once; if not,
        `relaunch` is called later.
        """

    def relaunch(self, seat: int) -> None:
        """The seat's delay is over."""


class Browsers:
    """All processes of the pool, each owned from its launch to its end."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        tenancy: Tenancy,
        *,
        seats: int,
        clock: Clock,
        observer: Observer,
        sweep: Sweep,
        spawn: Spawn,
    ) -> None:
        self.hosts: dict[HostId, Host] = {}
        """Those that are up, draining ones too."""
        self._engine = engine
        self._limit = settings.launch_timeout + LAUNCH_GRACE
        self._tenancy = tenancy
        self._backoffs = [Backoff() for _ in range(seats)]
        self._clock = clock
        self._observer = observer
        self._sweep = sweep
        self._spawn = spawn
        self._launching: dict[HostId, anyio.Event] = {}
        self._leaving: set[Host] = set()
        self._closing = False
        self._failure: Callable[[], AgentBrowserError] = BrowserLost

    def launch(self, host_id: HostId) -> None:
        """Start one; the tenancy is told what came of it."""
        self._launching[host_id] = anyio.Event()
        self._spawn(self._launch, host_id)

    def retire(self, host_id: HostId) -> None:
        """End one that is empty."""
        host = self.hosts.pop(host_id, None)
        if host is not None:
            self._leave(host)

    def may_launch(self, seat: int) -> bool:
        """Whether the seat's delay is over."""
        return self._clock.monotonic() >= self._backoffs[seat].until

    def failure(self) -> AgentBrowserError:
        """Why there is no browser, with its cure, for one who asks."""
        return self._failure()

    async def measure(self) -> None:
        """Look at the memory of each; it takes milliseconds a session, so not in the event loop."""
        for host in list(self.hosts.values()):
            host.memory = await anyio.to_thread.run_sync(host.browser.memory)

    def notice(self) -> None:
        """Take leave of those that died without our having been told so far."""
        for host_id, host in list(self.hosts.items()):
            if not host.browser.is_alive():
                self._lost(host_id)

    async def doubt(self, host_id: HostId) -> None:
        """Ask one that is said to be lost; a connection can die without its end being told."""
        host = self.hosts.get(host_id)
        if host is None:
            return
        with anyio.move_on_after(DOUBT_DEADLINE):
            try:
                await host.browser.probe()
            except BrowserLost:
                self._lost(host_id)
            except AgentBrowserError as exc:
                log.warning("a browser is in doubt", host=str(host_id), reason=exc.detail)

    async def close(self) -> None:
        """End them all. Bounded."""
        self._closing = True
        with anyio.move_on_after(LAUNCH_GRACE):
            for launched in list(self._launching.values()):
                await launched.wait()
        remaining = [*self.hosts.values(), *self._leaving]
        self.hosts.clear()
        async with anyio.create_task_group() as tasks:
            for host in remaining:
                tasks.start_soon(self._end, host.browser)
        self._leaving.clear()

    async def _launch(self, host_id: HostId) -> None:
        began = self._clock.monotonic()
        try:
            with anyio.fail_after(self._limit):
                browser = await self._engine.launch()
        except TimeoutError:
            self._not_started(host_id, BrowserLost("the browser did not start in time"))
        except AgentBrowserError as exc:
            self._not_started(host_id, exc)
        except Exception:
            log.exception("browser launch failed", host=str(host_id))
            fault = BrowserLost("the browser does not start; the server's log says why")
            self._not_started(host_id, fault)
        else:
            await self._started(host_id, browser, began)
        finally:
            self._launching.pop(host_id).set()

    async def _started(self, host_id: HostId, browser: Browser, began: float) -> None:
        if self._closing:
            await self._end(browser)
            return
        now = self._clock.monotonic()
        host = Host(host_id, browser, since=now)
        self.hosts[host_id] = host
        self._failure = BrowserLost
        self._observer.launched(seconds=now - began)
        log.info("browser up", host=str(host_id), pid=browser.pid, seconds=round(now - began, 3))
        browser.on_lost(partial(self._lost, host_id))
        if host_id in self.hosts:
            self._tenancy.up(host)

    def _not_started(self, host_id: HostId, error: AgentBrowserError) -> None:
        detail = error.detail
        missing = isinstance(error, BrowserMissing)
        self._failure = partial(BrowserMissing if missing else BrowserLost, detail)
        delay = self._set_back(host_id.seat, lived=0.0)
        log.error("browser not started", host=str(host_id), reason=detail, again_in=round(delay, 1))
        self._tenancy.gone(host_id, relaunch=False)

    def _lost(self, host_id: HostId) -> None:
        host = self.hosts.pop(host_id, None)
        if host is None:
            return
        lived = self._clock.monotonic() - host.since
        host.lose()
        self._observer.lost()
        self._failure = partial(BrowserLost, "the browser is lost and is being started again")
        delay = self._set_back(host_id.seat, lived=max(lived, 0.001))
        log.warning("browser lost", host=str(host_id), lived=round(lived, 1), again_in=delay)
        self._leave(host)
        self._tenancy.gone(host_id, relaunch=delay <= 0)

    def _set_back(self, seat: int, *, lived: float) -> float:
        """Seconds until the seat's next launch; a timer is set if there are any."""
        now = self._clock.monotonic()
        jitter = random.random()  # spreads the launches of several seats
        until = self._backoffs[seat].failed(now, lived=lived, jitter=jitter)
        if until > now and not self._closing:
            self._sweep.at(until, ("launch", seat), partial(self._tenancy.relaunch, seat))
        return until - now

    def _leave(self, host: Host) -> None:
        self._leaving.add(host)
        self._spawn(self._see_out, host)

    async def _see_out(self, host: Host) -> None:
        with anyio.CancelScope(shield=True):
            await self._end(host.browser)
        self._leaving.discard(host)

    async def _end(self, browser: Browser) -> None:
        try:
            with anyio.move_on_after(END_DEADLINE) as scope:
                await browser.close()
            if scope.cancelled_caught:
                log.error("a browser did not end in time", pid=browser.pid)
        except Exception:
            log.exception("a browser did not end well", pid=browser.pid)
