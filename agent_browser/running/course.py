"""The course of runs: each from its session on to its end, with what is told and kept of it."""

from collections.abc import Callable
from functools import partial

import anyio
import structlog

from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, InternalError
from agent_browser.events import Publisher
from agent_browser.models.events import EventType
from agent_browser.models.running import OperationReason, RunInput, StepResult, step_error
from agent_browser.pool.sweep import Sweep
from agent_browser.running.progress import Progress, Status
from agent_browser.running.register import Register
from agent_browser.running.run import Run
from agent_browser.service import Caller, SessionService

SAVE_AFTER = 1.0
"""Seconds after a step in which those that follow are written with it."""
END_PATIENCE = 10.0
"""Seconds in which a session that nobody wants any more has to end."""

log = structlog.get_logger(__name__)


class Course:
    """One run under way."""

    def __init__(self, run: Run, caller: Caller) -> None:
        self.run = run
        self.caller = caller
        self.progress = run.progress
        self.scope = anyio.CancelScope()
        self.entered = anyio.Event()
        """Its session is there, or it has ended without one."""
        self.refusal: AgentBrowserError | None = None
        """Why it has no session."""

    @property
    def id(self) -> str:
        """The operation's."""
        return self.progress.brief.id


class Courses:
    """All that are under way."""

    def __init__(
        self,
        service: SessionService,
        register: Register,
        publisher: Publisher,
        sweep: Sweep,
        clock: Clock,
        *,
        on_end: Callable[[Course], None],
    ) -> None:
        self._service = service
        self._register = register
        self._publisher = publisher
        self._sweep = sweep
        self._clock = clock
        self._on_end = on_end
        self._by_id: dict[str, Course] = {}
        self._unsaved: set[str] = set()

    def add(self, caller: Caller, session: str, request: RunInput, progress: Progress) -> Course:
        """A run that is about to be taken."""
        run = Run(
            self._service, caller, session, request, progress,
            clock=self._clock, tell=partial(self._tell, progress),
        )  # fmt: skip
        course = self._by_id[progress.brief.id] = Course(run, caller)
        self._register.add(progress)
        return course

    def halt(self, progress: Progress, reason: OperationReason) -> None:
        """Begin no further step, and wait for nothing; an action under way is done to its end."""
        progress.halt = progress.halt or reason
        course = self._by_id.get(progress.brief.id)
        if course is not None:
            course.scope.cancel()

    async def take(self, course: Course) -> None:
        """Do it all. What goes wrong is in the operation."""
        progress = course.progress
        try:
            with course.scope:
                await self._enter(course)
                if progress.is_running:
                    self._publish(progress, "operation.started", total=progress.brief.total)
                    await course.run.perform()
        except Exception:
            log.exception("a run failed by a fault of the program", operation=course.id)
            if progress.is_running:
                fault = step_error(InternalError())
                progress.end(Status.FAILED, reason="step_failed", error=fault)
        finally:
            if progress.is_running:
                progress.end(Status.ABORTED, reason=progress.halt or "shutdown")
            self._finish(course)
        if progress.brief.reason == "client_gone" and course.run.made:
            await self._end_session(course)

    async def _enter(self, course: Course) -> None:
        try:
            await course.run.enter()
        except AgentBrowserError as exc:
            course.refusal = exc
            course.progress.end(Status.FAILED, reason="no_session", error=step_error(exc))
        course.entered.set()

    def _finish(self, course: Course) -> None:
        progress = course.progress
        brief = progress.brief
        course.entered.set()
        del self._by_id[brief.id]
        self._sweep.cancel(("save", brief.id))
        self._unsaved.discard(brief.id)
        self._register.end(progress)
        log.info("run ended", operation=brief.id, status=brief.status, reason=brief.reason)
        self._publish(
            progress, "operation.ended", status=brief.status, reason=brief.reason,
            total=brief.total, done=brief.done, failed=brief.failed,
        )  # fmt: skip
        self._on_end(course)

    async def _end_session(self, course: Course) -> None:
        """It was made for a client that is gone, and wanted the run to go with it."""
        session_id = course.progress.brief.session_id
        if session_id is None:
            return
        try:
            with anyio.move_on_after(END_PATIENCE, shield=True):
                await self._service.end(course.caller, session_id)
        except AgentBrowserError as exc:
            log.debug("a session had gone before", session=session_id, code=exc.code)

    def _tell(self, progress: Progress, result: StepResult) -> None:
        """A step was done."""
        progress.add(result)
        self._publish(
            progress, "operation.step", index=result.index, name=result.name,
            function=result.function, ok=result.ok,
            code=None if result.error is None else result.error.code,
        )  # fmt: skip
        operation_id = progress.brief.id
        if operation_id not in self._unsaved:
            self._unsaved.add(operation_id)
            when = self._clock.monotonic() + SAVE_AFTER
            self._sweep.at(when, ("save", operation_id), partial(self._save, progress))

    def _save(self, progress: Progress) -> None:
        self._unsaved.discard(progress.brief.id)
        self._register.write(progress.brief)
        self._register.write_steps(progress)

    def _publish(self, progress: Progress, kind: EventType, **data: object) -> None:
        session_id = progress.brief.session_id
        if session_id is not None:
            told = {"operation_id": progress.brief.id, **data}
            self._publisher.publish(kind, session_id, progress.owner, told)
