"""The heads of HTTP/1.1 messages that a relay reads and writes again."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_HEAD = 256 * 1024
"""Bytes of a head at most."""
_HOP = (b"connection", b"proxy-connection", b"keep-alive", b"proxy-authorization")


class Malformed(Exception):
    """What came is no HTTP/1.1 message."""


@dataclass(frozen=True)
class Request:
    """What a browser asks of a proxy. `target` is host:port, `url` as in the request's line."""

    method: str
    url: str
    target: str
    headers: tuple[bytes, ...]

    @property
    def is_connect(self) -> bool:
        return self.method == "CONNECT"

    def written(self, url: str, *more: bytes) -> bytes:
        """The head again, for a connection that ends with the answer."""
        kept = [line for line in self.headers if _name(line) not in _HOP]
        first = f"{self.method} {url} HTTP/1.1".encode("latin-1")
        return b"\r\n".join([first, *kept, *more, b"Connection: close", b"", b""])


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


async def read_request(reader: asyncio.StreamReader) -> Request:
    """A browser's request to a proxy. Malformed, EOFError."""
    lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    words = lines[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed
    method, url, _ = words
    try:
        parts = urlsplit(f"//{url}" if method == "CONNECT" else url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Malformed from None
    if not host or (method != "CONNECT" and parts.scheme != "http"):
        raise Malformed
    shown = f"[{host}]" if ":" in host else host
    return Request(method, url, f"{shown}:{port or 80}", tuple(lines[1:]))


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """An answer's status, and its head told to end the connection. Malformed, EOFError."""
    first = await reader.readexactly(5)
    if first != b"HTTP/":
        raise Malformed
    lines = (first + await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise Malformed
    status = int(words[1])
    kept = [line for line in lines[1:] if _name(line) not in _HOP]
    last = [b"Connection: close"] if status >= 200 else []
    return status, b"\r\n".join([lines[0], *kept, *last, b"", b""])
