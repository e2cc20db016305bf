"""The diary: what is called on sessions is put into their logs, off the way of who calls."""

import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.actions import Action
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
from agent_browser.models.files import FileErased, FilesPut
from agent_browser.models.functions import (
    FunctionOutput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
)
from agent_browser.pixels import small
from agent_browser.pool.accounts import REFUSALS
from agent_browser.pool.means import Means
from agent_browser.service import Caller
from agent_browser.session.log import Called, entry
from agent_browser.session.session import Moved, Session

log = structlog.get_logger("agent_browser.pool")

THUMBNAIL = 320
"""Pixels of the longer side of a log's picture."""
THUMBNAIL_PATIENCE = 1.0
"""Seconds that one may take: the session's next call waits for it, and a crash loses its entry."""
_PICTURE = ScreenshotInput(type="jpeg", quality=50)
_NAMES: dict[type[Input], str] = {**NAMES, FilesPut: "upload", FileErased: "delete_upload"}


@dataclass
class Came:
    """What came of a call, for who writes it down."""

    is_pictured: bool = False
    """A picture is taken of what it came to, for which it has to keep its turn."""
    output: FunctionOutput | None = None


@dataclass
class _Line:
    """An entry that waits: for its picture, or for those before it."""

    action: Action
    is_ready: bool


@dataclass
class _Waiting:
    """A session's entries from the first on that is not ready."""

    lines: deque[_Line] = field(default_factory=deque)
    over: anyio.Event = field(default_factory=anyio.Event)


class Diary:
    """Writes one entry for each call on a session that is known, in the order in which they end."""

    def __init__(self, means: Means) -> None:
        self._archive = means.archive
        self._keeping = means.keeping
        self._clock = means.clock
        self._spawn = means.spawn
        self._waiting: dict[str, _Waiting] = {}

    @asynccontextmanager
    async def written(self, session: Session, caller: Caller, input: Input) -> AsyncIterator[Came]:
        """Around a call: its end is put into the log, however it ends. One that is to be pictured
        keeps its turn: see `Session.call`.
        """
        if caller.is_unlogged:
            yield Came()
            return
        at, began = self._clock.now(), time.perf_counter()
        before, plain = session.url, session.is_plain(input)
        came, error = Came(session.keeps.thumbnails and _acts(input)), None
        try:
            yield came
        except BaseException as exc:
            error = exc
            raise
        finally:
            # What was not done here is written down by the session that takes its place.
            if not isinstance(error, Moved):
                milliseconds = (time.perf_counter() - began) * 1000
                called = Called(
                    session.id,
                    at,
                    _NAMES[type(input)],
                    input,
                    milliseconds,
                    before,
                    session.url,
                    client=caller.client,
                    output=came.output,
                    error=error,
                    is_refused=isinstance(error, REFUSALS),
                    is_plain=plain,
                )
                self._end(session, called, is_pictured=came.is_pictured and error is None)

    async def settled(self, session_id: str) -> None:
        """Come back when the entries of calls that have ended are in the log, pictures too."""
        while session_id in self._waiting:
            await self._waiting[session_id].over.wait()

    def _end(self, session: Session, called: Called, *, is_pictured: bool) -> None:
        try:
            line = _Line(entry(called, bodies=session.keeps.bodies), is_ready=not is_pictured)
        except Exception:
            log.exception("a call could not be written down", session=called.session_id)
            if is_pictured:
                self._spawn(session.glimpse, _PICTURE)  # which gives its turn
            return
        if is_pictured:
            self._spawn(self._illustrate, session, line)
        self._put(line)

    def _put(self, line: _Line) -> None:
        session_id = line.action.session_id
        waiting = self._waiting.get(session_id)
        if waiting is None and line.is_ready:
            self._archive.put_action(line.action)
            return
        if waiting is None:
            waiting = self._waiting[session_id] = _Waiting()
        waiting.lines.append(line)

    def _ready(self, line: _Line) -> None:
        """It has its picture, or gets none: it goes with those that waited for it."""
        line.is_ready = True
        waiting = self._waiting[line.action.session_id]
        while waiting.lines and waiting.lines[0].is_ready:
            self._archive.put_action(waiting.lines.popleft().action)
        if not waiting.lines:
            del self._waiting[line.action.session_id]
            waiting.over.set()

    async def _illustrate(self, session: Session, line: _Line) -> None:
        try:
            line.action.thumbnail = await self._picture(session)
        finally:
            self._ready(line)

    async def _picture(self, session: Session) -> str | None:
        """The id of a small picture of the page; None where none could be taken."""
        try:
            with anyio.move_on_after(THUMBNAIL_PATIENCE):
                image = await session.glimpse(_PICTURE)
                data = await anyio.to_thread.run_sync(small, image.data, THUMBNAIL)
                kept = await self._keeping.put(
                    data,
                    owner=session.owner,
                    session_id=session.id,
                    content_type="image/jpeg",
                    filename="thumbnail.jpg",
                )
                return kept.id
        except AgentBrowserError as exc:
            log.debug("no picture for the log", session=session.id, reason=exc.detail)
        return None


def _acts(input: Input) -> bool:
    return isinstance(input, OpenInput | InteractInput)
