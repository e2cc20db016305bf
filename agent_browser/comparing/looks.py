"""One of the two pages: opened if it has to be, then looked at in all the ways asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import anyio

from agent_browser.browser.urls import normalise
from agent_browser.errors import DialogWaiting, NavigationFailed
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
from agent_browser.models.comparing import CompareInput, Side, SideReport
from agent_browser.models.functions import (
    ExecuteInput,
    ExecuteOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.network import (
    ConsoleInput,
    ConsoleOutput,
    RequestsInput,
    RequestsOutput,
)
from agent_browser.models.reading import MAX_CHARS, ReadInput, ReadOutput
from agent_browser.models.sessions import SessionCreate
from agent_browser.models.timing import within
from agent_browser.service import Caller, Image, SessionService

MOST_ELEMENTS = 2_000
_MOST_LOGGED = 1_000
_TIMING = """(() => {
  const [own] = performance.getEntriesByType('navigation');
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  return own ? {
    first_byte: own.responseStart, dom_interactive: own.domInteractive,
    dom_content_loaded: own.domContentLoadedEventEnd, load: own.loadEventEnd,
    first_contentful_paint: paint ? paint.startTime : null,
  } : null;
})()"""
MEASURES = (
    "first_byte", "dom_interactive", "dom_content_loaded", "load", "first_contentful_paint",
)  # fmt: skip


@dataclass
class Look:
    """What was found on one side."""

    report: SideReport
    session: str
    image: Image | None = None
    elements: list[str] = field(default_factory=list)
    total: int = 0
    page: ReadOutput | None = None
    timing: dict[str, float] = field(default_factory=dict)
    requests: RequestsOutput | None = None
    console: ConsoleOutput | None = None


Made = Callable[[str], None]
"""Told of a session that was made here, the moment it is there."""


class Looking:
    """Looks at one side. Raises what the functions raise."""

    def __init__(
        self, service: SessionService, caller: Caller, input: CompareInput, side: Side, name: str
    ) -> None:
        self._service = service
        self._caller = caller
        self._input = input
        self._side = side
        self._name = name
        self._session = side.session or ""

    async def look(self, made: Made) -> Look:
        """Open it, unless it is a session, and look."""
        what = self._input.what
        if self._side.url is not None:
            await self._open(self._side.url, made)
        else:
            # A page that hangs is found out here, where there is a bound: a look has none.
            await self._call(ExecuteInput(code="1"))
        snapshot = await self._snapshot()
        if snapshot.dialog is not None:
            raise DialogWaiting(snapshot.dialog.model_dump())
        report = SideReport(
            session_id=self._side.session,
            url=snapshot.url,
            title=snapshot.title,
            status=snapshot.status,
        )
        look = Look(report, self._session, total=snapshot.total)
        look.elements = [item.desc.partition(" ")[2] for item in snapshot.elements]
        if "screenshot" in what:
            look.image = await self._service.capture(self._caller, self._session, self._picture())
            report.width, report.height = look.image.width, look.image.height
        if {"text", "tree"} & set(what):
            read = ReadInput(format="html", max_chars=MAX_CHARS)
            look.page = cast("ReadOutput", await self._call(read))
        if "timing" in what:
            timed = cast("ExecuteOutput", await self._call(ExecuteInput(code=_TIMING)))
            look.timing = measures(timed.value)
        if "requests" in what:
            requests = RequestsInput(limit=_MOST_LOGGED)
            look.requests = cast("RequestsOutput", await self._call(requests))
        if "console" in what:
            console = ConsoleInput(limit=_MOST_LOGGED)
            look.console = cast("ConsoleOutput", await self._call(console))
        return look

    async def _open(self, url: str, made: Made) -> None:
        """In a session of its own, whose requests are kept from the first on."""
        session = await self._service.create(self._caller, opening(self._input, self._side))
        made(session.id)
        self._session = session.id
        if "requests" in self._input.what:
            await self._call(RequestsInput(limit=1))
        page = OpenInput(
            url=url,
            wait_until=self._side.wait_until or self._input.options.wait_until,
            timeout=self._input.timeout,
            snapshot=False,
        )
        opened = cast("OpenOutput", await self._call(page))
        if opened.gave_a_file(normalise(url)):
            raise NavigationFailed("the address is a file to download, not a page")

    async def _snapshot(self) -> SnapshotOutput:
        limit = MOST_ELEMENTS if "elements" in self._input.what else 1
        return cast("SnapshotOutput", await self._call(SnapshotInput(limit=limit)))

    async def _call(self, input: Input) -> Any:
        left = anyio.current_effective_deadline() - anyio.current_time()
        # What is run in the page here is our own code, whatever the caller may have run there.
        caller = self._caller.with_right("execute")
        return await self._service.call(
            caller, NAMES[type(input)], within(input, left), session=self._session
        )

    def _picture(self) -> ScreenshotInput:
        selectors = [
            mask.selector
            for mask in self._input.masks
            if mask.selector is not None and mask.side in (self._name, "both")
        ]
        return ScreenshotInput(
            full_page=self._input.full_page, scale="css", animations="disabled", mask=selectors
        )


def opening(input: CompareInput, side: Side) -> SessionCreate:
    """The session of a side: the options of both, and over them its own. Nobody is there to answer
    what its page asks.
    """
    given = input.options.model_dump(exclude_unset=True, exclude={"wait_until"})
    own = side.model_dump(exclude_unset=True, exclude={"session", "url", "wait_until"})
    asked = given | own
    asked["dialogs"] = asked.get("dialogs") or "dismiss"
    # It is nobody's to come back to, and what was read is in the answer.
    asked |= {"privacy": {"page_text": False}, "timeouts": {"on_idle": "end"}}
    return SessionCreate.model_validate(asked)


def measures(value: Any) -> dict[str, float]:
    """The page's word on its own loading, as far as it is numbers. Milliseconds."""
    if not isinstance(value, dict):
        return {}
    return {
        name: round(float(value[name]), 1)
        for name in MEASURES
        if isinstance(value.get(name), int | float) and 0 < value[name] < 1e7
    }
