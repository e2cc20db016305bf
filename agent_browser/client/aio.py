"""The client for asynchronous programs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from agent_browser.client import (
    emulation,
    network,
    reading,
    recording,
    requests,
    scraping,
    storage,
    transfers,
    wire,
)
from agent_browser.client.address import Address
from agent_browser.client.answers import error_of, read
from agent_browser.client.download import Download
from agent_browser.client.errors import ServerUnreachable
from agent_browser.client.readiness import Readiness, not_ready
from agent_browser.client.requests import Request
from agent_browser.client.session import AsyncSession
from agent_browser.client.sessions import AsyncSessions
from agent_browser.errors import Unavailable
from agent_browser.models.artifacts import Artifact, Recording, RecordingList
from agent_browser.models.base import Input
from agent_browser.models.comparing import CompareOutput
from agent_browser.models.cookies import CookiesOutput
from agent_browser.models.emulation import EmulateOutput
from agent_browser.models.files import DownloadsOutput, UploadList
from agent_browser.models.functions import (
    CloseOutput,
    ExecuteOutput,
    FunctionOutput,
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
from agent_browser.models.sessions import Health
from agent_browser.models.storage import StorageOutput

T = TypeVar("T")


class AsyncClient(AsyncSessions):
    """A server's functions, sessions, recordings and artifacts. An asynchronous context manager.

    `url` and `api_key` default to AGENT_BROWSER_URL and AGENT_BROWSER_API_KEY, and the URL to
    http://127.0.0.1:7070. `timeout`: seconds that any answer may take at most; without it each
    call's own timeout and the time that a server may let it wait count. Every method raises the
    errors of `agent_browser.errors` (as the server said them) and of `agent_browser.client.errors`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.address: Address = wire.address_of(url)
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            headers=wire.headers(api_key),
            trust_env=wire.trusts_environment(self.address),
            verify=wire.verify(self.address),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.disconnect()

    async def disconnect(self) -> None:
        """Close the connections to the server; sessions go on."""
        await self._http.aclose()

    async def send(self, request: Request[T]) -> T:
        """Do a request of `agent_browser.client.requests`."""
        with wire.translated(self.address):
            response = await self._http.request(
                request.method,
                self.address.of(request.path),
                params=request.query,
                content=wire.content(request.body),
                files=request.files,
                headers=wire.with_type(request.headers, request.body),
                timeout=wire.timeout(request.patience, self._timeout),
            )
        return read(wire.answer_of(response), self.address, request.parse)

    async def call(
        self,
        function: str,
        input: Mapping[str, Any] | Input | None = None,
        *,
        session: str | None = None,
        session_timeout: float | str | None = None,
        idempotency_key: str | None = None,
    ) -> FunctionOutput:
        """Any function by its name. `session` is an id, "new", or None for one of this call alone.
        The answer is of the function's own class (`models.catalogue.OUTPUTS`).
        """
        return await self.send(
            requests.call(
                function,
                input,
                session=session,
                session_timeout=session_timeout,
                idempotency_key=idempotency_key,
            )
        )

    async def open(
        self,
        url: str,
        *,
        session: str | None = "new",
        session_timeout: float | str | None = None,
        **options: Any,
    ) -> OpenOutput:
        """Go to a page, in a new session if none is named. Options: `OpenInput`'s fields."""
        return await self.send(requests.open(url, session, session_timeout, options))

    async def snapshot(self, session: str, **options: Any) -> SnapshotOutput:
        """What can be acted on now. Options: `SnapshotInput`'s fields."""
        return await self.send(requests.snapshot(session, options))

    async def interact(self, session: str, action: str, **options: Any) -> InteractOutput:
        """One action. What can't be done comes back with `success` false and a message. Options:
        `InteractInput`'s fields.
        """
        return await self.send(requests.interact(session, action, options))

    async def screenshot(self, session: str, **options: Any) -> ScreenshotOutput:
        """A picture, kept by the server as an artifact. Options: `ScreenshotInput`'s fields."""
        return await self.send(requests.screenshot(session, options))

    async def execute(self, session: str, code: str, **options: Any) -> ExecuteOutput:
        """Run JavaScript in the page. Options: `ExecuteInput`'s fields."""
        return await self.send(requests.execute(session, code, options))

    async def read(self, session: str, **options: Any) -> ReadOutput:
        """The page as Markdown, text, HTML, links, tables or fields. Options: `ReadInput`'s
        fields.
        """
        return await self.send(reading.read(session, options))

    async def pdf(self, session: str, **options: Any) -> PdfOutput:
        """The page printed, kept by the server as an artifact. Options: `PdfInput`'s fields."""
        return await self.send(reading.pdf(session, options))

    async def compare(self, a: reading.Side, b: reading.Side, **options: Any) -> CompareOutput:
        """How two pages differ: sessions' ids, addresses, or both as `CompareInput` has them.
        Options: its other fields.
        """
        return await self.send(reading.compare(a, b, options))

    async def emulate(self, session: str, **options: Any) -> EmulateOutput:
        """Change what pages are shown under, and hear what is in force. Options: `EmulateInput`'s
        fields.
        """
        return await self.send(emulation.emulate(session, options))

    async def record(self, session: str, action: str, **options: Any) -> RecordOutput:
        """Record the live session: start, stop, restart, chapter or status. Options:
        `RecordInput`'s fields.
        """
        return await self.send(recording.record(session, action, options))

    async def trace(self, session: str, action: str, **options: Any) -> TraceOutput:
        """A Playwright trace of the session: start, stop or status. Options: `TraceInput`'s
        fields.
        """
        return await self.send(recording.trace(session, action, options))

    async def requests(self, session: str, **options: Any) -> RequestsOutput:
        """What its pages asked of the network. Options: `RequestsInput`'s fields."""
        return await self.send(network.listed(session, options))

    async def request(self, session: str, id: str, **options: Any) -> RequestOutput:
        """One request with headers and bodies. Options: `RequestInput`'s fields."""
        return await self.send(network.whole(session, id, options))

    async def route(self, session: str, **options: Any) -> RouteOutput:
        """List or change the rules for requests. Options: `RouteInput`'s fields."""
        return await self.send(network.route(session, options))

    async def har(self, session: str, action: str, **options: Any) -> HarOutput:
        """Start or stop recording traffic as a HAR. Options: `HarInput`'s fields."""
        return await self.send(network.har(session, action, options))

    async def storage(self, session: str, action: str = "list", **options: Any) -> StorageOutput:
        """Entries of storage: get, put, delete, list or clear; `StorageInput`'s fields."""
        return await self.send(storage.storage(session, action, options))

    async def cookies(self, session: str, **options: Any) -> CookiesOutput:
        """List, set and delete cookies: `CookiesInput`'s fields."""
        return await self.send(storage.cookies(session, options))

    async def messages(self, session: str, **options: Any) -> MessagesOutput:
        """What windows and frames sent each other: `MessagesInput`'s fields."""
        return await self.send(storage.messages(session, options))

    async def console(self, session: str, **options: Any) -> ConsoleOutput:
        """Console messages and uncaught errors. Options: `ConsoleInput`'s fields."""
        return await self.send(network.console(session, options))

    async def close(self, session: str) -> CloseOutput:
        """End a session and get its videos; a second time is a success too."""
        return await self.send(requests.close(session))

    def session(self, id: str | None = None, **options: Any) -> AsyncSession:
        """A session as a context manager: made on entering and closed on leaving. Options:
        `SessionCreate`'s fields. With an `id` it is that session, and leaving doesn't close it.
        """
        return AsyncSession(self, id, options)

    def scrape(self, urls: Sequence[scraping.Url], **options: Any) -> scraping.AsyncScraping:
        """Read many pages; iterate over what comes for each result as it is done. Its `summary` is
        there after the last. Options: `ScrapeInput`'s fields; in `read` a name stands for a
        function without input.
        """
        request = scraping.request(urls, options)
        return scraping.AsyncScraping(self.address, lambda: self._stream(request))

    async def list_recordings(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> RecordingList:
        """Videos, newest first."""
        return await self.send(requests.list_recordings(limit, cursor))

    async def get_recording(self, recording: str) -> Recording:
        """What is known of one video."""
        return await self.send(requests.get_recording(recording))

    async def delete_recording(self, recording: str) -> None:
        """Erase a video."""
        await self.send(requests.delete_recording(recording))

    async def downloads(self, session: str, **options: Any) -> DownloadsOutput:
        """What a session downloaded, an ended one too. Options: `DownloadsInput`'s fields."""
        return await self.send(transfers.downloads(session, options))

    async def upload(self, session: str, *files: str | PathLike[str]) -> UploadList:
        """Put files of this machine into a session, for its pages: `interact` with "upload" takes
        their names in `file_paths`.
        """
        with transfers.opened(files) as parts:
            return await self.send(transfers.upload(session, parts))

    async def list_uploads(self, session: str) -> UploadList:
        """The files that were put into a session."""
        return await self.send(transfers.list_uploads(session))

    async def delete_upload(self, session: str, name: str) -> None:
        """Erase one of them."""
        await self.send(transfers.delete_upload(session, name))

    async def download(self, artifact: Artifact | str, to: str | PathLike[str]) -> Path:
        """Save an artifact (or the URL of one) as a file, whole or not at all, and give its path.
        The folder must be there.
        """
        path = Path(to)
        async with self._streaming(artifact) as response:
            with Download(artifact, path) as file:
                async for piece in response.aiter_bytes():
                    file.write(piece)
        return path

    async def fetch(self, artifact: Artifact | str) -> bytes:
        """The bytes of an artifact (or of the URL of one)."""
        async with self._streaming(artifact) as response:
            return await response.aread()

    async def health(self) -> Health:
        """Counts by state, and the room there is."""
        return await self.send(requests.health())

    async def is_alive(self) -> bool:
        """Whether a server's process answers; False where nothing listens."""
        try:
            return await self.send(requests.alive())
        except ServerUnreachable:
            return False

    async def readiness(self) -> Readiness:
        """Whether a real browser answers the server, and what an operator should know."""
        try:
            return await self.send(requests.readiness())
        except Unavailable as said:
            return not_ready(said)

    @asynccontextmanager
    async def _stream(self, request: Request[Any]) -> AsyncIterator[httpx.Response]:
        with wire.translated(self.address):
            async with self._http.stream(
                request.method,
                self.address.of(request.path),
                params=request.query,
                json=request.body,
                headers=request.headers,
                timeout=wire.timeout(request.patience, self._timeout),
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_of(wire.answer_of(response), self.address)
                yield response

    @asynccontextmanager
    async def _streaming(self, artifact: Artifact | str) -> AsyncIterator[httpx.Response]:
        url = artifact.url if isinstance(artifact, Artifact) else artifact
        with wire.translated(self.address):
            async with self._http.stream(
                "GET",
                self.address.of(self.address.path_of(url)),
                headers={"Accept": "*/*"},
                timeout=wire.timeout(requests.PATIENCE, self._timeout),
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise error_of(wire.answer_of(response), self.address)
                yield response
