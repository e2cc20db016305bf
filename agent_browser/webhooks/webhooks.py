"""The webhooks of this server: made, changed, tried, and each with its own line."""

import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import structlog
from anyio.abc import TaskGroup

from agent_browser.clock import Clock, Steady, SystemClock
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import Conflict, InvalidRequest, WebhookNotFound
from agent_browser.hub import Hub
from agent_browser.ids import new_webhook_id
from agent_browser.models.webhooks import (
    Delivery,
    DeliveryList,
    Webhook,
    WebhookCreate,
    WebhookList,
    WebhookMade,
    WebhookPatch,
)
from agent_browser.papers import Papers
from agent_browser.service import Caller
from agent_browser.settings import Settings
from agent_browser.webhooks import signing
from agent_browser.webhooks.deliveries import Deliveries, Parcel
from agent_browser.webhooks.hook import KIND, Hook
from agent_browser.webhooks.line import Line, Means
from agent_browser.webhooks.sender import Sender

LAST_PATIENCE = 3.0
"""Seconds at shutdown in which the last events may still be sent."""

log = structlog.get_logger(__name__)


class Webhooks:
    """An async context manager, entered once, outside of what publishes: once the hub is closed,
    leaving sends what it can and writes down the rest.
    """

    def __init__(
        self,
        hub: Hub,
        papers: Papers,
        outbound: Outbound,
        settings: Settings,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        luck: Callable[[], float] = random.random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._papers = papers
        self._outbound = outbound
        self._most = settings.max_webhooks
        self._clock = clock or SystemClock()
        self._sender = Sender(outbound, self._clock, timeout=settings.webhook_timeout, tls=tls)
        self._means = Means(
            hub=hub,
            sender=self._sender,
            clock=self._clock,
            steady=Steady(self._clock),
            patience=settings.webhook_patience,
            sleep=sleep,
            luck=luck,
            keep=self._keep,
        )
        self._lines: dict[str, Line] = {}
        hub.on_forgotten(self._forget)
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._sender)
        for paper in await self._papers.papers(KIND):
            line = self._line(Hook.model_validate(paper.data))
            line.resume(await line.deliveries.load())
        self._tasks = await anyio.create_task_group().__aenter__()
        for line in self._lines.values():
            self._start(line)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tasks is not None:
            self._means.hub.close()
            for line in self._lines.values():
                if line.is_trying_again:
                    line.end()
            with anyio.move_on_after(LAST_PATIENCE, shield=True):
                for line in self._lines.values():
                    await line.rests.wait()
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
        await self._stack.aclose()

    async def create(self, caller: Caller, request: WebhookCreate) -> WebhookMade:
        """Make one; the answer alone has its secret. InvalidUrl, EgressDenied, InvalidRequest,
        Conflict where the owner has as many as may be.
        """
        self._outbound.check(request.url)
        if request.secret is not None:
            _check(request.secret.get_secret_value())
        if len(self._of(caller)) >= self._most:
            raise Conflict(f"an owner may have {self._most} webhooks; delete one before")
        hook = Hook.made(new_webhook_id(), caller.owner, request, self._clock.now())
        line = self._line(hook)
        self._keep(hook)
        self._start(line)
        return hook.shown_once()

    async def list(self, caller: Caller) -> WebhookList:
        """The caller's, oldest first."""
        return WebhookList(items=[line.hook.shown() for line in self._of(caller)])

    async def get(self, caller: Caller, webhook_id: str) -> Webhook:
        """One of the caller's. WebhookNotFound."""
        return self._find(caller, webhook_id).hook.shown()

    async def update(self, caller: Caller, webhook_id: str, patch: WebhookPatch) -> Webhook:
        """Change what is given, at once; what waits to be sent is sent as the webhook is then.
        WebhookNotFound, InvalidUrl, EgressDenied, InvalidRequest.
        """
        line = self._find(caller, webhook_id)
        if patch.url is not None:
            self._outbound.check(patch.url)
        if patch.secret is not None:
            _check(patch.secret.get_secret_value())
        line.hook.change(patch, self._clock.now())
        self._keep(line.hook)
        line.change()
        if line.rests.is_set():
            self._start(line)
        return line.hook.shown()

    async def delete(self, caller: Caller, webhook_id: str) -> None:
        """Forget it and its deliveries. WebhookNotFound."""
        self._delete(self._find(caller, webhook_id))

    def _delete(self, line: Line) -> None:
        del self._lines[line.hook.id]
        line.end()
        self._papers.drop(KIND, line.hook.id)
        line.deliveries.erase()

    def _forget(self, session_id: str) -> None:
        """A session is being erased: its own webhooks go; of it only its end is still sent."""
        for line in tuple(self._lines.values()):
            if line.hook.session == session_id:
                self._delete(line)
            else:
                line.forget(session_id)

    async def deliveries(
        self, caller: Caller, webhook_id: str, *, limit: int, cursor: str | None
    ) -> DeliveryList:
        """A page of what was sent, newest first. WebhookNotFound, InvalidRequest for a cursor that
        it did not give.
        """
        return await self._find(caller, webhook_id).deliveries.page(limit, cursor)

    async def test(self, caller: Caller, webhook_id: str) -> Delivery:
        """Send it an event that says that nothing happened, once; what came of it."""
        line = self._find(caller, webhook_id)
        parcel = Parcel.test(line.hook, self._clock.now())
        await line.attempt(parcel)
        return parcel.delivery

    def _line(self, hook: Hook) -> Line:
        line = Line(hook, Deliveries(hook, self._papers), self._means)
        self._lines[hook.id] = line
        return line

    def _start(self, line: Line) -> None:
        if self._tasks is None:
            raise RuntimeError("webhooks are not open")
        line.begin()
        self._tasks.start_soon(_guarded, line)

    def _of(self, caller: Caller) -> tuple[Line, ...]:
        return tuple(line for line in self._lines.values() if line.hook.owner == caller.owner)

    def _find(self, caller: Caller, webhook_id: str) -> Line:
        line = self._lines.get(webhook_id)
        if line is None or line.hook.owner != caller.owner:
            raise WebhookNotFound(webhook_id)
        return line

    def _keep(self, hook: Hook) -> None:
        if hook.id in self._lines:  # else it was deleted meanwhile
            self._papers.put(KIND, hook.id, hook.owner, hook.data())


def _check(secret: str) -> None:
    try:
        signing.key_of(secret)
    except ValueError as exc:
        raise InvalidRequest(str(exc), [{"field": "secret", "message": str(exc)}]) from exc


async def _guarded(line: Line) -> None:
    """One line's fault must not end the others."""
    try:
        await line.run()
    except Exception:
        log.exception("a webhook's line failed", webhook=line.hook.id)
