"""A stored file as an answer: with ranges, without following links, harmless to who looks at it."""

import os
import re
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent_browser.errors import AgentBrowserError, ArtifactNotFound, RangeNotSatisfiable
from agent_browser.store import disk
from agent_browser.store.artifacts import StoredFile

CHUNK = 262_144
FOR_GOOD = "private, max-age=31536000, immutable"
CONTENT_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
SHOWN_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'"
)
"""Of what is shown in place: the browser's own page around a video fetches it once more, which from
an origin that is none it may not. There is nothing in it that could run.
"""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_PLAIN = re.compile(
    r"(application/(octet-stream|json|zip|gzip|x-tar)|audio/[a-z0-9.+-]+|text/(plain|csv))"
    r"(; ?charset=[A-Za-z0-9._-]{1,40})?"
)
"""What no browser runs, nor shows as more than text. The rest is bytes to it: a script of a page's
could else be brought into a page of this origin by its address.
"""
_BYTES = "application/octet-stream"
_SHOWN = re.compile(r"(image/(png|jpeg|webp|gif|avif)|video/(webm|mp4))")


class FileAnswer(Response):
    """Sends the file. Images and videos may be shown in place; all else is an attachment. SVG is
    all else: it can hold a script.
    """

    def __init__(
        self,
        stored: StoredFile,
        *,
        cache: str = FOR_GOOD,
        missing: AgentBrowserError | None = None,
    ) -> None:
        """`missing`: what to say where the file is not there any more."""
        self._stored = stored
        artifact = stored.artifact
        self._missing = missing or ArtifactNotFound(artifact.id)
        self._etag = f'"{artifact.sha256}"'
        kind = artifact.content_type
        shown = _SHOWN.fullmatch(kind) is not None
        self.status_code = 200
        self.background = None
        self.init_headers(
            {
                "Content-Type": kind if shown or _PLAIN.fullmatch(kind) else _BYTES,
                "Content-Disposition": _disposition(artifact.filename, shown=shown),
                "Content-Security-Policy": SHOWN_POLICY if shown else CONTENT_POLICY,
                "ETag": self._etag,
                "Cache-Control": cache,
                "Accept-Ranges": "bytes",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            descriptor = await anyio.to_thread.run_sync(disk.open_regular, self._stored.path)
        except FileNotFoundError as exc:
            raise self._missing from exc
        try:
            if _matches(headers.get("if-none-match"), self._etag):
                await self._head(send, 304, None)
                await send({"type": "http.response.body", "body": b""})
                return
            size = os.fstat(descriptor).st_size
            # Of a HEAD no range is asked for, whatever it says.
            wanted = self._range(headers, size) if scope["method"] == "GET" else None
            start, end = wanted or (0, size)
            await self._head(send, 206 if wanted else 200, end - start,
                             f"bytes {start}-{end - 1}/{size}" if wanted else None)  # fmt: skip
            if scope["method"] == "HEAD" or start == end:
                await send({"type": "http.response.body", "body": b""})
            else:
                await _stream(descriptor, start, end, receive, send)
        finally:
            os.close(descriptor)

    def _range(self, headers: Headers, size: int) -> tuple[int, int] | None:
        """First byte and the one after the last. None for all of it: no range, several, or one for
        another version of the file.
        """
        match = _RANGE.fullmatch(headers.get("range", "").strip())
        if match is None or headers.get("if-range", self._etag) != self._etag:
            return None
        first, last = match.groups()
        if not first and not last:
            return None
        if not first:
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), min(size, int(last) + 1) if last else size
            if last and int(last) < start:
                return None
        if start >= size or start >= end:
            raise RangeNotSatisfiable(size)
        return start, end

    async def _head(
        self, send: Send, status: int, length: int | None, content_range: str | None = None
    ) -> None:
        headers = list(self.raw_headers)
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        if content_range is not None:
            headers.append((b"content-range", content_range.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})


async def _stream(descriptor: int, start: int, end: int, receive: Receive, send: Send) -> None:
    """Send these bytes, until done or the caller is gone."""

    async def watch(scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        position = start
        while position < end:
            data = await anyio.to_thread.run_sync(
                os.pread, descriptor, min(CHUNK, end - position), position
            )
            position += len(data)
            is_last = position >= end or not data
            await send({"type": "http.response.body", "body": data, "more_body": not is_last})
            if is_last:
                break
        group.cancel_scope.cancel()


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))


def _disposition(filename: str, *, shown: bool) -> str:
    kind = "inline" if shown else "attachment"
    plain = re.sub(r'[^A-Za-z0-9._ -]|["\\]', "_", filename)
    if plain == filename:
        return f'{kind}; filename="{plain}"'
    encoded = quote(filename, safe="", errors="replace")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
