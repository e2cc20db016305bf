"""uvicorn as this server runs it: bounded, quiet, without signal handlers of its own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from starlette.types import ASGIApp

from agent_browser.api.wire import BoundedHttp

CONNECTIONS = 4_096
KEEP_ALIVE_SECONDS = 65
ANSWER_SECONDS = 5
"""How long answers under way may take once the server is told to exit."""


class HttpServer(uvicorn.Server):
    """Serves an app until `should_exit`; `force_exit` too makes it skip the waits."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=ANSWER_SECONDS,
            )
        )
        self.listens = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: who runs this server does."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()
