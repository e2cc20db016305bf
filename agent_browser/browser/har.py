"""The function `har`: the traffic of a live context as an HTTP archive, secrets masked.

Playwright writes bodies as files beside the archive while it records; at the end they are masked,
within bounds put into it, and the folder is erased.
"""

import base64
import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import anyio.to_thread
from playwright.async_api import Error, Request

from agent_browser.browser import masks
from agent_browser.browser.engine import Blob, Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import now
from agent_browser.errors import InvalidRequest
from agent_browser.models.globs import Finder
from agent_browser.models.network import HarInput, HarOutput
from agent_browser.scratch import Scratch

MAX_REQUESTS = 10_000
"""Requests after which a recording ends by itself."""
MAX_BODY = 4 * 2**20
MAX_BODIES = 64 * 2**20
"""Bytes of one body, and of all, that are put into the file."""


class Har:
    """The recording of one context."""

    def __init__(self, reach: Reach) -> None:
        self._context = reach.context
        self._folder: Scratch | None = None
        self._input = HarInput(action="start")
        self._count = 0
        self._ended_early = False
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
        self._input, self._count, self._ended_early = input, 0, False
        content: Any = "attach" if input.content == "embed" else "omit"
        try:
            await self._context.tracing.start_har(self._folder.path / "all.har", content=content)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._remove()
            raise
        self.started_at = now()
        self._context.on("request", self._counted)

    async def _counted(self, _: Request) -> None:
        self._count += 1
        if self._count == MAX_REQUESTS and not self._ended_early:
            self._ended_early = True
            with suppress(Error):
                await self._end()

    async def _end(self) -> None:
        self._context.remove_listener("request", self._counted)
        await self._context.tracing.stop_har()

    async def stop(self) -> Done:
        """The file."""
        if self.started_at is None or self._folder is None:
            raise _wrong("no HAR is being recorded; start one first")
        output = HarOutput(
            recording=False, started_at=self.started_at, complete=not self._ended_early
        )
        try:
            if not self._ended_early:
                await self._end()
            path = self._folder.path / "all.har"
            data = await anyio.to_thread.run_sync(_finished, path, self._input, output)
        finally:
            self.started_at = None
            with anyio.CancelScope(shield=True):
                await self._remove()
        return Done(output, {"har": Blob(data, "application/json", "session.har")})

    async def _remove(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            await anyio.to_thread.run_sync(folder.remove)


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": "action", "message": message}])


def _finished(path: Path, input: HarInput, output: HarOutput) -> bytes:
    """The archive's bytes: filtered, masked, bodies in it. Blocking."""
    archive: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    log = archive["log"]
    if input.url is not None:
        finder = Finder(input.url)
        log["entries"] = [e for e in log["entries"] if finder.finds(e["request"]["url"])]
    left = MAX_BODIES
    for entry in log["entries"]:
        masks.har_entry(entry)
        posted = entry["request"].get("postData", {})
        left -= _embed(path.parent, posted, posted.get("mimeType", ""), left, output)
        content = entry["response"]["content"]
        left -= _embed(path.parent, content, content.get("mimeType", ""), left, output)
    for page in log.get("pages", []):
        page["title"] = masks.text(page.get("title", ""))
    output.entries = len(log["entries"])
    return json.dumps(archive, ensure_ascii=False).encode(errors="replace")


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
