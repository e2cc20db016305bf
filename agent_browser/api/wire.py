"""uvicorn's HTTP protocol with two bounds that it lacks: a request's head may take 64 KiB and 20
seconds, no more.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 65_536
HEAD_SECONDS = 20.0


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection whose next request's head is too long, or too long in coming. A connection
    at rest between requests is uvicorn's own keep-alive's.
    """

    _place = "rest"
    """Where in the stream the last byte was: in a request's head, its body, or between two."""
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._place
        super().data_received(data)
        if self._place != "head" or self.transport.is_closing():
            return
        # Of a head that began behind a body, the part that came with it isn't counted.
        self._head_bytes = 0 if before == "body" else self._head_bytes + len(data)
        if self._timer is None:
            self._expect_head()
        if self._head_bytes > HEAD_BYTES:
            self.send_400_response("Request head too long.")

    def on_message_begin(self) -> None:
        self._place = "head"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._place = "body"
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._place = "rest"
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
