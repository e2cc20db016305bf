"""The browser's end: what it asks is decided here, each request anew."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio import CancelScope
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from agent_browser.egress import faults, heads, sockets
from agent_browser.egress.answers import Answer
from agent_browser.egress.ends import BUSY, End
from agent_browser.egress.far import Far
from agent_browser.egress.faults import DeniedFault, DirectFault, Fault
from agent_browser.egress.heads import Malformed, Request, Target
from agent_browser.egress.rates import Bucket

if TYPE_CHECKING:
    from agent_browser.egress.port import Port

_MADE = b"HTTP/1.1 200 Connection established\r\n\r\n"
_UNREACHED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Near(End):
    """A connection of the browser, with at most one beyond it: the site sees as many as it would
    without a proxy, and when one of the two ends, so does the other.

    One request is under way at a time. `far` is None until one was made for the first; it is made
    anew where a request is for another host.
    """

    def __init__(self, port: "Port") -> None:
        super().__init__(port.later, port.turns, port.bounds)
        self._port = port
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._reading: Request | None = None
        self._asked: list[Request] = []
        self._quiet = 0
        self._answer: Answer | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._dialling: CancelScope | None = None
        self._halves = 0
        self._has_moved = False
        self._early: list[bytes] = []
        self.request: Request | None = None
        self.far: Far | None = None

    # What the browser sends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        with suppress(OSError):
            sockets.taking(transport.get_extra_info("socket"))
        if self._port.admits(self):
            self._patience(self._port.bounds.idle)
        else:
            self.abort()

    def bucket(self) -> Bucket | None:
        return self._port.uploads

    def fed(self, data: bytes) -> None:
        if self._parser is None:
            self._has_moved = True
            if self.far is not None:
                self.far.send(data)
            else:
                self._early.append(data)
                self.pause(BUSY)
            return
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
            if self._quiet > heads.MAX_HEAD:
                raise Malformed
        except HttpParserUpgrade as exc:
            self._upgraded(data[exc.args[0] :])
            return
        except (HttpParserError, Malformed):
            self.end()
            return
        if self.request is None and self._reading is not None and not self._asked:
            self._patience(self._port.bounds.head)
        self._advance()

    def finished(self) -> None:
        if self._parser is not None or self.far is None:
            self.end()  # a browser that wants an answer keeps its side open
        else:
            self.far.send_end()
            self._half()

    def lost(self, exc: Exception | None) -> None:
        far = self._given_up()
        if far is not None:
            far.leave(reset=exc is not None)
        self._port.left(self)

    def on_message_begin(self) -> None:
        self._reading = Request()

    def on_url(self, url: bytes) -> None:
        assert self._reading is not None
        self._reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        reading = self._reading
        assert reading is not None
        into = reading.trailers if reading.method else reading.headers
        if len(into) >= 1_000:
            raise Malformed
        into.append((name, name.lower(), value))

    def on_headers_complete(self) -> None:
        reading, parser = self._reading, self._parser
        assert reading is not None
        assert parser is not None
        reading.complete(parser.get_method(), parser.get_http_version())
        self._asked.append(reading)
        self._quiet = 0

    def on_body(self, piece: bytes) -> None:
        self._quiet = 0
        if self._reading is not None and not self._reading.unwanted:
            self._reading.pieces.append(piece)

    def on_message_complete(self) -> None:
        self._quiet = 0
        if self._reading is not None:
            self._reading.whole = True
            self._reading = None

    # What is done about it

    def _upgraded(self, rest: bytes) -> None:
        request = self._asked[-1] if self._asked else None
        if request is None or not request.is_connect or self.request or len(self._asked) > 1:
            self.end()  # no browser asks a proxy for anything but a tunnel, nor while it waits
            return
        self._parser = self._reading = None
        if rest:
            self._early.append(rest)
        self._advance()

    def _advance(self) -> None:
        """Begin the next request if there is one and none under way, and send on what came of the
        one that is.
        """
        if self.request is None and self._asked:
            self._begin(self._asked.pop(0))
        request, far = self.request, self.far
        if request is not None and far is not None and self._answer is not None:
            self._send_body(request, far)
        waits = request is not None and far is None
        if self._asked or (waits and (self._early or (request is not None and request.pieces))):
            self.pause(BUSY)
        else:
            self.resume(BUSY)

    def _begin(self, request: Request) -> None:
        self.request = request
        self._patience(None)
        port, target = self._port, request.target
        tally = port.tallies.of(target.name)
        tally.requests += 1
        why = port.refuses(target)
        if why is not None:
            self.fail(DeniedFault(target.host, why))
            return
        far = self.far
        if far is not None and far.is_open and far.target == target and not request.is_connect:
            self._attach(request, far)
            return
        self._leave()
        self._dialling = port.dial(self, request)

    def dialled(self, request: Request, far: Far) -> None:
        """The connection for its request is made."""
        self._dialling = None
        if self.request is not request or not self.is_open:
            far.leave()
            return
        self.far = far
        self._port.forgive(request.target)
        if request.is_connect:
            self._join(far)
        else:
            self._attach(request, far)
        self._advance()

    def _join(self, far: Far) -> None:
        self.join(far)
        super().send(_MADE)
        early, self._early = self._early, []
        for piece in early:
            far.send(piece)
        far.begin(self)

    def _attach(self, request: Request, far: Far) -> None:
        if self.joined is None:
            self.join(far)
        self._answer = Answer(request, super().send)
        self._port.awaited[request.target.name] += 1
        far.send(self._port.head_for(request))
        self._send_body(request, far)
        far.begin(self)

    def _send_body(self, request: Request, far: Far) -> None:
        pieces, request.pieces = request.pieces, []
        if request.unwanted or request.sent or not (pieces or request.whole):
            return
        if request.is_chunked:
            pieces = [heads.chunk(piece) for piece in pieces]
            if request.whole:
                pieces.append(heads.last_chunk(request.trailers))
        if pieces:
            far.send(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        request.sent = request.whole

    # What comes back

    def far_fed(self, data: bytes) -> None:
        if self._parser is None:
            self._has_moved = True
            self.send(data)
            return
        answer, request = self._answer, self.request
        if answer is None or request is None:
            self.end()  # nobody asked
            return
        try:
            answer.feed(data)
        except Malformed:
            self.fail(self._port.misread(answer.status))
            return
        if answer.framing is not None:
            self._answered(request)
        if answer.is_done:
            self._done(request, answer)

    def far_finished(self) -> None:
        if self._parser is None:
            self.send_end()
            self._half()
        else:
            self._over(None)

    def far_lost(self, exc: Exception | None) -> None:
        if self._parser is None:
            self.far = None
            if exc is not None:
                self.end(reset=True)
            else:
                self.end()
        else:
            self._over(exc)

    def _over(self, exc: Exception | None) -> None:
        """The site ended the connection."""
        answer, request = self._answer, self.request
        if answer is None or request is None or answer.ended():
            self.end()
        elif answer.has_begun:
            self.end(reset=exc is not None)
        else:
            self.fail(DirectFault(faults.EMPTY if exc is None else faults.RESET), reset=bool(exc))

    def _done(self, request: Request, answer: Answer) -> None:
        self.request = self._answer = None
        if not answer.keeps or answer.has_excess:
            self.end()
            return
        if not request.sent:
            request.unwanted = True  # it was answered before it was sent: the rest is for nobody
            request.pieces.clear()
            self._leave()
        self._patience(self._port.bounds.idle)
        self._advance()

    # How it ends

    def fail(self, fault: Fault, *, reset: bool = False) -> None:
        """Its request comes to nothing, for that reason."""
        request = self.request
        if request is not None:
            self._port.remember(request.target, fault)
            if request.is_connect and self.far is None:
                super().send(_UNREACHED)
        self.end(reset=reset)

    def end(self, *, reset: bool = False) -> None:
        """End both connections, once what was written is sent. Idempotent."""
        far = self._given_up()
        if far is not None:
            far.leave(reset=reset)
        if reset:
            self.abort(reset=True)
        else:
            self.close()

    @property
    def target(self) -> Target | None:
        """Where its connection leads, or is to lead."""
        if self.request is not None:
            return self.request.target
        return self.far.target if self.far is not None else None

    def _given_up(self) -> Far | None:
        """What it had is nobody's any more; the far end, for who ends it."""
        self._patience(None)
        if self.request is not None:
            self._answered(self.request)
        far, self.far = self.far, None
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        self.request = self._answer = self._reading = None
        self._asked.clear()
        self._early.clear()
        return far

    def _leave(self) -> None:
        far, self.far = self.far, None
        if far is not None:
            far.leave()

    def _answered(self, request: Request) -> None:
        if self._answer is not None and not request.answered:
            request.answered = True
            self._port.unawait(request.target)

    def _half(self) -> None:
        """One of the two sides of a tunnel sends no more."""
        self._halves += 1
        if self._halves == 2:
            self.end()
        else:
            self._has_moved = True
            self._linger()

    def _linger(self) -> None:
        """Wait for the other side, as long as it sends."""
        if self._has_moved:
            self._has_moved = False
            self._patience(self._port.bounds.half, self._linger)
        else:
            self.end()

    def _patience(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        """It ends unless something happens in that time; or what is given happens."""
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        if seconds is not None:
            self._deadline = self._port.later(seconds, then or self.end)
