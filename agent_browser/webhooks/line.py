"""The line of one webhook: its events one after the other, each tried again until it arrives or is
given up. Nobody else waits in it.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import anyio
import structlog

from agent_browser.clock import Clock, Steady
from agent_browser.hub import Hub, Missed, Told
from agent_browser.webhooks import schedule, signing
from agent_browser.webhooks.deliveries import Deliveries, Parcel
from agent_browser.webhooks.hook import Hook
from agent_browser.webhooks.sender import Sender

MOST_WAITING = 1_000
"""Events that wait in a line behind the one that is sent; the oldest are lost past that."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Means:
    """What all lines work with."""

    hub: Hub
    sender: Sender
    clock: Clock
    steady: Steady
    patience: float
    """Seconds that a webhook may fail before it is switched off."""
    sleep: Callable[[float], Awaitable[None]]
    luck: Callable[[], float]
    keep: Callable[[Hook], None]
    """Writes a webhook down as it is now."""


class Line:
    """It listens from the moment that it is made and sends in `run`, a task of its own, until its
    webhook is switched off, the hub is closed, or it is ended.
    """

    def __init__(self, hook: Hook, deliveries: Deliveries, means: Means) -> None:
        self.hook = hook
        self.deliveries = deliveries
        self._means = means
        self._waiting: deque[Parcel] = deque()
        self._events = means.hub.subscribe(hook.follow)
        self._scope = anyio.CancelScope()
        self._again = False
        self.rests = anyio.Event()
        """Set when `run` has ended."""

    @property
    def is_trying_again(self) -> bool:
        """Whether what is first in it has failed before."""
        return bool(self._waiting) and self._waiting[0].delivery.attempts > 0

    def resume(self, parcels: list[Parcel]) -> None:
        """These come before all others."""
        self._waiting.extendleft(reversed(parcels))

    def begin(self) -> None:
        """`run` is about to be started."""
        self._again = True
        self.rests = anyio.Event()

    async def run(self) -> None:
        """Work. What was not sent is written down at the end, for a later server."""
        try:
            while self._again and self.hook.enabled:
                self._again = False
                self._scope = anyio.CancelScope()
                with self._scope:
                    await self._work()
        finally:
            self._take_rest()
            self._events.close()
            if not self.hook.enabled:
                self._drop("the webhook was switched off")
            self.rests.set()

    def change(self) -> None:
        """The webhook is another now: listen for what it wants. What waits is not lost."""
        self._take_rest()
        self._events.close()
        self._events = self._means.hub.subscribe(self.hook.follow)
        self._again = True
        self._scope.cancel()

    def forget(self, session_id: str) -> None:
        """Send nothing more of a session that was erased, but its end."""
        gone = [
            parcel
            for parcel in self._waiting
            if parcel.delivery.session_id == session_id
            and parcel.delivery.event_type != "session.ended"
        ]
        for parcel in gone:
            self._waiting.remove(parcel)
            self.deliveries.give_up(parcel, "its session was erased")

    def end(self) -> None:
        """Send nothing more."""
        self._again = False
        self._scope.cancel()

    async def attempt(self, parcel: Parcel) -> bool:
        """Send it, once; whether it arrived. What came of it is in the log."""
        means, delivery = self._means, parcel.delivery
        timestamp = int(means.clock.now().timestamp())
        headers = signing.headers(self.hook.secret, delivery.id, timestamp, parcel.body)
        answer = await means.sender.post(self.hook.url, parcel.body, headers)
        now = means.clock.now()
        delivery.attempts += 1
        delivery.attempted_at, delivery.next_attempt_at = now, None
        delivery.status, delivery.error = answer.status, answer.error
        delivery.milliseconds = answer.milliseconds
        if answer.error is None:
            delivery.state = "delivered"
        else:
            wait = schedule.pause(delivery.attempts, asked=answer.retry_after, luck=means.luck())
            if wait is None or delivery.event_id is None:
                delivery.state = "failed"
            else:
                delivery.next_attempt_at = now + timedelta(seconds=wait)
        self.deliveries.put(parcel)
        return answer.error is None

    async def _work(self) -> None:
        while self._waiting:
            await self._send_first()
        async for item in self._events:
            self._take(item)
            while self._waiting:
                await self._send_first()

    def _write_down(self, item: Told | Missed) -> None:
        """It waits behind another: a server that comes after this one is to have it."""
        self._take(item)
        if isinstance(item, Told):
            self.deliveries.put(self._waiting[-1])

    def _take(self, item: Told | Missed) -> None:
        if isinstance(item, Missed):
            self.hook.lost += item.count or 0
            self._means.keep(self.hook)
            return
        self._waiting.append(Parcel.of(self.hook, item, self._means.clock.now()))
        if len(self._waiting) > 1 + MOST_WAITING:
            oldest = self._waiting[1]
            del self._waiting[1]
            self.hook.lost += 1
            self._means.keep(self.hook)
            self.deliveries.give_up(oldest, "too many others waited")

    def _take_rest(self) -> None:
        """What the subscription still holds waits here from now on, and is written down."""
        if self._waiting:  # it may be on its way for the first time; those behind it are written
            self.deliveries.put(self._waiting[0])
        while (item := self._events.take()) is not None:
            self._write_down(item)

    async def _send_first(self) -> None:
        """Send what waits first until it arrived or is given up; then it waits no more."""
        parcel = self._waiting[0]
        delivery = parcel.delivery
        while delivery.state == "pending":
            if delivery.next_attempt_at is not None:
                left = (delivery.next_attempt_at - self._means.clock.now()).total_seconds()
                # Not longer than any pause: an earlier server's clock may have been another.
                await self._pause(min(max(0.0, left), schedule.LONGEST))
                if delivery.state != "pending":
                    return
            arrived = await self.attempt(parcel)
            if not self._judge(parcel, arrived=arrived):
                return
        if self._waiting and self._waiting[0] is parcel:
            self._waiting.popleft()

    async def _pause(self, seconds: float) -> None:
        """Write down what comes meanwhile: a server that is killed has a later one send it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._gather)
            await self._means.sleep(seconds)
            tasks.cancel_scope.cancel()

    async def _gather(self) -> None:
        async for item in self._events:
            self._write_down(item)

    def _judge(self, parcel: Parcel, *, arrived: bool) -> bool:
        """Note how the webhook fares; whether it goes on."""
        hook, now = self.hook, self._means.steady.now()
        if arrived:
            if hook.failing_since is not None:
                hook.failing_since = None
                self._means.keep(hook)
            return True
        since = min(hook.failing_since or now, now)
        why = schedule.why_off(
            parcel.delivery.status, failing_since=since, now=now, patience=self._means.patience
        )
        if hook.failing_since is None or why is not None:
            hook.failing_since = since
            if why is not None:
                hook.switch_off(why, now)
                log.warning("webhook switched off", webhook=hook.id, why=why)
            self._means.keep(hook)
        if why is not None:
            self.end()
        return why is None

    def _drop(self, why: str) -> None:
        while self._waiting:
            self.deliveries.give_up(self._waiting.popleft(), why)
