"""Heads of HTTP/1.1 messages as a proxy reads them and writes them again. Pure."""

from dataclasses import dataclass, field
from functools import lru_cache

from agent_browser.egress.addresses import plain, written

MAX_HEAD = 256 * 1024
"""Bytes of a head at most."""
_HOP = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"te", b"upgrade", b"transfer-encoding",
     b"proxy-authorization", b"proxy-authenticate", b"proxy-authentication-info")
)  # fmt: skip
_BODILESS = frozenset((204, 304))

Headers = list[tuple[bytes, bytes, bytes]]
"""Name as it came, name in small letters, value."""


class Malformed(Exception):
    """What came is no HTTP/1.1 message for a proxy."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: the host in its plain form."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """host:port."""
        return written(self.host, self.port)


@lru_cache(maxsize=2_048)
def target_of(text: str, default: int | None = None) -> Target:
    """The target of host:port. Malformed."""
    closing = text.rfind("]")
    host, colon, after = text[closing + 1 :].rpartition(":")
    port = after if colon else str(default or "")
    host = text[: closing + 1] + (host if colon else text[closing + 1 :])
    if not port and default is not None:
        port = str(default)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise Malformed
    is_bracketed = host.startswith("[") and host.endswith("]")
    if is_bracketed != (":" in host):
        raise Malformed
    try:
        return Target(plain(host), int(port))
    except ValueError:
        raise Malformed from None


@dataclass(slots=True)
class Request:
    """What a browser asks. `whole` once its body is, of which `pieces` wait to be sent."""

    url: bytes = b""
    headers: Headers = field(default_factory=list)
    trailers: Headers = field(default_factory=list)
    method: bytes = b""
    is_old: bool = False
    """HTTP/1.0."""
    is_chunked: bool = False
    keeps: bool = True
    """Whether its connection goes on after it."""
    whole: bool = False
    unwanted: bool = False
    """Whether it was answered already, so that its body goes nowhere."""
    sent: bool = False
    """Whether the next in line has all of it."""
    answered: bool = False
    pieces: list[bytes] = field(default_factory=list)
    _target: Target | None = None
    _authority: bytes = b""
    _path: bytes = b""

    def complete(self, method: bytes, version: str) -> None:
        """The head is there. Malformed for what no proxy can be asked."""
        self.method = method
        self.is_old = version == "1.0"
        if version not in ("1.0", "1.1"):
            raise Malformed
        self.keeps = _keeps(self.headers, self.is_old, (b"connection", b"proxy-connection"))
        coding = b",".join(_values(self.headers, b"transfer-encoding")).lower()
        self.is_chunked = coding == b"chunked"
        if coding and not self.is_chunked:
            raise Malformed
        if self.is_connect:
            self._target = target_of(_text(self.url))
            return
        scheme, colon, rest = self.url.partition(b"://")
        if not colon or scheme.lower() != b"http":
            raise Malformed
        end = min((at for sign in b"/?#" if (at := rest.find(sign)) >= 0), default=len(rest))
        self._authority, path = rest[:end], rest[end:].partition(b"#")[0]
        self._path = path if path.startswith(b"/") else b"/" + path
        self._target = target_of(_text(self._authority), 80)

    @property
    def is_connect(self) -> bool:
        return self.method == b"CONNECT"

    @property
    def target(self) -> Target:
        """Where it goes, by its line: what a Host header says counts for nothing."""
        assert self._target is not None
        return self._target

    def written(self, *, for_proxy: bool = False, more: tuple[bytes, ...] = ()) -> bytes:
        """The head for the next in line: a site, or a proxy that takes whole addresses."""
        url = b"http://" + self._authority + self._path if for_proxy else self._path
        lines = [b"%s %s HTTP/1.1" % (self.method, url), b"Host: " + self._authority]
        lines.append(b"Connection: " + (b"keep-alive" if self.keeps else b"close"))
        lines += kept(self.headers, but=b"host")
        if self.is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
        return b"\r\n".join([*lines, *more, b"", b""])


@dataclass(frozen=True, slots=True)
class Framing:
    """How an answer's end is known, and whether its connection goes on."""

    has_body: bool
    coding: bytes
    """Its transfer coding; empty for none."""
    until_close: bool
    keeps: bool

    @property
    def is_chunked(self) -> bool:
        return self.coding.endswith(b"chunked")


def framing(status: int, headers: Headers, *, method: bytes, is_old: bool) -> Framing:
    """That of a final answer to a request of that method."""
    coding = b", ".join(_values(headers, b"transfer-encoding")).strip().lower()
    has_body = method != b"HEAD" and status not in _BODILESS
    has_length = bool(_values(headers, b"content-length"))
    until_close = has_body and not coding.endswith(b"chunked") and (bool(coding) or not has_length)
    keeps = not until_close and _keeps(headers, is_old, (b"connection",))
    return Framing(has_body, coding, until_close, keeps)


def answer(status: int, reason: bytes, headers: Headers, *more: bytes) -> bytes:
    """An answer's head, written again."""
    first = b"HTTP/1.1 %d %s" % (status, _clean(reason))
    return b"\r\n".join([first, *kept(headers), *more, b"", b""])


def kept(headers: Headers, *, but: bytes = b"") -> list[bytes]:
    """The lines that are for more than the next in line."""
    named = {
        word.strip().lower()
        for value in _values(headers, b"connection") + _values(headers, b"proxy-connection")
        for word in value.split(b",")
    } - {b"host", b"content-length"}
    return [
        name + b": " + _clean(value)
        for name, low, value in headers
        if low not in _HOP and low not in named and low != but
    ]


def chunk(piece: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def last_chunk(trailers: Headers) -> bytes:
    """A chunked body's end."""
    return b"\r\n".join([b"0", *kept(trailers), b"", b""])


def _keeps(headers: Headers, is_old: bool, names: tuple[bytes, ...]) -> bool:
    said = [
        word.strip().lower() for name in names for value in _values(headers, name)
        for word in value.split(b",")
    ]  # fmt: skip
    return b"keep-alive" in said if is_old else b"close" not in said


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for _, low, value in headers if low == name]


def _clean(value: bytes) -> bytes:
    """A value in one line: what a lenient parser lets pass may not make lines of its own."""
    if b"\r" in value or b"\n" in value or b"\x00" in value:
        return b" ".join(value.replace(b"\x00", b"").split())
    return value


def _text(part: bytes) -> str:
    try:
        return part.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed from None
