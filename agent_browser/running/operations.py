"""The operations of this server: begun, followed, cancelled, kept. They belong to the server and
not to the request that began them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import structlog
from anyio.abc import TaskGroup

from agent_browser import ids
from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import (
    AgentBrowserError,
    ControlTaken,
    PoolFull,
    SessionEnded,
    TooMany,
)
from agent_browser.events import Publisher, Unheard
from agent_browser.hub import Follow, Hub, Missed, Subscription
from agent_browser.models.control import acts
from agent_browser.models.needs import right_of
from agent_browser.models.running import (
    Operation,
    OperationBrief,
    OperationList,
    OperationReason,
    OperationStatus,
    RunInput,
    RunLine,
    RunSummary,
)
from agent_browser.papers import Papers
from agent_browser.pool.sweep import Sweep
from agent_browser.running.course import Course, Courses
from agent_browser.running.keys import Keys
from agent_browser.running.progress import Progress
from agent_browser.running.register import Register
from agent_browser.running.run import NEW, is_private
from agent_browser.running.telling import told_brief, told_lines, told_operation
from agent_browser.service import Caller, SessionService
from agent_browser.settings import Settings

TRY_AGAIN = 5.0
"""Seconds after which a caller whose run found no place may ask again."""

log = structlog.get_logger(__name__)

Numbered = tuple[int, RunLine]
"""A line and its number, which counts from 1."""


class Operations:
    """Runs and what is kept of them. An async context manager, entered once."""

    def __init__(
        self,
        service: SessionService,
        papers: Papers,
        settings: Settings,
        *,
        publisher: Publisher | None = None,
        hub: Hub | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`hub` tells of sessions whose retention is over: what was done in them goes too."""
        self._service = service
        self._settings = settings
        self._clock = clock or SystemClock()
        self._sweep = Sweep(self._clock)
        self._register = Register(papers)
        self._keys = Keys()
        self._courses = Courses(
            service,
            self._register,
            publisher or Unheard(),
            self._sweep,
            self._clock,
            on_end=self._ended,
        )
        self._hub = hub
        self._tasks: TaskGroup | None = None
        self._draining = False

    async def __aenter__(self) -> Self:
        for brief in await self._register.load():
            self._lose(brief)
        for brief in self._register.ended:
            self._forget_later(brief)
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._sweep.run)
        if self._hub is not None:
            expired = self._hub.subscribe(Follow(types=frozenset({"session.expired"})))
            self._tasks.start_soon(self._heed, expired)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.drain()
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)

    def drain(self) -> None:
        """The server is about to stop: begin no run any more, and no further step of any."""
        self._draining = True
        for progress in self._register.running:
            progress.halt = progress.halt or "shutdown"

    async def start(
        self,
        caller: Caller,
        session: str,
        request: RunInput,
        *,
        key: str | None = None,
        follow: bool = False,
    ) -> tuple[OperationBrief, bool]:
        """Begin a run in that session, or a new one; the operation, and whether it was begun by the
        same request under the same key before.

        With `follow`, the caller is about to read its lines, and this comes back when the run's
        session is there: what a new one may fail with is raised. SessionNotFound, SessionEnded,
        ControlTaken, TooMany, PoolFull, IdempotencyConflict; Forbidden where the caller may not do
        one of the steps.
        """
        for step in request.steps:
            caller.require(right_of(step.input))
        known = None if key is None else self._keys.find(caller.owner, key, session, request)
        if known is not None:
            return self._register.find(caller.owner, known)[0], True
        private = await self._check(caller, session, request)
        # No await between here and the run's having its place: of two at once one is the last.
        known = None if key is None else self._keys.find(caller.owner, key, session, request)
        if known is not None:
            return self._register.find(caller.owner, known)[0], True
        progress = self._begun(caller, session, request)
        progress.is_expected, progress.is_private = follow, private
        course = self._courses.add(caller, session, request, progress)
        assert self._tasks is not None  # a run has a place only where it is
        self._tasks.start_soon(self._courses.take, course)
        if key is not None:
            self._keys.keep(caller.owner, key, session, request, course.id)
        if follow:
            await self._entered(course)
        self._watch(course.progress)
        return course.progress.brief, False

    async def get(self, caller: Caller, operation_id: str) -> Operation:
        """One of the caller's, with its steps, but for what it lacks the right to read. Being asked
        for it is a sign that its client lives. OperationNotFound.
        """
        brief, progress = self._register.reached(caller, operation_id)
        if progress is None:
            return told_operation(await self._register.whole(brief), caller.rights)
        self._watch(progress)
        return told_operation(progress.describe(), caller.rights)

    async def list(
        self,
        caller: Caller,
        *,
        status: OperationStatus | None,
        session_id: str | None,
        limit: int,
        cursor: str | None,
    ) -> OperationList:
        """The caller's, newest first, without their steps. InvalidRequest for a cursor that it did
        not give.
        """
        page = self._register.page(
            caller.owner, status=status, session_id=session_id, limit=limit, cursor=cursor
        )
        page.items = [told_brief(brief, caller.rights) for brief in page.items]
        return page

    @asynccontextmanager
    async def followed(
        self, caller: Caller, operation_id: str, *, after: int = 0
    ) -> AsyncIterator[AsyncIterator[Numbered]]:
        """The lines after that number, those that were there before too, to the summary; for as
        long as the block lasts its client is there. What the caller lacks the right to read is left
        out of them. OperationNotFound.
        """
        brief, progress = self._register.reached(caller, operation_id)
        if progress is None:
            yield told_lines(self._kept_lines(brief, after), caller.rights)
            return
        follower = progress.attach(after)
        self._sweep.cancel(("grace", brief.id))
        try:
            yield told_lines(progress.lines(follower), caller.rights)
        finally:
            progress.detach(follower)
            self._watch(progress)

    def has_told(self, caller: Caller, operation_id: str, after: int) -> bool:
        """Whether it has ended, and who has had the line of that number has had its summary.
        OperationNotFound.
        """
        brief, progress = self._register.reached(caller, operation_id)
        return progress is None and after > brief.done

    async def cancel(self, caller: Caller, operation_id: str) -> Operation:
        """End it, when the action under way is done; one that has ended stays as it is.
        OperationNotFound.
        """
        _, progress = self._register.reached(caller, operation_id)
        if progress is not None:
            self._courses.halt(progress, "cancelled")
            await progress.ended.wait()
        return await self.get(caller, operation_id)

    async def forget(self, caller: Caller, operation_id: str) -> None:
        """Cancel it, and keep nothing of it. OperationNotFound."""
        await self.cancel(caller, operation_id)
        self._forget(operation_id)

    async def forget_session(self, caller: Caller, session_id: str) -> None:
        """Keep nothing of what was done in that session."""
        for brief in self._register.of_session(caller.scope, session_id):
            await self.forget(caller, brief.id)

    async def _check(self, caller: Caller, session: str, request: RunInput) -> bool:
        """Raise what makes the run senseless from the beginning. Whether its session is private, as
        far as that is known.
        """
        if session == NEW:
            return False
        found = await self._service.get(caller, session)
        if found.ended_at is not None:
            raise SessionEnded(found.id, found.ended_at, found.end_reason or "closed")
        control = await self._service.control(caller, session)
        is_another_s = control.holder is not None and not control.mine
        if is_another_s and any(acts(step.input) for step in request.steps):
            raise ControlTaken(control.holder or "", control.since or self._clock.now())
        return is_private(found)

    def _begun(self, caller: Caller, session: str, request: RunInput) -> Progress:
        """A run's place. PoolFull, TooMany."""
        if self._draining or self._tasks is None:
            raise PoolFull("draining", retry_after=TRY_AGAIN)
        if len(self._register.running) >= self._settings.max_runs:
            raise TooMany(
                f"{self._settings.max_runs} runs are under way already", retry_after=TRY_AGAIN
            )
        brief = OperationBrief(
            id=ids.new_operation_id(),
            session_id=None if session == NEW else session,
            status="running",
            total=len(request.steps),
            on_disconnect=request.on_disconnect,
            created_at=self._clock.now(),
        )
        room = self._settings.operation_bytes
        return Progress(brief, caller.owner, clock=self._clock, room=room)

    async def _entered(self, course: Course) -> None:
        """Come back when its session is there. Raise why it has none."""
        try:
            await course.entered.wait()
        except BaseException:
            course.progress.is_expected = False
            self._watch(course.progress)
            raise
        if course.refusal is not None:
            raise course.refusal

    def _watch(self, progress: Progress) -> None:
        """Give its client so long to come back, if it matters and it is not there."""
        if (
            progress.is_running
            and not progress.followers
            and progress.brief.on_disconnect == "abort"
        ):
            self._sweep.at(
                self._clock.monotonic() + self._settings.reconnect_grace,
                ("grace", progress.brief.id),
                partial(self._courses.halt, progress, "client_gone"),
            )

    async def _kept_lines(self, brief: OperationBrief, after: int) -> AsyncIterator[Numbered]:
        steps = await self._register.steps(brief.id)
        for number, step in enumerate(steps, start=1):
            if number > after:
                yield number, step
        yield len(steps) + 1, RunSummary(**dict(brief))

    async def _heed(self, expired: Subscription) -> None:
        """Forget what was done in sessions that are forgotten."""
        with expired:
            async for told in expired:
                if isinstance(told, Missed):
                    await self._forget_erased()
                    continue
                for brief in self._register.of_session(told.owner, told.event.session_id):
                    self._session_gone(brief)

    async def _forget_erased(self) -> None:
        """Of some it was not told: forget those that went with them."""
        try:
            for brief in await self._register.erased():
                self._forget(brief.id)
        except AgentBrowserError as exc:
            log.warning("operations of forgotten sessions may be left", reason=exc.detail)

    def _session_gone(self, brief: OperationBrief) -> None:
        """Forget it now, or when it ends: who follows it is told of it to its end."""
        for progress in self._register.running:
            if progress.brief.id == brief.id:
                progress.is_to_be_forgotten = True
                return
        self._forget(brief.id)

    def _ended(self, course: Course) -> None:
        """It is kept from now on, as long as there is room for it."""
        brief = course.progress.brief
        self._sweep.cancel(("grace", brief.id))
        if course.progress.is_to_be_forgotten:
            self._forget(brief.id)
            return
        if course.refusal is not None:
            self._keys.forget(brief.id)  # nothing was done: the same request may be sent again
        self._forget_later(brief)
        for surplus in self._register.ended[: -self._settings.max_operations]:
            self._forget(surplus.id)

    def _forget_later(self, brief: OperationBrief) -> None:
        past = (self._clock.now() - (brief.ended_at or brief.created_at)).total_seconds()
        left = max(0.0, self._settings.operation_retention - max(0.0, past))
        self._sweep.at(
            self._clock.monotonic() + left, ("forget", brief.id), partial(self._forget, brief.id)
        )

    def _forget(self, operation_id: str) -> None:
        self._sweep.cancel(("forget", operation_id))
        self._keys.forget(operation_id)
        self._register.forget(operation_id)

    def _lose(self, brief: OperationBrief) -> None:
        """The server that did it is no more."""
        reason: OperationReason = "server_lost"
        brief.status, brief.reason, brief.ended_at = "aborted", reason, self._clock.now()
        self._register.write(brief)
        log.info("an operation was lost with its server", operation=brief.id)
