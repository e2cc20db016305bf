"""The reference page, a form and 100 links, and the process of its own that serves it.

Each answer is one write of bytes made beforehand, so that the page's server is no part of what is
measured.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.starting import first_line

BUTTON = "Send"
PRESSED = "Sent"
"""What the button says once it was clicked."""
LINKS = 100

_LINKS = "\n".join(f'<li><a href="/item/{n}">Link {n}</a></li>' for n in range(1, LINKS + 1))
_HTML = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Reference</title><link rel="icon" href="data:,"></head>
<body>
<h1>Reference</h1>
<form>
<label>Name <input name="name"></label>
<label>Email <input name="email" type="email"></label>
<label><input name="agree" type="checkbox"> I agree</label>
<button type="button" onclick="this.textContent='{PRESSED}'">{BUTTON}</button>
</form>
<ul>
{_LINKS}
</ul>
</body>
</html>
""".encode()
FEWER = "fewer"
"""The path of the reference page without its first ten links."""
_LESS = _HTML.replace(_LINKS.encode(), "\n".join(_LINKS.split("\n")[10:]).encode())
BIG = "big"
"""The path of a page of 50,000 nodes, one in a hundred a button."""
_NODES = "\n".join(
    f"<button>Button {n}</button>" if n % 100 == 0 else f"<i>{n} </i>" for n in range(1, 50_000)
)
_LARGE = (
    f'<!doctype html><title>Large</title><link rel="icon" href="data:,"><div>\n{_NODES}\n</div>'
).encode()


def _answer(html: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(html)}\r\nCache-Control: no-store\r\n\r\n"
    )
    return head.encode() + html


_ANSWER = _answer(_HTML)
_OTHERS = {f"GET /{BIG}".encode(): _answer(_LARGE), f"GET /{FEWER}".encode(): _answer(_LESS)}


@contextmanager
def served() -> Iterator[str]:
    """The page's URL, while a process of its own serves it."""
    command = [sys.executable, "-m", "benchmarks.page"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield first_line(process)
        finally:
            process.kill()


class _Connection(asyncio.Protocol):
    """Answers every request with the page, or with one of the others."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._read = (self._read + data).split(b"\r\n\r\n")
        for request in requests:
            others = (_OTHERS[start] for start in _OTHERS if request.startswith(start))
            self._transport.write(next(others, _ANSWER))


async def _serve() -> None:
    """Serve, on a port that the system chose, until stdin ends: with whoever started it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    parent_gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), parent_gone.set)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await parent_gone.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
