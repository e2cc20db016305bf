"""Housing: room for sessions. It carries the ledger's orders out, in the pool's own tasks; those
who ask only wait, and may go away at any time.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import structlog

from agent_browser.browser.engine import Closed, Context, Engine
from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, BrowserLost, InternalError, PoolFull
from agent_browser.events import Observer
from agent_browser.models.functions import ContextOptions
from agent_browser.pool import policy
from agent_browser.pool.browsers import Browsers, Spawn
from agent_browser.pool.claims import Claim, Lease
from agent_browser.pool.host import Host
from agent_browser.pool.ledger import Ledger
from agent_browser.pool.machine import Machine
from agent_browser.pool.orders import (
    Chill,
    Grant,
    HostId,
    Launch,
    Order,
    Refuse,
    Retire,
    Void,
    Warm,
)
from agent_browser.pool.pressure import Pressure
from agent_browser.pool.sweep import Sweep
from agent_browser.pool.warm import WarmSet
from agent_browser.quotas.quotas import Quotas
from agent_browser.session.veiled import Veiled
from agent_browser.settings import Settings

log = structlog.get_logger("agent_browser.pool")

MAKE_DEADLINE = 30.0
"""Seconds that a context has to be made."""
CLOSE_DEADLINE = 5.0
"""Seconds that a context has to close before it is given up and its browser replaced."""
VIDEO_DEADLINE = 15.0
"""The same where videos have to be finished."""
LOOK_EVERY = 30.0
"""Seconds between looks at the browsers' memory."""
TRIM_AFTER = 5.0
"""Seconds after an open until warm contexts that are too many by then are closed."""
EASINGS, EASED = 3, 2
"""How often, and how many sessions, are let go for one who comes while memory is short."""
PLAIN = ContextOptions()


