"""The function `har`: the traffic of a live context as an HTTP archive, secrets masked.

Playwright writes bodies as files beside the archive while it records; those that the archive will
not hold are erased meanwhile. At the end they are masked, within bounds put into it, and the folder
is erased.
"""

import base64
import json
import os
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread
from playwright.async_api import Error, Request

from agent_browser.browser import backstage, detour, masks
from agent_browser.browser.engine import Blob, Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import Happenings, now
from agent_browser.errors import InvalidRequest, StorageFull
from agent_browser.models.globs import Finder
from agent_browser.models.network import HarInput, HarOutput, Socket
from agent_browser.scratch import Scratch

MAX_REQUESTS = 10_000
MAX_FRAMES = 64 * 2**20
"""Requests, and bytes of sockets' frames, after which a recording ends by itself."""
MAX_BODY = 4 * 2**20
MAX_BODIES = 64 * 2**20
"""Bytes of one body, and of all, that are put into the file."""
_FRAME = 100
"""Bytes that a frame takes besides what it carries."""
_UNWRITTEN = "the traffic could not be written down while it was recorded"
_PRUNED_AFTER = 8
"""Requests that finish between two looks at the files; the browser keeps no body over 20 MB."""


class Bodies:
    """The files of bodies while they come in. Those that the archive won't hold are erased."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settled: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        """Sizes at the last look: a file that has grown since is still being written."""

    def prune(self) -> None:
        """Erase those that are too large, or come after there are enough. Blocking."""
        kept = sum(self._settled.values())
        seen: dict[str, int] = {}
        for name, size in self._new():
            if size > MAX_BODY or (kept + size > MAX_BODIES and self._seen.get(name) == size):
                (self._folder / name).unlink(missing_ok=True)
            elif self._seen.get(name) == size:
                self._settled[name] = size
                kept += size
            else:
                seen[name] = size
        self._seen = seen

    def _new(self) -> Iterator[tuple[str, int]]:
        with os.scandir(self._folder) as found:
            for one in found:
                # Frames of a socket are written to the end of their file: it must not begin anew.
                if one.name not in self._settled and not one.name.endswith(".jsonl"):
                    with suppress(FileNotFoundError):
                        yield one.name, one.stat().st_size


class Har:
    """The recording of one context."""

    def __init__(self, reach: Reach) -> None:
        self._context = reach.context
        self._happenings = reach.part(Happenings)
        self._folder: Scratch | None = None
        self._bodies: Bodies | None = None
        self._input = HarInput(action="start")
        self._count = self._frames = self._finished = 0
        self._ending = anyio.Lock()
        self._has_ended = False
        self._ended_early = False
        self._detour = detour.of(reach.context)
        self._failures: dict[str, str] = {}
        """Why requests came to nothing that came to nothing on the way, by their addresses."""
        self.started_at: datetime | None = None

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Throw away what is being recorded."""
        if self._folder is not None:
            with suppress(Error):
                await self._end()
            await self._remove()

    async def start(self, input: HarInput) -> None:
        """Record from now on."""
        if self.started_at is not None:
            raise _wrong("a HAR is being recorded already; stop it first")
        self._folder = await anyio.to_thread.run_sync(Scratch)
        self._bodies = Bodies(self._folder.path)
        self._input, self._has_ended, self._ended_early = input, False, False
        self._count = self._frames = self._finished = 0
        content: Any = "attach" if input.content == "embed" else "omit"
        try:
            await self._context.tracing.start_har(self._folder.path / "all.har", content=content)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._remove()
            raise
        self.started_at = now()
        self._failures = {}
        self._context.on("request", self._asked)
        self._context.on("requestfailed", self._failed)
        if input.content == "embed":
            self._context.on("requestfinished", self._answered)
            self._happenings.frame_heard = self._frame

    def _asked(self, request: Request) -> Coroutine[Any, Any, None] | None:
        if backstage.is_of_ours(request):
            return None
        self._count += 1
        return self._end_early() if self._count == MAX_REQUESTS else None

    def _failed(self, request: Request) -> None:
        why = self._detour.why(request)
        if why is not None and why != request.failure and len(self._failures) < MAX_REQUESTS:
            self._failures[request.url] = why

    def _frame(self, socket: Socket, size: int) -> Coroutine[Any, Any, None] | None:
        if self.started_at is None or socket.opened_at < self.started_at:
            return None  # sockets from before are not recorded
        before, self._frames = self._frames, self._frames + size * 4 // 3 + _FRAME
        return self._end_early() if before < MAX_FRAMES <= self._frames else None

    def _answered(self, request: Request) -> Coroutine[Any, Any, None] | None:
        if backstage.is_of_ours(request):
            return None
        self._finished += 1
        return self._prune() if self._finished % _PRUNED_AFTER == 0 else None

    async def _prune(self) -> None:
        async with self._ending:
            if not self._has_ended and self._bodies is not None:
                with suppress(OSError):
                    await anyio.to_thread.run_sync(self._bodies.prune)

    async def _end_early(self) -> None:
        self._ended_early = True
        with suppress(Error):  # told at the stop, where there is no file then
            await self._end()

    async def _end(self) -> None:
        """Once; who comes second waits for the first."""
        async with self._ending:
            if self._has_ended:
                return
            self._has_ended = True
            self._context.remove_listener("request", self._asked)
            self._context.remove_listener("requestfailed", self._failed)
            if self._input.content == "embed":
                self._context.remove_listener("requestfinished", self._answered)
            self._happenings.frame_heard = None
            await self._context.tracing.stop_har()

    async def _finish(self) -> None:
        try:
            await self._end()
        except Error as exc:
            if "ENOSPC" in str(exc):
                raise StorageFull(_UNWRITTEN) from exc
            raise

    async def stop(self) -> Done:
        """The file."""
        if self.started_at is None or self._folder is None:
            raise _wrong("no HAR is being recorded; start one first")
        output = HarOutput(recording=False, started_at=self.started_at)
        try:
            await self._finish()
            output.complete = not self._ended_early
            path = self._folder.path / "all.har"
            data = await anyio.to_thread.run_sync(
                _finished, path, self._input, output, self._failures
            )
        finally:
            self.started_at = None
            with anyio.CancelScope(shield=True):
                await self._remove()
        return Done(output, {"har": Blob(data, "application/json", "session.har")})

    async def _remove(self) -> None:
        folder, self._folder, self._bodies = self._folder, None, None
        if folder is not None:
            await anyio.to_thread.run_sync(folder.remove)


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": "action", "message": message}])


