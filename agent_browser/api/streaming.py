"""Answers that are sent piece by piece, each when it is there: lines of JSON, server-sent events. A
slow reader slows who makes them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent_browser.api.answers import CallerGone, json_answer

NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"
FRAME: dict[str, Any] = {
    "type": "object",
    "description": "An event of the stream; its data is JSON.",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}
"""The schema of an event stream, for OpenAPI."""

Write = Callable[[bytes], Awaitable[None]]
Make = Callable[[Write], Awaitable[None]]
"""Makes the pieces. Cancelled when the reader goes away."""
Give = Callable[[BaseModel], Awaitable[None]]
Work = Callable[[Give], Awaitable[None]]
"""Makes the lines. Cancelled when the reader goes away."""
Until = Callable[[], Awaitable[None]]
"""Comes back when the answer is to end, whatever is left of it: its reader lost its right to it."""
Told = AbstractAsyncContextManager[AsyncIterator[tuple[int, str, BaseModel | bytes]]]
"""Events as id, type and data, a model or one line of JSON; entered while somebody reads them."""


class Streamed(Response):
    """The pieces that `make` writes. The request's body must have been read."""

    def __init__(
        self,
        make: Make,
        headers: Mapping[str, str] | None = None,
        *,
        until: Until = anyio.sleep_forever,
    ) -> None:
        self._make = make
        self._until = until
        self.status_code = 200
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no", **(headers or {})})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_done = False

        async def write(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        async def make() -> None:
            nonlocal is_done
            await self._make(write)
            is_done = True
            group.cancel_scope.cancel()

        async def end() -> None:
            nonlocal is_done
            await self._until()
            is_done = True
            group.cancel_scope.cancel()

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with anyio.create_task_group() as group:
            group.start_soon(make)
            group.start_soon(end)
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()
        if not is_done:
            raise CallerGone
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Lines(Streamed):
    """Each model that `work` gives as one line of JSON."""

    media_type = NDJSON

    def __init__(
        self,
        work: Work,
        headers: Mapping[str, str] | None = None,
        *,
        until: Until = anyio.sleep_forever,
    ) -> None:
        async def make(write: Write) -> None:
            await work(lambda model: write(_json(model) + b"\n"))

        super().__init__(make, headers, until=until)


class ServerSent(Streamed):
    """Server-sent events to the last that there is, and a comment every `alive` seconds, which
    keeps proxies awake.
    """

    media_type = EVENT_STREAM

    def __init__(
        self, told: Callable[[], Told], *, alive: float, until: Until = anyio.sleep_forever
    ) -> None:
        async def beat(write: Write) -> None:
            while True:
                await anyio.sleep(alive)
                await write(b": alive\n\n")

        async def make(write: Write) -> None:
            async with told() as events, anyio.create_task_group() as group:
                group.start_soon(beat, write)
                async for number, kind, said in events:
                    head = f"id: {number}\nevent: {kind}\ndata: ".encode()
                    data = said if isinstance(said, bytes) else _json(said)
                    await write(head + data + b"\n\n")
                group.cancel_scope.cancel()

        super().__init__(make, until=until)


def _json(model: BaseModel) -> bytes:
    return bytes(json_answer(model).body)
