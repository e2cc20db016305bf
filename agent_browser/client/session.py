"""A session at hand: a context manager that makes it, and closes it when left."""

from collections.abc import Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from agent_browser.client.following import AsyncFollowing, Following
from agent_browser.client.scraping import AsyncScraping, Scraping, Url
from agent_browser.errors import AgentBrowserError, Gone, InvalidRequest, NotFound
from agent_browser.models.actions import ActionList
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.cookies import CookiesOutput
from agent_browser.models.egress import Traffic
from agent_browser.models.emulation import EmulateOutput
from agent_browser.models.files import DownloadsOutput
from agent_browser.models.functions import (
    CloseOutput,
    ExecuteOutput,
    InteractOutput,
    OpenOutput,
    ScreenshotOutput,
    SnapshotOutput,
)
from agent_browser.models.messages import MessagesOutput
from agent_browser.models.network import ConsoleOutput, HarOutput, RequestOutput, RequestsOutput
from agent_browser.models.reading import PdfOutput, ReadOutput
from agent_browser.models.recording import RecordOutput, TraceOutput
from agent_browser.models.routing import RouteOutput
from agent_browser.models.sessions import Session as SessionRecord
from agent_browser.models.state import StateDocument, StorageState
from agent_browser.models.storage import StorageOutput

if TYPE_CHECKING:
    from agent_browser.client.aio import AsyncClient
    from agent_browser.client.sync import Client

