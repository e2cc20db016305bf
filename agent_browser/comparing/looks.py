"""One of the two pages: opened if it has to be, then looked at in all the ways asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import anyio

from agent_browser.browser.urls import normalise
from agent_browser.errors import DialogWaiting, NavigationFailed
from agent_browser.models.base import Input
from agent_browser.models.catalogue import INPUTS
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
from agent_browser.models.network import ConsoleOutput, RequestsOutput
from agent_browser.models.reading import MAX_CHARS, ReadInput, ReadOutput
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
            opened = cast("OpenOutput", await self._call(opening(self._input, self._side), "new"))
            made(opened.session_id)
            self._session = opened.session_id
            if opened.gave_a_file(normalise(self._side.url)):
                raise NavigationFailed("the address is a file to download, not a page")
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
            look.requests = cast("RequestsOutput | None", await self._logged("requests"))
        if "console" in what:
            look.console = cast("ConsoleOutput | None", await self._logged("console"))
        return look

    async def _snapshot(self) -> SnapshotOutput:
        limit = MOST_ELEMENTS if "elements" in self._input.what else 1
        return cast("SnapshotOutput", await self._call(SnapshotInput(limit=limit)))

    async def _logged(self, function: str) -> Any:
        input = INPUTS[function].model_validate({"limit": _MOST_LOGGED})
        return await self._call(input, function=function)

    async def _call(self, input: Input, session: str = "", *, function: str = "") -> Any:
        name = function or type(input).__name__.removesuffix("Input").lower()
        left = anyio.current_effective_deadline() - anyio.current_time()
        return await self._service.call(
            self._caller, name, within(input, left), session=session or self._session
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


def opening(input: CompareInput, side: Side) -> OpenInput:
    """How a side is opened: the options of both, and over them its own. Nobody is there to answer
    what it asks.
    """
    given = input.options.model_dump(exclude_unset=True)
    own = side.model_dump(exclude_unset=True, exclude={"session"})
    asked = {
        **given,
        **own,
        "wait_until": own.get("wait_until") or input.options.wait_until,
        "timeout": input.timeout,
        "snapshot": False,
    }
    asked["dialogs"] = asked.get("dialogs") or "dismiss"
    return OpenInput.model_validate(asked)


def measures(value: Any) -> dict[str, float]:
    """The page's word on its own loading, as far as it is numbers. Milliseconds."""
    if not isinstance(value, dict):
        return {}
    return {
        name: round(float(value[name]), 1)
        for name in MEASURES
        if isinstance(value.get(name), int | float) and 0 < value[name] < 1e7
    }
