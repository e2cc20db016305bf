"""The diary: what is called on sessions is put into their logs, off the way of who calls."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread
import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
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
from agent_browser.session.session import Session

log = structlog.get_logger("agent_browser.pool")

THUMBNAIL = 320
"""Pixels of the longer side of a log's picture."""
THUMBNAIL_PATIENCE = 3.0
_PICTURE = ScreenshotInput(type="jpeg", quality=50)


@dataclass
class Came:
    """What came of a call, for who writes it down."""

    output: FunctionOutput | None = None


class Diary:
    """Writes one entry for each call on a session that is known."""

    def __init__(self, means: Means) -> None:
        self._archive = means.archive
        self._keeping = means.keeping
        self._clock = means.clock

    @asynccontextmanager
    async def written(self, session: Session, caller: Caller, input: Input) -> AsyncIterator[Came]:
        """Around a call: its end is put into the log, however it ends."""
        at, began = self._clock.now(), time.perf_counter()
        before, plain = session.page.url, session.is_plain(input)
        came, error = Came(), None
        try:
            yield came
        except BaseException as exc:
            error = exc
            raise
        finally:
            called = Called(
                session.id,
                at,
                NAMES[type(input)],
                input,
                (time.perf_counter() - began) * 1000,
                before,
                session.page.url,
                client=caller.client,
                output=came.output,
                error=error,
                is_refused=isinstance(error, REFUSALS),
                is_plain=plain,
            )
            picture = None
            if error is None and session.keeps.thumbnails and _acts(input):
                picture = await self._picture(session)
            self._put(called, picture, bodies=session.keeps.bodies)

    def _put(self, called: Called, picture: str | None, *, bodies: bool) -> None:
        try:
            made = entry(called, bodies=bodies)
            made.thumbnail = picture
            self._archive.put_action(made)
        except Exception:
            log.exception("a call could not be written down", session=called.session_id)

    async def _picture(self, session: Session) -> str | None:
        """The id of a small picture of the page; None where none could be taken."""
        try:
            with anyio.move_on_after(THUMBNAIL_PATIENCE):
                image = await session.capture(_PICTURE)
                data = await anyio.to_thread.run_sync(small, image.data, THUMBNAIL)
                kept = await self._keeping.put(
                    data,
                    owner=session.owner,
                    session_id=session.id,
                    content_type="image/jpeg",
                    filename="thumbnail.jpg",
                )
                return kept.id
        except AgentBrowserError:
            return None
        return None


def _acts(input: Input) -> bool:
    return isinstance(input, OpenInput | InteractInput)
