"""Answers of many lines of JSON, each sent when it is there; a slow reader slows who makes them."""

from collections.abc import Awaitable, Callable

import anyio
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent_browser.api.answers import CallerGone, json_answer

NDJSON = "application/x-ndjson"

Give = Callable[[BaseModel], Awaitable[None]]
Work = Callable[[Give], Awaitable[None]]
"""Makes the lines. Cancelled when the reader goes away."""


class Lines(Response):
    """Each model that `work` gives as one line of JSON. The request's body must have been read."""

    media_type = NDJSON

    def __init__(self, work: Work) -> None:
        self._work = work
        self.status_code = 200
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_done = False

        async def give(model: BaseModel) -> None:
            line = bytes(json_answer(model).body) + b"\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})

        async def make() -> None:
            nonlocal is_done
            await self._work(give)
            is_done = True
            group.cancel_scope.cancel()

        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async with anyio.create_task_group() as group:
            group.start_soon(make)
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()
        if not is_done:
            raise CallerGone
        await send({"type": "http.response.body", "body": b"", "more_body": False})
