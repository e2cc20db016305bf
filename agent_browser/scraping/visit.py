"""One try of one page: its session, the page, what is read of it, all within the page's time."""

from collections.abc import Callable
from typing import Any, cast

import anyio

from agent_browser.browser.urls import normalise
from agent_browser.errors import (
    AgentBrowserError,
    BrowserLost,
    DeadlineExceeded,
    Gone,
    InternalError,
    InvalidUrl,
    SessionNotFound,
)
from agent_browser.models.functions import (
    ExecuteInput,
    ExecuteOutput,
    InteractOutput,
    OpenInput,
    OpenOutput,
)
from agent_browser.models.scraping import ScrapeError, ScrapeInput
from agent_browser.models.timing import within
from agent_browser.scraping.retries import ROBOTS, Outcome, failed, no_page, refused_status
from agent_browser.scraping.rules import File, HostRules, PlainReader
from agent_browser.scraping.stays import Stays
from agent_browser.service import Caller, SessionService

_TEXT = "document.body ? document.body.innerText : ''"

Slow = Callable[[float], None]
"""Told the delay that a host asks for, once its rules are known; 0 for none."""


class Visits:
    """Tries of pages for one request."""

    def __init__(
        self,
        service: SessionService,
        caller: Caller,
        request: ScrapeInput,
        stays: Stays,
        rules: HostRules,
        reader: PlainReader,
    ) -> None:
        self._service = service
        self._caller = caller
        self._request = request
        self._stays = stays
        self._rules = rules
        self._reader = reader
        self._readings = [(name, one.function, one.parsed()) for name, one in request.readings()]

    async def attempt(self, host: str, url: str, slow: Slow) -> Outcome:
        """Try the page once. What goes wrong is in the outcome."""
        outcome = Outcome()
        try:
            url = normalise(url)
            if not await self._is_allowed(outcome, host, url, slow):
                return outcome
            outcome.session_id = await self._stays.enter(host)
        except AgentBrowserError as exc:
            outcome.was_tried = not isinstance(exc, InvalidUrl)
            self._fail(outcome, exc)
            return outcome
        try:
            await self._within_time(outcome, url)
        finally:
            await self._leave(outcome)
        return outcome

    async def _within_time(self, outcome: Outcome, url: str) -> None:
        session, seconds = cast("str", outcome.session_id), self._request.timeout
        is_late = False

        async def expire() -> None:
            nonlocal is_late
            await anyio.sleep(seconds)
            is_late = True
            # The call under way goes on to its own end, unless its session ends.
            await self._stays.break_off(session)
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(expire)
            await self._look(outcome, session, url)
            group.cancel_scope.cancel()
        if is_late:
            self._fail(outcome, DeadlineExceeded("page", seconds))

    async def _look(self, outcome: Outcome, session: str, url: str) -> None:
        deadline = anyio.current_time() + self._request.timeout
        reading: str | None = None
        try:
            opened = await self._open(session, url, self._request.timeout)
            outcome.final_url, outcome.title = opened.url, opened.title
            outcome.status, outcome.retry_after = opened.status, opened.retry_after
            outcome.files = opened.downloads
            if opened.gave_a_file(url):
                # What the tab shows is the page before: nothing of this address.
                outcome.final_url = outcome.title = None
                names = [file.filename for file in opened.downloads]
                names += [file.name for file in opened.unfinished_downloads]
                outcome.error = no_page(names)
                return
            for reading, function, given in self._readings:
                input = within(given, deadline - anyio.current_time())
                output = await self._service.call(self._caller, function, input, session=session)
                outcome.readings[reading] = output.model_dump(mode="json", exclude={"session_id"})
                self._check_done(outcome, reading, output)
        except AgentBrowserError as exc:
            self._fail(outcome, exc, reading)
        if outcome.error is None:
            outcome.error = refused_status(outcome.status)

    async def _open(self, session: str, url: str, seconds: float) -> OpenOutput:
        given: dict[str, Any] = {}
        if not self._stays.makes_own:
            given = self._request.options.model_dump(exclude_unset=True)
        input = OpenInput(
            **given,
            url=url,
            wait_until=self._request.wait_until,
            timeout=seconds,
            snapshot=False,
        )
        output = await self._service.call(self._caller, "open", input, session=session)
        return cast("OpenOutput", output)

    def _check_done(self, outcome: Outcome, reading: str, output: object) -> None:
        """What a function answers that was called in vain; the first one counts."""
        if outcome.error is not None:
            return
        if isinstance(output, ExecuteOutput) and output.error is not None:
            outcome.error = ScrapeError(code="script_error", detail=output.error, reading=reading)
        if isinstance(output, InteractOutput) and not output.success:
            detail = output.message or "the action could not be done"
            outcome.error = ScrapeError(
                code=output.code or "failed", detail=detail, reading=reading
            )

    def _fail(self, outcome: Outcome, exc: AgentBrowserError, reading: str | None = None) -> None:
        outcome.cause = exc
        outcome.error = failed(exc, reading)

    async def _leave(self, outcome: Outcome) -> None:
        session = cast("str", outcome.session_id)
        if isinstance(outcome.cause, BrowserLost | SessionNotFound | Gone):
            await self._stays.break_off(session)
            return
        try:
            videos = await self._stays.leave(session)
        except AgentBrowserError as exc:
            if outcome.error is None:
                self._fail(outcome, exc)
            return
        if videos:
            outcome.videos = videos

    async def _is_allowed(self, outcome: Outcome, host: str, url: str, slow: Slow) -> bool:
        if not self._request.robots:
            return True
        options = self._request.options
        bounded = options.proxy_url is not None or options.egress is not None
        by_browser = bounded or not self._stays.makes_own or options.profile is not None

        async def browse(address: str) -> File:
            return await self._browse(host, address)

        robots = await self._rules.of(url, browse if by_browser else self._reader)
        slow(robots.delay or 0.0)
        if robots.may_fetch(url):
            return True
        outcome.was_tried = False
        detail = robots.refusal or "robots.txt disallows this address"
        outcome.error = ScrapeError(code=ROBOTS, detail=detail)
        return False

    async def _browse(self, host: str, address: str) -> File:
        """The file by way of the browser, so that it takes the way that the page takes."""
        session = await self._stays.enter(host)
        try:
            opened = await self._open(session, address, self._request.timeout)
            said = await self._service.call(
                self._caller.with_right("execute"),  # the code is ours
                "execute",
                ExecuteInput(code=_TEXT),
                session=session,
            )
        finally:
            await self._stays.leave(session)
        text = said.value if isinstance(said, ExecuteOutput) else None
        if opened.status is None:
            raise InternalError
        return File(opened.status, text if isinstance(text, str) else "")
