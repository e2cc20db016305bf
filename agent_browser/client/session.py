"""A session at hand: a context manager that makes it, and closes it when left."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from agent_browser.errors import AgentBrowserError, Gone, InvalidRequest, NotFound
from agent_browser.models.functions import (
    CloseOutput,
    ExecuteOutput,
    InteractOutput,
    OpenOutput,
    ScreenshotOutput,
    SnapshotOutput,
)
from agent_browser.models.sessions import Session as SessionRecord

if TYPE_CHECKING:
    from agent_browser.client.aio import AsyncClient
    from agent_browser.client.sync import Client

CLOSING = 60.0
"""Seconds that leaving an asynchronous session may take, also when its task is cancelled."""


class _Handle:
    """What both kinds of session know: whose it is, what it is made with, what closing gave."""

    def __init__(self, id: str | None, options: Mapping[str, Any]) -> None:
        if id is not None and options:
            raise InvalidRequest("options are for a new session; this one exists already")
        self._id = id
        self._options = options
        self._made_here = id is None
        self.closed: CloseOutput | None = None
        """What `close` answered, its videos above all; None while the session is open."""

    @property
    def id(self) -> str:
        """The session's id. InvalidRequest before it was entered."""
        if self._id is None:
            raise InvalidRequest("the session has not begun: enter it with a `with` statement")
        return self._id

    @property
    def _is_to_close(self) -> bool:
        return self._made_here and self._id is not None and self.closed is None


def _is_let_pass(failed: AgentBrowserError, exc: BaseException | None) -> bool:
    """Whether a close on leaving may fail so: it had ended already, or the block failed first."""
    return exc is not None or isinstance(failed, NotFound | Gone)


class Session(_Handle):
    """One session of a `Client`. Options of the methods are the fields of the functions' inputs."""

    def __init__(self, client: "Client", id: str | None, options: Mapping[str, Any]) -> None:
        super().__init__(id, options)
        self._client = client

    def __enter__(self) -> Self:
        if self._id is None:
            self._id = self._client.create_session(**self._options).id
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_to_close:
            return
        try:
            self.close()
        except AgentBrowserError as failed:
            if not _is_let_pass(failed, exc):
                raise

    def info(self) -> SessionRecord:
        """State, timeouts and tabs, as the server has them."""
        return self._client.get_session(self.id)

    def open(self, url: str, **options: Any) -> OpenOutput:
        """Go to a page."""
        return self._client.open(url, session=self.id, **options)

    def snapshot(self, **options: Any) -> SnapshotOutput:
        """What can be acted on now."""
        return self._client.snapshot(self.id, **options)

    def interact(self, action: str, **options: Any) -> InteractOutput:
        """One action; look at `success`."""
        return self._client.interact(self.id, action, **options)

    def click(self, ref: str, **options: Any) -> InteractOutput:
        """Click an element."""
        return self.interact("click", ref=ref, **options)

    def fill(self, ref: str, text: str, **options: Any) -> InteractOutput:
        """Replace a field's text."""
        return self.interact("fill", ref=ref, text=text, **options)

    def type(self, text: str, **options: Any) -> InteractOutput:
        """Type into what has the focus, or into `ref`."""
        return self.interact("type", text=text, **options)

    def press(self, key: str, **options: Any) -> InteractOutput:
        """Press a key or a chord, such as Enter or Control+a."""
        return self.interact("press", text=key, **options)

    def select(self, ref: str, option: str | list[str], **options: Any) -> InteractOutput:
        """Choose options of a select by label, else value, else index."""
        return self.interact("select", ref=ref, text=option, **options)

    def screenshot(self, **options: Any) -> ScreenshotOutput:
        """A picture."""
        return self._client.screenshot(self.id, **options)

    def execute(self, code: str, **options: Any) -> ExecuteOutput:
        """Run JavaScript in the page."""
        return self._client.execute(self.id, code, **options)

    def close(self) -> CloseOutput:
        """End it now; the answer has the videos."""
        self.closed = self._client.close(self.id)
        return self.closed


class AsyncSession(_Handle):
    """One session of an `AsyncClient`. Options of the methods are the fields of the functions'
    inputs. Leaving closes it even when the task is cancelled, within `CLOSING` seconds.
    """

    def __init__(self, client: "AsyncClient", id: str | None, options: Mapping[str, Any]) -> None:
        super().__init__(id, options)
        self._client = client

    async def __aenter__(self) -> Self:
        if self._id is None:
            self._id = (await self._client.create_session(**self._options)).id
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_to_close:
            return
        with anyio.move_on_after(CLOSING, shield=True):
            try:
                await self.close()
            except AgentBrowserError as failed:
                if not _is_let_pass(failed, exc):
                    raise

    async def info(self) -> SessionRecord:
        """State, timeouts and tabs, as the server has them."""
        return await self._client.get_session(self.id)

    async def open(self, url: str, **options: Any) -> OpenOutput:
        """Go to a page."""
        return await self._client.open(url, session=self.id, **options)

    async def snapshot(self, **options: Any) -> SnapshotOutput:
        """What can be acted on now."""
        return await self._client.snapshot(self.id, **options)

    async def interact(self, action: str, **options: Any) -> InteractOutput:
        """One action; look at `success`."""
        return await self._client.interact(self.id, action, **options)

    async def click(self, ref: str, **options: Any) -> InteractOutput:
        """Click an element."""
        return await self.interact("click", ref=ref, **options)

    async def fill(self, ref: str, text: str, **options: Any) -> InteractOutput:
        """Replace a field's text."""
        return await self.interact("fill", ref=ref, text=text, **options)

    async def type(self, text: str, **options: Any) -> InteractOutput:
        """Type into what has the focus, or into `ref`."""
        return await self.interact("type", text=text, **options)

    async def press(self, key: str, **options: Any) -> InteractOutput:
        """Press a key or a chord, such as Enter or Control+a."""
        return await self.interact("press", text=key, **options)

    async def select(self, ref: str, option: str | list[str], **options: Any) -> InteractOutput:
        """Choose options of a select by label, else value, else index."""
        return await self.interact("select", ref=ref, text=option, **options)

    async def screenshot(self, **options: Any) -> ScreenshotOutput:
        """A picture."""
        return await self._client.screenshot(self.id, **options)

    async def execute(self, code: str, **options: Any) -> ExecuteOutput:
        """Run JavaScript in the page."""
        return await self._client.execute(self.id, code, **options)

    async def close(self) -> CloseOutput:
        """End it now; the answer has the videos."""
        self.closed = await self._client.close(self.id)
        return self.closed
