"""Events of real pages, as streams and to an address, through the whole program."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import httpx
import pytest

from tests.end_to_end.remote import Json, Session, read
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

PATIENCE = 30.0


@contextmanager
def followed(server: Program, path: str) -> Iterator[Queue[tuple[str, Json]]]:
    """The events of a stream as they come: type and data."""
    told: Queue[tuple[str, Json]] = Queue()
    opened = threading.Event()

    def follow() -> None:
        with (
            httpx.Client(base_url=server.base_url, trust_env=False, timeout=PATIENCE) as http,
            http.stream("GET", path) as response,
        ):
            opened.set()
            kind = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    told.put((kind, json.loads(value)))

    following = threading.Thread(target=follow)
    following.start()
    try:
        assert opened.wait(PATIENCE)
        yield told
    finally:
        following.join(PATIENCE)


def until(told: Queue[tuple[str, Json]], kind: str, **wanted: object) -> Json:
    """The data of the next of that type that has these values."""
    while True:
        found, event = told.get(timeout=PATIENCE)
        data = event.get("data", event)
        if found == kind and all(data.get(name) == value for name, value in wanted.items()):
            return dict(data)


def test_a_session_is_followed_to_its_end(server: Program, http: httpx.Client, site: Site) -> None:
    with Session(http, site.url("/form")) as session:
        path = f"/v1/sessions/{session.id}/events?after=0"
        with followed(server, path) as told:
            assert until(told, "navigated")["path"] == "/form"
            session.call("execute", code="console.log('hello', {a: 1})")
            assert until(told, "console")["text"].startswith("hello")
            session.call("execute", code="history.pushState({}, '', '/form/2?b=1')")
            assert until(told, "navigated", path="/form/2")["search"] == "?b=1"
            session.call("execute", code="alert('look')")
            assert until(told, "dialog")["waits"] is False
            session.call("execute", code="void window.open('/empty')")
            assert until(told, "tab_opened")["opener"] == "t1"
            session.close()
            assert until(told, "session.ended")["reason"] == "closed"
            assert until(told, "end") == {"reason": "session_ended"}


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiving)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.put((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


class Receiving(ThreadingHTTPServer):
    """Takes deliveries."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: Queue[tuple[dict[str, str], bytes]] = Queue()
        super().__init__(("127.0.0.1", 0), _Receiver)


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    with Receiving() as receiving:
        serving = threading.Thread(target=receiving.serve_forever, args=(0.05,))
        serving.start()
        yield receiving
        receiving.shutdown()
        serving.join()


def test_a_webhook_is_sent_what_a_receiver_can_check_as_the_page_says(
    http: httpx.Client, site: Site, receiving: Receiving
) -> None:
    is_ours = _checker()
    url = f"http://127.0.0.1:{receiving.server_port}/"
    made = read(http.post("/v1/webhooks", json={"url": url, "events": ["session.ended"]}))
    try:
        with Session(http, site.url("/empty")) as session:
            session.close()
        headers, body = receiving.got.get(timeout=PATIENCE)
        assert json.loads(body)["session_id"] == session.id
        assert is_ours(made["secret"], headers, body)
        assert not is_ours(made["secret"], headers, body + b" ")
    finally:
        http.delete(f"/v1/webhooks/{made['id']}")


def _checker() -> Any:
    """The function that docs/events.md gives to receivers."""
    from tests.docs.markdown import read as page

    code = page("docs/events.md").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_ours"]