class Housing:
    """`obtain` a lease of a context, give it back with `close_lease`."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        capacity: policy.Capacity,
        *,
        clock: Clock,
        observer: Observer,
        sweep: Sweep,
        spawn: Spawn,
        read_machine: Callable[[], Machine],
        next_expiry: Callable[[], float | None],
        quotas: Quotas,
    ) -> None:
        seats = capacity.browsers
        self.ledger = Ledger(
            capacity=capacity.sessions, max_waiting=settings.max_waiting, seats=seats
        )
        self.browsers = Browsers(
            engine, settings, self, seats=seats, clock=clock, observer=observer, sweep=sweep,
            spawn=spawn,
        )  # fmt: skip
        self.pressure = Pressure(clock, read_machine, rest=settings.warm)
        self.holds_off = False
        """Whether no new session is taken for now."""
        self._first_calls = 0
        """First calls of sessions, and others that the warm set's contexts can wait for."""
        self.on_calm: Callable[[], None] = _idly
        """Told when nobody waits any more for a session's first answer."""
        self.on_lost: Callable[[int], None] = _nobody
        """Told of each lease whose browser is gone."""
        self.make_room: Callable[[], None] = _idly
        """Asked, when somebody has to wait, to let sessions go that rest."""
        self.ease: Callable[[int], Awaitable[bool]] = _no
        """Asked, when memory is short, to let so many of them go; whether one went."""
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._sweep = sweep
        self._spawn = spawn
        self._next_expiry = next_expiry
        self._quotas = quotas
        quotas.counts("sessions", self.ledger.held)
        self._tickets = itertools.count(1)
        self._claims: dict[int, Claim] = {}
        self._warm = WarmSet()

    def start(self) -> None:
        """Launch the browsers."""
        self._carry_out(self.ledger.start())
        self._look_later()

    async def obtain(
        self, options: ContextOptions, recordings: Path | None, *, owner: str = ""
    ) -> Lease:
        """A context with these options, virgin. Waits for room, first come, first served.

        PoolFull, QuotaExceeded where that owner has as many as it may, BrowserMissing, BrowserLost,
        DeadlineExceeded, and what the options raise. A caller that is cancelled has nothing; what
        was being made for it is used or closed.
        """
        if self.holds_off:
            raise self._full("draining")
        asked = self._clock.monotonic()
        self._quotas.check("sessions", owner)
        self.pressure.came()
        self.browsers.notice()
        if self.pressure.is_short() and not await self._eased():
            raise self._full("memory")
        claim = Claim(next(self._tickets), options, recordings, owner)
        most = self._quotas.limits(owner).sessions
        self._claims[claim.ticket] = claim
        try:
            self._carry_out(
                self.ledger.ask(claim.ticket, warmable=claim.warmable, owner=owner, most=most)
            )
            if not claim.granted.is_set():
                self.make_room()
                await self._wait_for_room(claim, asked)
            if not claim.settled.is_set():
                await claim.settled.wait()
        except BaseException:
            self._abandon(claim)
            raise
        finally:
            del self._claims[claim.ticket]
        return self._lease(claim, asked)

    async def _eased(self) -> bool:
        """Whether memory is short no more, once sessions that rested are gone."""
        for _ in range(EASINGS):
            if not await self.ease(EASED):
                return False
            if not self.pressure.is_short(anew=True):
                return True
        return False

    async def close_lease(self, lease: Lease, *, videos: bool) -> Closed:
        """Close the context; then its slot is free. Bounded, and never an error."""
        try:
            deadline = VIDEO_DEADLINE if videos else CLOSE_DEADLINE
            return await self._close(lease.host, lease.context, deadline)
        finally:
            self._release(lease.ticket)

    def refill(self) -> None:
        """Make warm contexts, if there should be more and nothing is in the way."""
        target = self.pressure.warm_target()
        opens = self._first_calls + self.ledger.opening
        if policy.may_refill(ready=self.ledger.warm, target=target, opens=opens):
            self._carry_out(self.ledger.refill(target))

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Make warm contexts only where few are left, while this lasts."""
        self._first_calls += 1
        try:
            yield
        finally:
            self._first_calls -= 1
            self.refill()
            self._calm()

    def is_opening(self) -> bool:
        """Whether somebody waits for a session's first answer."""
        return self._first_calls > 0 or self.ledger.opening > 0

    def _calm(self) -> None:
        if not self.is_opening():
            self.on_calm()

    def stop_taking(self) -> None:
        """Refuse those who wait and all who come."""
        self._carry_out(self.ledger.close())

    async def close(self) -> None:
        """End all browsers, and with them all that is left in them. Bounded."""
        await self.browsers.close()

    def up(self, host: Host) -> None:
        """A browser takes sessions from now on."""
        self._carry_out(self.ledger.up(host.id))
        self.refill()

    def gone(self, host_id: HostId, *, relaunch: bool) -> None:
        """A browser was lost, or did not start."""
        self._warm.forget(host_id)
        self._carry_out(self.ledger.lost(host_id, relaunch=relaunch))

    def relaunch(self, seat: int) -> None:
        """A browser may be started again."""
        self._carry_out(self.ledger.launch(seat))

    def check(self) -> None:
        """Assert what must always hold."""
        self.ledger.check()
        for host_id, row in self.ledger.rows.items():
            assert row.warm == self._warm.count(host_id), "the warm set is not as the ledger says"
        assert len(self._warm) == self.ledger.warm

    def _lease(self, claim: Claim, asked: float) -> Lease:
        # No await between the end of obtain and here: a browser lost meanwhile has told the claim.
        if claim.error is not None:
            raise claim.error
        if claim.host is None or claim.context is None:
            raise RuntimeError("a claim was settled with nothing")
        self.ledger.opened(claim.ticket)
        now = self._clock.monotonic()
        self._observer.opened(warm=claim.warm, seconds=now - asked)
        self._sweep.at(now + TRIM_AFTER, "trim", self._trim)
        if self.ledger.warm > self.ledger.room:
            self._carry_out(self.ledger.trim(self.ledger.room))
        claim.context.count(self._quotas.meter(claim.owner))
        return Lease(claim.ticket, claim.host, Veiled(claim.context))

    async def _wait_for_room(self, claim: Claim, asked: float) -> None:
        with anyio.move_on_after(self._settings.wait_timeout):
            await claim.granted.wait()
        self._observer.waited(seconds=self._clock.monotonic() - asked)
        if not claim.granted.is_set():
            claim.settle(self._no_room())
            self._carry_out(self.ledger.release(claim.ticket))

    def _abandon(self, claim: Claim) -> None:
        claim.abandoned = True
        if claim.host is None:
            self._carry_out(self.ledger.release(claim.ticket))
        elif claim.settled.is_set() and claim.error is None:
            self._dispose(claim, claim.host)

    def _dispose(self, claim: Claim, host: HostId) -> None:
        """Nobody wants the claim's context: keep it if it is as good as new, else close it."""
        context, claim.context = claim.context, None
        if context is None:
            self._release(claim.ticket)
        elif claim.plain and (orders := self.ledger.spare(claim.ticket)) is not None:
            self._warm.put(host, context)
            self._carry_out(orders)
        else:
            lease = Lease(claim.ticket, host, context)
            self._spawn(partial(self.close_lease, lease, videos=claim.recordings is not None))

    def _release(self, ticket: int) -> None:
        self.pressure.went()
        host = self.ledger.host_of(ticket)
        self._carry_out(self.ledger.release(ticket))
        self.refill()
        self._calm()
        if host is not None and self.ledger.is_empty(host):
            when = self._clock.monotonic() + policy.REST_AFTER
            self._sweep.at(when, ("rest", host), partial(self._rest, host))

    def _rest(self, host_id: HostId) -> None:
        """Nobody was in the browser for a while."""
        row = self.ledger.rows.get(host_id)
        if row is not None and self.ledger.is_empty(host_id) and policy.is_worn(row.served):
            self._recycle(host_id, "rest")

    def _carry_out(self, orders: list[Order]) -> None:
        for order in orders:
            match order:
                case Grant():
                    self._grant(order)
                case Refuse():
                    self._refuse(order)
                case Void():
                    self._void(order)
                case Launch(host):
                    self.browsers.launch(host)
                case Warm(host):
                    self._spawn(self._warm_up, host)
                    self._recycle_if_due(host)
                case Chill(host, count):
                    for context in self._warm.take_many(host, count):
                        self._spawn(self._close, host, context, CLOSE_DEADLINE)
                case Retire(host):
                    self._warm.forget(host)
                    self.browsers.retire(host)

    def _grant(self, order: Grant) -> None:
        claim = self._claims[order.ticket]
        claim.host = order.host
        claim.granted.set()
        self._sweep.cancel(("rest", order.host))
        if order.warm:
            claim.warm = True
            claim.context = self._warm.take(order.host)
            if claim.plain:
                claim.settle()
                return
        else:
            self._recycle_if_due(order.host)
        self._spawn(self._furnish, claim, self.browsers.hosts[order.host])

    def _refuse(self, order: Refuse) -> None:
        claim = self._claims[order.ticket]
        if order.reason == "browser":
            self._observer.refused(reason="browser")
            claim.settle(self.browsers.failure())
        elif order.reason == "quota":
            claim.settle(self._quotas.refusal("sessions", claim.owner))
        else:
            claim.settle(self._full(order.reason))

    def _void(self, order: Void) -> None:
        claim = self._claims.get(order.ticket)
        if claim is None:
            self.on_lost(order.ticket)
        elif claim.settled.is_set():
            claim.error = BrowserLost()
        # Else the claim is being furnished, and is told by the host.

    async def _furnish(self, claim: Claim, host: Host) -> None:
        error: AgentBrowserError | None = BrowserLost()
        try:
            if claim.context is None:
                claim.context = await host.make(
                    claim.options, claim.recordings, within=MAKE_DEADLINE
                )
            else:
                await host.fit(claim.context, claim.options, within=MAKE_DEADLINE)
            error = None
        except AgentBrowserError as exc:
            error = exc
        except Exception:
            log.exception("a context could not be made", host=str(host.id))
            error = InternalError()
        finally:
            claim.settle(error)
            if error is not None or claim.abandoned:
                claim.plain = claim.plain and error is None
                self._dispose(claim, host.id)

    async def _warm_up(self, host_id: HostId) -> None:
        made = False
        try:
            host = self.browsers.hosts.get(host_id)
            context = await host.make(PLAIN, None, within=MAKE_DEADLINE) if host else None
            if context is not None and host_id in self.browsers.hosts:
                self._warm.put(host_id, context)
                made = True
        except AgentBrowserError as exc:
            log.warning("no warm context", host=str(host_id), reason=exc.detail)
        finally:
            self._carry_out(self.ledger.warmed(host_id, made=made))
        if self.pressure.is_short():
            self._trim()
        elif made:
            self.refill()

    async def _close(self, host_id: HostId, context: Context, deadline: float) -> Closed:
        try:
            with anyio.move_on_after(deadline, shield=True):
                return await context.close()
            log.error("a context did not close in time", host=str(host_id), seconds=deadline)
            self._recycle(host_id, "stuck")
        except Exception:
            log.exception("a context did not close well", host=str(host_id))
        return Closed()

    def _recycle_if_due(self, host_id: HostId) -> None:
        host = self.browsers.hosts.get(host_id)
        row = self.ledger.rows.get(host_id)
        if host is not None and row is not None:
            reason = policy.recycle_reason(self._settings, served=row.served, memory=host.memory)
            if reason is not None:
                self._recycle(host_id, reason)

    def _recycle(self, host_id: HostId, reason: str) -> None:
        if not self.browsers.may_launch(host_id.seat):
            return
        orders = self.ledger.recycle(host_id)
        if orders:
            self._observer.recycled(reason=reason)
            log.info("browser is being replaced", host=str(host_id), reason=reason)
            self._carry_out(orders)

    def _trim(self) -> None:
        target = self.pressure.warm_target()
        self._carry_out(self.ledger.trim(target))
        if self.ledger.warm > self._settings.warm:
            self._sweep.at(self._clock.monotonic() + TRIM_AFTER, "trim", self._trim)

    def _look_later(self) -> None:
        when = self._clock.monotonic() + LOOK_EVERY
        self._sweep.at(when, "look", lambda: self._spawn(self._look))

    async def _look(self) -> None:
        try:
            await self.browsers.measure()
            for host_id in list(self.browsers.hosts):
                self._recycle_if_due(host_id)
            self._trim()
            if self.pressure.is_short():
                await self.ease(EASED)
            self.refill()
        finally:
            self._look_later()

    def _no_room(self) -> AgentBrowserError:
        if self.ledger.has_browser:
            return self._full("sessions")
        seconds = self._settings.wait_timeout
        return BrowserLost(f"no browser was up within {seconds:g} s")

    def _full(self, reason: Literal["sessions", "memory", "draining"]) -> PoolFull:
        if reason == "draining":
            wait = max(1.0, self._settings.shutdown_timeout)
        else:
            ahead = self.ledger.waiting
            wait = self.pressure.retry_after(self._next_expiry(), ahead=ahead)
        self._observer.refused(reason=reason)
        log.info("open refused", reason=reason, retry_after=wait, waiting=self.ledger.waiting)
        return PoolFull(reason, retry_after=wait)


def _idly() -> None:
    """There is nobody who could make room."""


async def _no(most: int) -> bool:
    """There is nobody to let go."""
    return False


def _nobody(ticket: int) -> None:
    """Nobody has this lease."""