def _finished(path: Path, input: HarInput, output: HarOutput, failures: Mapping[str, str]) -> bytes:
    """The archive's bytes: filtered, masked, bodies in it. Blocking."""
    try:
        archive: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StorageFull(_UNWRITTEN) from exc
    log = archive["log"]
    _leave_visits_out(log)
    if input.url is not None:
        finder = Finder(input.url)
        log["entries"] = [e for e in log["entries"] if finder.finds(e["request"]["url"])]
    left = MAX_BODIES
    for entry in log["entries"]:
        if entry.get("_resourceType") == "websocket":
            left -= _put_messages(path.parent, entry, left, output)
        why = failures.get(entry["request"]["url"])
        if why is not None and entry["response"].get("_failureText"):
            entry["response"]["_failureText"] = masks.text(why)
        masks.har_entry(entry)
        posted = entry["request"].get("postData", {})
        left -= _embed(path.parent, posted, posted.get("mimeType", ""), left, output)
        content = entry["response"]["content"]
        if input.content == "embed" and _is_missing(entry):
            output.omitted += 1
            content["comment"] = "left out: the browser had let it go, or it was never kept"
        left -= _embed(path.parent, content, content.get("mimeType", ""), left, output)
    for page in log.get("pages", []):
        page["title"] = masks.text(page.get("title", ""))
    output.entries = len(log["entries"])
    return json.dumps(archive, ensure_ascii=False).encode(errors="replace")


def _leave_visits_out(log: dict[str, Any]) -> None:
    """Without what pages of ours asked for, and those pages."""
    ours = [e for e in log["entries"] if backstage.is_visit(e["request"]["url"])]
    pages = {entry.get("pageref") for entry in ours}
    log["entries"] = [entry for entry in log["entries"] if entry.get("pageref") not in pages]
    log["pages"] = [page for page in log.get("pages", []) if page["id"] not in pages]


def _is_missing(entry: dict[str, Any]) -> bool:
    """Whether an answer had a body and there is no file of it."""
    response = entry["response"]
    return (
        "_file" not in response["content"]
        and not 300 <= response["status"] < 400
        and entry.get("_resourceType") != "websocket"
        and response.get("bodySize", -1) > 0
    )


def _put_messages(folder: Path, entry: dict[str, Any], left: int, output: HarOutput) -> int:
    """Put a socket's messages into its entry, as many as fit; how many bytes that took."""
    name = entry["response"]["content"].pop("_file", None)
    if name is None:
        return 0
    messages: list[Any] = []
    taken, room = 0, min(MAX_BODY, left)
    with suppress(OSError), (folder / Path(str(name)).name).open("rb") as lines:
        for line in lines:
            if taken + len(line) > room:
                output.omitted += 1
                entry["comment"] = "later messages are left out: there are too many"
                break
            taken += len(line)
            with suppress(ValueError):  # the last one may be cut
                messages.append(json.loads(line))
    entry["_webSocketMessages"] = messages
    return taken


def _embed(folder: Path, content: dict[str, Any], mime: str, left: int, output: HarOutput) -> int:
    """Put the body that `content` names into it, masked; how many bytes that took."""
    name = content.pop("_file", None)
    if name is None:
        return 0
    file = folder / Path(str(name)).name
    size = file.stat().st_size if file.is_file() else MAX_BODY + 1
    if size > min(MAX_BODY, left):
        output.omitted += 1
        content["comment"] = "left out: the body is too large"
        return 0
    data = file.read_bytes()
    try:
        content["text"] = masks.body(data.decode(), mime)
    except UnicodeDecodeError:
        content["text"] = base64.b64encode(data).decode()
        content["encoding"] = "base64"
    return size


@register(HarInput)
async def har(reach: Reach, input: HarInput) -> Done:
    """Start, or stop and give the file."""
    recording = reach.part(Har)
    if input.action == "stop":
        return await recording.stop()
    await recording.start(input)
    return Done(HarOutput(recording=True, started_at=recording.started_at))


BESIDE.add(HarInput)