Typed = str | Mapping[str, str]
"""A text, or `{"secret": name}`."""
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

    def update(self, **changes: Any) -> SessionRecord:
        """Name, pin or tag it, or change its timeouts: `SessionPatch`'s fields."""
        return self._client.update_session(self.id, **changes)

    def renew(self) -> SessionRecord:
        """Its idle time counts from now."""
        return self._client.renew_session(self.id)

    def keep_alive(self) -> SessionRecord:
        """Its idle time counts from now, without a use."""
        return self._client.keep_alive(self.id)

    def actions(self, *, limit: int | None = None, cursor: str | None = None) -> ActionList:
        """A page of its log, oldest first."""
        return self._client.actions(self.id, limit=limit, cursor=cursor)

    def hibernate(self, *, force: bool = False) -> SessionRecord:
        """Save it and give its context back until the next call."""
        return self._client.hibernate(self.id, force=force)

    def resume(self) -> SessionRecord:
        """Bring it back now."""
        return self._client.resume(self.id)

    def fork(self, **options: Any) -> SessionRecord:
        """A new session from what it is, or was at a `checkpoint`: `ForkInput`'s fields."""
        return self._client.fork(self.id, **options)

    def checkpoint(self) -> Checkpoint:
        """Save it now."""
        return self._client.checkpoint(self.id)

    def checkpoints(self) -> CheckpointList:
        """Those that are kept of it, newest first."""
        return self._client.checkpoints(self.id)

    def traffic(self) -> Traffic:
        """What it sent and received since it is live, by host."""
        return self._client.traffic(self.id)

    def restore(self, checkpoint: str) -> SessionRecord:
        """Make it what it was at a checkpoint."""
        return self._client.restore(self.id, checkpoint)

    def get_state(self) -> StateDocument:
        """All that it is."""
        return self._client.get_state(self.id)

    def storage_state(self) -> dict[str, Any]:
        """Its cookies and storage, as Playwright's `storage_state` has them."""
        return self._client.storage_state(self.id)

    def put_state(self, state: Mapping[str, Any] | StorageState) -> SessionRecord:
        """Make it what that says."""
        return self._client.put_state(self.id, state)

    def events(self, **options: Any) -> Following:
        """What happens to it, as it happens; options as of the client's `events`."""
        return self._client.events(self.id, **options)

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

    def fill(self, ref: str, text: Typed, **options: Any) -> InteractOutput:
        """Replace a field's text; `{"secret": name}` types a secret."""
        return self.interact("fill", ref=ref, text=text, **options)

    def type(self, text: Typed, **options: Any) -> InteractOutput:
        """Type into what has the focus, or into `ref`."""
        return self.interact("type", text=text, **options)

    def press(self, key: str, **options: Any) -> InteractOutput:
        """Press a key or a chord, such as Enter or Control+a."""
        return self.interact("press", text=key, **options)

    def select(self, ref: str, option: str | list[str], **options: Any) -> InteractOutput:
        """Choose options of a select by label, else value, else index."""
        return self.interact("select", ref=ref, text=option, **options)

    def wait(self, **conditions: Any) -> InteractOutput:
        """Wait for `text`, `text_gone`, `selector`, `url`, `load_state`, `function`, …"""
        return self.interact("wait", **conditions)

    def dialog(self, *, accept: bool, text: str | None = None, **options: Any) -> InteractOutput:
        """Answer the dialog that waits; `text` is what a prompt is told."""
        return self.interact("dialog", accept=accept, text=text, **options)

    def new_tab(self, url: str | None = None, **options: Any) -> InteractOutput:
        """Open a tab and make it the active one."""
        return self.interact("tab_new", url=url, **options)

    def switch_tab(self, tab: str, **options: Any) -> InteractOutput:
        """Make a tab the active one."""
        return self.interact("tab_switch", tab=tab, **options)

    def close_tab(self, tab: str | None = None, **options: Any) -> InteractOutput:
        """Close a tab, the active one if none is named."""
        return self.interact("tab_close", tab=tab, **options)

    def screenshot(self, **options: Any) -> ScreenshotOutput:
        """A picture."""
        return self._client.screenshot(self.id, **options)

    def scrape(self, urls: Sequence[Url], **options: Any) -> Scraping:
        """Read many pages, one after the other, in this session."""
        return self._client.scrape(urls, session=self.id, **options)

    def read(self, **options: Any) -> ReadOutput:
        """The page as Markdown, or in another format."""
        return self._client.read(self.id, **options)

    def pdf(self, **options: Any) -> PdfOutput:
        """The page printed."""
        return self._client.pdf(self.id, **options)

    def upload(
        self, ref: str | None, *files: str | PathLike[str], **options: Any
    ) -> InteractOutput:
        """Give files of this machine to a file input, to what opens a chooser, or with `drop` to
        where they are dropped; with None to the file chooser that waits.
        """
        names = [one.name for one in (self._client.upload(self.id, *files)).items]
        return self.interact("upload", ref=ref, file_paths=names, **options)

    def downloads(self, **options: Any) -> DownloadsOutput:
        """What the session downloaded so far."""
        return self._client.downloads(self.id, **options)

    def execute(self, code: str, **options: Any) -> ExecuteOutput:
        """Run JavaScript in the page."""
        return self._client.execute(self.id, code, **options)

    def emulate(self, **options: Any) -> EmulateOutput:
        """Change what pages are shown under."""
        return self._client.emulate(self.id, **options)

    def record(self, action: str, **options: Any) -> RecordOutput:
        """Record it: start, stop, restart, chapter or status."""
        return self._client.record(self.id, action, **options)

    def trace(self, action: str, **options: Any) -> TraceOutput:
        """A Playwright trace of it: start, stop or status."""
        return self._client.trace(self.id, action, **options)

    def requests(self, **options: Any) -> RequestsOutput:
        """What the pages asked of the network."""
        return self._client.requests(self.id, **options)

    def request(self, id: str, **options: Any) -> RequestOutput:
        """One request with headers and bodies."""
        return self._client.request(self.id, id, **options)

    def route(self, **options: Any) -> RouteOutput:
        """List or change the rules for requests."""
        return self._client.route(self.id, **options)

    def har(self, action: str, **options: Any) -> HarOutput:
        """Start or stop recording traffic as a HAR."""
        return self._client.har(self.id, action, **options)

    def storage(self, action: str = "list", **options: Any) -> StorageOutput:
        """Entries of storage: get, put, delete, list or clear."""
        return self._client.storage(self.id, action, **options)

    def cookies(self, **options: Any) -> CookiesOutput:
        """List, set and delete cookies."""
        return self._client.cookies(self.id, **options)

    def messages(self, **options: Any) -> MessagesOutput:
        """What windows and frames sent each other."""
        return self._client.messages(self.id, **options)

    def console(self, **options: Any) -> ConsoleOutput:
        """Console messages and uncaught errors."""
        return self._client.console(self.id, **options)

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

    async def update(self, **changes: Any) -> SessionRecord:
        """Name, pin or tag it, or change its timeouts: `SessionPatch`'s fields."""
        return await self._client.update_session(self.id, **changes)

    async def renew(self) -> SessionRecord:
        """Its idle time counts from now."""
        return await self._client.renew_session(self.id)

    async def keep_alive(self) -> SessionRecord:
        """Its idle time counts from now, without a use."""
        return await self._client.keep_alive(self.id)

    async def actions(self, *, limit: int | None = None, cursor: str | None = None) -> ActionList:
        """A page of its log, oldest first."""
        return await self._client.actions(self.id, limit=limit, cursor=cursor)

    async def hibernate(self, *, force: bool = False) -> SessionRecord:
        """Save it and give its context back until the next call."""
        return await self._client.hibernate(self.id, force=force)

    async def resume(self) -> SessionRecord:
        """Bring it back now."""
        return await self._client.resume(self.id)

    async def fork(self, **options: Any) -> SessionRecord:
        """A new session from what it is, or was at a `checkpoint`: `ForkInput`'s fields."""
        return await self._client.fork(self.id, **options)

    async def checkpoint(self) -> Checkpoint:
        """Save it now."""
        return await self._client.checkpoint(self.id)

    async def checkpoints(self) -> CheckpointList:
        """Those that are kept of it, newest first."""
        return await self._client.checkpoints(self.id)

    async def traffic(self) -> Traffic:
        """What it sent and received since it is live, by host."""
        return await self._client.traffic(self.id)

    async def restore(self, checkpoint: str) -> SessionRecord:
        """Make it what it was at a checkpoint."""
        return await self._client.restore(self.id, checkpoint)

    async def get_state(self) -> StateDocument:
        """All that it is."""
        return await self._client.get_state(self.id)

    async def storage_state(self) -> dict[str, Any]:
        """Its cookies and storage, as Playwright's `storage_state` has them."""
        return await self._client.storage_state(self.id)

    async def put_state(self, state: Mapping[str, Any] | StorageState) -> SessionRecord:
        """Make it what that says."""
        return await self._client.put_state(self.id, state)

    def events(self, **options: Any) -> AsyncFollowing:
        """What happens to it, as it happens; options as of the client's `events`."""
        return self._client.events(self.id, **options)

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

    async def fill(self, ref: str, text: Typed, **options: Any) -> InteractOutput:
        """Replace a field's text; `{"secret": name}` types a secret."""
        return await self.interact("fill", ref=ref, text=text, **options)

    async def type(self, text: Typed, **options: Any) -> InteractOutput:
        """Type into what has the focus, or into `ref`."""
        return await self.interact("type", text=text, **options)

    async def press(self, key: str, **options: Any) -> InteractOutput:
        """Press a key or a chord, such as Enter or Control+a."""
        return await self.interact("press", text=key, **options)

    async def select(self, ref: str, option: str | list[str], **options: Any) -> InteractOutput:
        """Choose options of a select by label, else value, else index."""
        return await self.interact("select", ref=ref, text=option, **options)

    async def wait(self, **conditions: Any) -> InteractOutput:
        """Wait for `text`, `text_gone`, `selector`, `url`, `load_state`, `function`, …"""
        return await self.interact("wait", **conditions)

    async def dialog(
        self, *, accept: bool, text: str | None = None, **options: Any
    ) -> InteractOutput:
        """Answer the dialog that waits; `text` is what a prompt is told."""
        return await self.interact("dialog", accept=accept, text=text, **options)

    async def new_tab(self, url: str | None = None, **options: Any) -> InteractOutput:
        """Open a tab and make it the active one."""
        return await self.interact("tab_new", url=url, **options)

    async def switch_tab(self, tab: str, **options: Any) -> InteractOutput:
        """Make a tab the active one."""
        return await self.interact("tab_switch", tab=tab, **options)

    async def close_tab(self, tab: str | None = None, **options: Any) -> InteractOutput:
        """Close a tab, the active one if none is named."""
        return await self.interact("tab_close", tab=tab, **options)

    async def screenshot(self, **options: Any) -> ScreenshotOutput:
        """A picture."""
        return await self._client.screenshot(self.id, **options)

    def scrape(self, urls: Sequence[Url], **options: Any) -> AsyncScraping:
        """Read many pages, one after the other, in this session."""
        return self._client.scrape(urls, session=self.id, **options)

    async def read(self, **options: Any) -> ReadOutput:
        """The page as Markdown, or in another format."""
        return await self._client.read(self.id, **options)

    async def pdf(self, **options: Any) -> PdfOutput:
        """The page printed."""
        return await self._client.pdf(self.id, **options)

    async def upload(
        self, ref: str | None, *files: str | PathLike[str], **options: Any
    ) -> InteractOutput:
        """Give files of this machine to a file input, to what opens a chooser, or with `drop` to
        where they are dropped; with None to the file chooser that waits.
        """
        names = [one.name for one in (await self._client.upload(self.id, *files)).items]
        return await self.interact("upload", ref=ref, file_paths=names, **options)

    async def downloads(self, **options: Any) -> DownloadsOutput:
        """What the session downloaded so far."""
        return await self._client.downloads(self.id, **options)

    async def execute(self, code: str, **options: Any) -> ExecuteOutput:
        """Run JavaScript in the page."""
        return await self._client.execute(self.id, code, **options)

    async def emulate(self, **options: Any) -> EmulateOutput:
        """Change what pages are shown under."""
        return await self._client.emulate(self.id, **options)

    async def record(self, action: str, **options: Any) -> RecordOutput:
        """Record it: start, stop, restart, chapter or status."""
        return await self._client.record(self.id, action, **options)

    async def trace(self, action: str, **options: Any) -> TraceOutput:
        """A Playwright trace of it: start, stop or status."""
        return await self._client.trace(self.id, action, **options)

    async def requests(self, **options: Any) -> RequestsOutput:
        """What the pages asked of the network."""
        return await self._client.requests(self.id, **options)

    async def request(self, id: str, **options: Any) -> RequestOutput:
        """One request with headers and bodies."""
        return await self._client.request(self.id, id, **options)

    async def route(self, **options: Any) -> RouteOutput:
        """List or change the rules for requests."""
        return await self._client.route(self.id, **options)

    async def har(self, action: str, **options: Any) -> HarOutput:
        """Start or stop recording traffic as a HAR."""
        return await self._client.har(self.id, action, **options)

    async def storage(self, action: str = "list", **options: Any) -> StorageOutput:
        """Entries of storage: get, put, delete, list or clear."""
        return await self._client.storage(self.id, action, **options)

    async def cookies(self, **options: Any) -> CookiesOutput:
        """List, set and delete cookies."""
        return await self._client.cookies(self.id, **options)

    async def messages(self, **options: Any) -> MessagesOutput:
        """What windows and frames sent each other."""
        return await self._client.messages(self.id, **options)

    async def console(self, **options: Any) -> ConsoleOutput:
        """Console messages and uncaught errors."""
        return await self._client.console(self.id, **options)

    async def close(self) -> CloseOutput:
        """End it now; the answer has the videos."""
        self.closed = await self._client.close(self.id)
        return self.closed
