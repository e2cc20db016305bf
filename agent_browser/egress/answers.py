"""One answer on its way from a site to the browser: read, and framed anew."""

from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from agent_browser.egress import heads
from agent_browser.egress.heads import Framing, Headers, Malformed


class Answer:
    """What is fed to it goes to `send`, head and body; informational answers before it too."""

    def __init__(self, request: heads.Request, send: Callable[[bytes], None]) -> None:
        self._request = request
        self._send = send
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,  # chunks count then, as they do in a browser
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_data_after_close=True,
            lenient_version=True,
        )
        self._headers: Headers = []
        self._trailers: Headers = []
        self._reason = b""
        self._quiet = 0
        self._out: list[bytes] = []
        self.framing: Framing | None = None
        """Known once the head of the final answer is there."""
        self.status = 0
        self.is_done = False
        self.has_begun = False
        self.has_excess = False
        """Whether more came than the answer."""

    def feed(self, data: bytes) -> None:
        """What came. Malformed."""
        self.has_begun = True
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise Malformed from None
        except HttpParserError as exc:
            raise Malformed from exc
        finally:
            out, self._out = self._out, []
            if out:
                self._send(out[0] if len(out) == 1 else b"".join(out))
        if self._quiet > heads.MAX_HEAD:
            raise Malformed

    def ended(self) -> bool:
        """The connection ended: whether the answer is whole."""
        if not self.is_done and self.framing is not None and self.framing.until_close:
            self.is_done = True
        return self.is_done

    @property
    def keeps(self) -> bool:
        """Whether both connections go on after it."""
        return self.framing is not None and self.framing.keeps and self._request.keeps

    def on_message_begin(self) -> None:
        if self.is_done:
            raise Malformed
        self._headers, self._reason = [], b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        into = self._headers if self.framing is None else self._trailers
        if len(into) >= 1_000:
            raise Malformed
        into.append((name, name.lower(), value))

    def on_headers_complete(self) -> None:
        self._quiet = 0
        self.status = self._parser.get_status_code()
        if self.status < 200:
            if self.status == 101:
                raise Malformed
            if not self._request.is_old:
                self._out.append(heads.answer(self.status, self._reason, self._headers))
            return
        if self.status == 407:
            raise Malformed  # it is between this proxy and the next, and no page's
        is_old = self._parser.get_http_version() == "1.0"
        self.framing = heads.framing(
            self.status, self._headers, method=self._request.method, is_old=is_old
        )
        more = [] if self.keeps else [b"Connection: close"]
        if self._is_rechunked:
            more.append(b"Transfer-Encoding: " + self.framing.coding)
        headers = self._headers
        if self.framing.coding:
            headers = [one for one in headers if one[1] != b"content-length"]
        self._out.append(heads.answer(self.status, self._reason, headers, *more))
        if not self.framing.has_body:
            self.is_done = True

    def on_body(self, piece: bytes) -> None:
        self._quiet = 0
        if self.is_done:
            self.has_excess = True
        elif self._is_rechunked:
            self._out.append(heads.chunk(piece))
        else:
            self._out.append(piece)

    def on_message_complete(self) -> None:
        self._quiet = 0
        if self.framing is None or self.is_done:
            return
        if self._is_rechunked:
            self._out.append(heads.last_chunk(self._trailers))
        self.is_done = True

    @property
    def _is_rechunked(self) -> bool:
        framing = self.framing
        return framing is not None and framing.is_chunked and not self._request.is_old
