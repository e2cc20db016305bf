"""The same engine twice: in memory, and real. Both look at the same pages, over a socket or not."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from agent_browser.browser.engine import Browser, Engine
from tests.fakes.engine import FakeBrowser, FakeEngine
from tests.fakes.pages import FILES, SITE


class _Handler(BaseHTTPRequestHandler):
    """Writes the fake's pages as HTML."""

    def do_GET(self) -> None:
        if self.path in FILES:
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Disposition", "attachment")
            self.send_header("Content-Length", str(len(FILES[self.path])))
            self.end_headers()
            self.wfile.write(FILES[self.path])
            return
        page = SITE.get(self.path)
        body = (page.html() if page else "not found").encode()
        self.send_response(page.status if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests of tests are nobody's news."""


@pytest.fixture(scope="session")
def pages_url() -> Iterator[str]:
    """Where the pages of `tests.fakes.pages.SITE` are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Subject:
    """An engine that was entered, and a browser of its."""

    engine: Engine
    browser: Browser
    url: str

    def kill(self) -> None:
        """The browser dies."""
        if isinstance(self.browser, FakeBrowser):
            self.browser.lose()
        else:
            assert self.browser.pid is not None
            os.kill(self.browser.pid, signal.SIGKILL)


@pytest.fixture(params=["fake", pytest.param("chromium", marks=pytest.mark.browser)])
async def subject(
    request: pytest.FixtureRequest, pages_url: str, anyio_backend: str
) -> AsyncIterator[Subject]:
    """The engine under test, with one browser."""
    engine: Engine = FakeEngine()
    if request.param == "chromium":
        from agent_browser.browser.chromium import Chromium

        engine = Chromium(request.getfixturevalue("real_settings"))
    async with engine:
        browser = await engine.launch()
        yield Subject(engine, browser, pages_url)
        await browser.close()
