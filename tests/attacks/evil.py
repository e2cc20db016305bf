"""A site of an attacker's: its pages try every way that a page has of sending requests elsewhere.

It answers everything, to every method, and remembers what it was asked, so that it also shows that
the ways work against a server that does not look.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("evil.js")
_PAGE = '<!doctype html><title>evil</title><body><script src="/evil.js"></script>'


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    kind: str
    body: bytes


@dataclass
class Evil:
    """The site; its port on 127.0.0.1."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def serving() -> Iterator[Evil]:
    """The site, on a free port."""
    evil = Evil()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            evil.asked.append(
                Asked(self.command, self.path, self.headers.get("Content-Type") or "", body)
            )
            script = self.path.partition("?")[0] == "/evil.js"
            said = SCRIPT.read_bytes() if script else _PAGE.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    evil.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield evil
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def call(function: str, *given: Any) -> str:
    """JavaScript that calls one of the script's functions, as Playwright evaluates it."""
    return f"{function}({', '.join(json.dumps(one) for one in given)})"
