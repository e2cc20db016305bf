"""One run: its session, its steps one after the other, and when it is to stop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import structlog
from anyio.lowlevel import checkpoint

from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, InternalError
from agent_browser.models.base import Input
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteOutput,
    FunctionOutput,
    InteractOutput,
    OpenInput,
)
from agent_browser.models.globs import Glob
from agent_browser.models.needs import withheld
from agent_browser.models.reading import MAX_CHARS, ReadInput, ReadOutput
from agent_browser.models.running import (
    OperationReason,
    RunInput,
    Step,
    StepError,
    StepResult,
    step_error,
)
from agent_browser.models.sessions import Session, SessionCreate
from agent_browser.running.progress import Progress, Status
from agent_browser.service import Caller, SessionService

NEW = "new"
READ_TIMEOUT = 5.0
"""Seconds that a page may take to be read for the text that a run stops at."""
LOOK_PATIENCE = 5.0
"""Seconds in which the service says where a session is."""
SCRIPT_ERROR = "script_error"

log = structlog.get_logger(__name__)


class Run:
    """The steps of one request. `perform` once."""

    def __init__(
        self,
        service: SessionService,
        caller: Caller,
        session: str,
        request: RunInput,
        progress: Progress,
        *,
        clock: Clock,
        tell: Callable[[StepResult], None],
    ) -> None:
        """`tell` is told each step that is done."""
        self._looker = replace(caller, is_unlogged=True)
        self.progress = progress
        self.made = False
        """Whether its session was made for it."""
        self._service = service
        self._caller = caller
        self._session = session
        self._request = request
        self._clock = clock
        self._tell = tell
        self._inputs = [step.input for step in request.steps]
        stop = request.stop
        self._glob = Glob(stop.url) if stop is not None and stop.url is not None else None
        self._text = _folded(stop.text) if stop is not None and stop.text is not None else None

    async def enter(self) -> None:
        """Have a session: a new one with the options of the first `open`, or the one named.
        Whatever making one may fail with.
        """
        if self._session == NEW:
            made = await self._service.create(self._caller, self._taken_options())
            # No await between here and the next line: a session that nobody knows would stay.
            self._session, self.made = made.id, True
            self.progress.is_private = is_private(made)
        self.progress.begin(self._session)

    async def perform(self) -> None:
        """Do the steps, to the end that the progress is told."""
        for index, step in enumerate(self._request.steps):
            await checkpoint()  # the page is asked for its text, before this step leaves it
            if self.progress.halt is not None:
                return
            result = await self._do(index, step)
            self._tell(result)
            if not result.ok and not self._request.goes_on(index):
                if self.progress.halt is not None:
                    return  # what ends the run from outside may have failed its step
                self._end(Status.FAILED, "step_failed", result.error)
                return
            reason = await self._met(result)
            if reason is not None:
                self._end(Status.STOPPED, reason)
                return
        self._end(Status.SUCCEEDED)

    async def _do(self, index: int, step: Step) -> StepResult:
        began, at = self._clock.monotonic(), self._clock.now()
        output: FunctionOutput | None = None
        error: StepError | None = None
        try:
            output = await self._service.call(
                self._caller, step.function, self._inputs[index], session=self._session
            )
            error = _failure(output)
        except AgentBrowserError as exc:
            error = step_error(exc)
        except Exception:
            log.exception("a step failed by a fault of the program", step=index)
            error = step_error(InternalError())
        seconds = self._clock.monotonic() - began
        right = withheld(step.input)
        if error is not None:
            error = error.model_copy(update={"right": right})
        return StepResult(
            operation_id=self.progress.brief.id,
            session_id=self._session,
            index=index,
            name=step.name,
            function=step.function,
            ok=error is None,
            output=None
            if output is None
            else output.model_dump(mode="json", exclude={"session_id"}),
            error=error,
            url=await self._url(output),
            started_at=at,
            seconds=round(seconds, 3),
            right=right,
        )

    async def _url(self, output: FunctionOutput | None) -> str:
        """Where the session is; also where the run was cancelled while its step was done, so that
        the step is told.
        """
        known = getattr(output, "url", None)
        if isinstance(known, str) and known:
            return known
        try:
            with anyio.move_on_after(LOOK_PATIENCE, shield=True):
                return (await self._service.get(self._caller, self._session)).url
        except AgentBrowserError as exc:
            log.debug("a session had gone", session=self._session, code=exc.code)
        return ""

    async def _met(self, result: StepResult) -> OperationReason | None:
        """What of the run's condition is met now."""
        if self._glob is not None and self._glob.matches(result.url):
            return "url"
        if self._text is not None and await self._shows(self._text):
            return "text"
        return None

    async def _shows(self, text: str) -> bool:
        look = ReadInput(format="text", max_chars=MAX_CHARS, timeout=READ_TIMEOUT)
        try:
            said = await self._service.call(self._looker, "read", look, session=self._session)
        except AgentBrowserError as exc:
            log.debug("a page could not be read", session=self._session, code=exc.code)
            return False
        return isinstance(said, ReadOutput) and text in _folded(said.content or "")

    def _end(
        self, status: Status, reason: OperationReason | None = None, error: StepError | None = None
    ) -> None:
        self.progress.end(status, reason=reason, error=error)

    def _taken_options(self) -> SessionCreate:
        """What the session is made with: the context's options of the first `open`, which goes
        without them then: what is put there twice may be there twice.
        """
        for index, input in enumerate(self._inputs):
            if isinstance(input, OpenInput):
                given = {name: getattr(input, name) for name in input.model_fields_set}
                own = {name: value for name, value in given.items() if not _is_option(name)}
                self._inputs[index] = _rest(own)
                return SessionCreate(**{name: given[name] for name in given.keys() - own.keys()})
        return SessionCreate()


def is_private(session: Session) -> bool:
    """Whether what its pages say is to be written nowhere."""
    keeps = session.keeps
    return keeps is not None and not (keeps.log_bodies and keeps.page_text)


def _is_option(name: str) -> bool:
    return name in ContextOptions.model_fields


def _rest(own: dict[str, Any]) -> Input:
    return OpenInput(**own)


def _failure(output: FunctionOutput) -> StepError | None:
    """What an answer says that was not done."""
    if isinstance(output, InteractOutput) and not output.success:
        return StepError(code=output.code or "failed", detail=output.message or "")
    if isinstance(output, ExecuteOutput) and output.error is not None:
        return StepError(code=SCRIPT_ERROR, detail=output.error)
    return None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
