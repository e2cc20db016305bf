"""The server as a process: how it starts, refuses to, and stops."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import httpx
import pytest

from agent_browser.api import first_launch, signals
from agent_browser.errors import BrowserMissing

SERVE = """
import sys, anyio
from agent_browser import settings
from agent_browser.api import server
def ready(url): print(url, flush=True)
sys.exit(anyio.run(lambda: server.serve(settings.load(port=0), ready=ready)))
"""


def _start(folder: Path, **changes: object) -> subprocess.Popen[str]:
    given = {"data_dir": folder / "data", "recordings_dir": folder / "videos", "browsers": 1,
             "warm": 1, **changes}  # fmt: skip
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
    environ |= {f"AGENT_BROWSER_{name.upper()}": str(value) for name, value in given.items()}
    return subprocess.Popen(
        [sys.executable, "-c", SERVE.replace("port=0", "" if "port" in changes else "port=0")],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _running(folder: Path, **changes: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = _start(folder, **changes)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield process, url
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "0.0.0.0"}, "AGENT_BROWSER_API_KEYS"),
        ({"executable_path": "/nowhere/chromium"}, "/nowhere/chromium"),
        ({"data_dir": "/dev/null/x"}, "DATA_DIR"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line_that_names_the_cure(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    process = _start(tmp_path, log_level="error", **changes)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("agent-browser: ")]
    assert len(lines) == 1, err
    assert said in lines[0]
    assert "Traceback" not in err


def test_a_taken_port_is_a_failed_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = _start(tmp_path, port=taken.getsockname()[1])
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is taken" in err
    assert "--port" in err


@pytest.mark.browser
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_with_its_videos_whole(tmp_path: Path, number: int) -> None:
    with _running(tmp_path) as (process, url), httpx.Client(base_url=url, timeout=30) as client:
        assert client.get("/readyz").json()["status"] == "ready"
        body = {"session": "new", "input": {"url": "data:text/html,hello", "record_video": True}}
        opened = client.post("/v1/functions/open", json=body)
        assert opened.status_code == 200, opened.text
        process.send_signal(number)
        _, err = process.communicate(timeout=40)
        assert process.returncode == 0, err
    session_id = opened.json()["session_id"]
    with _running(tmp_path) as (process, url), httpx.Client(base_url=url) as client:
        (video,) = client.get("/v1/recordings").json()["items"]
        assert video["session_id"] == session_id
        assert video["duration"] is not None
        process.send_signal(number)
        process.communicate(timeout=40)


class _Holding(ThreadingHTTPServer):
    """Serves a page at /, and answers a request for /held once it is allowed to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked, self.allowed = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Held)


class _Held(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Holding)
        if self.path == "/held":
            self.server.asked.set()
            self.server.allowed.wait(60)
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def _held_call(url: str) -> Iterator[tuple[list[httpx.Response], _Holding]]:
    """A call that is under way until the server that its page asks is allowed to answer."""
    with _Holding() as holding:
        serving = threading.Thread(target=holding.serve_forever, args=(0.05,))
        serving.start()
        page = {"url": f"http://127.0.0.1:{holding.server_port}/"}
        opened = httpx.post(
            f"{url}/v1/functions/open", json={"session": "new", "input": page}, timeout=30
        )
        id = opened.json()["session_id"]
        answers: list[httpx.Response] = []

        def call() -> None:
            held = {"code": "fetch('/held').then(() => 7)", "timeout": 250}
            with contextlib.suppress(httpx.TransportError):
                answers.append(httpx.post(f"{url}/v1/sessions/{id}/execute", json=held, timeout=60))

        calling = threading.Thread(target=call)
        calling.start()
        try:
            assert holding.asked.wait(20)
            yield answers, holding
        finally:
            holding.allowed.set()
            calling.join(timeout=30)
            holding.shutdown()
            serving.join()


def _wait_until_not_ready(url: str) -> None:
    while httpx.get(f"{url}/readyz").status_code == 200:
        pass


@pytest.mark.browser
def test_while_it_drains_it_takes_nothing_new_and_the_call_under_way_is_answered(
    tmp_path: Path,
) -> None:
    with _running(tmp_path) as (process, url):
        with _held_call(url) as (answers, holding):
            process.send_signal(signal.SIGTERM)
            _wait_until_not_ready(url)
            refused = httpx.post(f"{url}/v1/functions/open", json={"input": {"url": "about:blank"}})
            assert refused.status_code == 503
            assert refused.json()["reason"] == "draining"
            assert httpx.get(f"{url}/healthz").status_code == 200
            holding.allowed.set()
        _, err = process.communicate(timeout=40)
        assert process.returncode == 0, err
    assert answers[0].status_code == 200
    assert answers[0].json()["value"] == 7


@pytest.mark.browser
def test_a_second_signal_skips_the_waits(tmp_path: Path) -> None:
    with _running(tmp_path, shutdown_timeout=300) as (process, url), _held_call(url):
        process.send_signal(signal.SIGTERM)
        _wait_until_not_ready(url)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=40)
        assert process.returncode == 0, err


@pytest.mark.anyio
async def test_signals_are_counted_and_handlers_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals.caught() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with anyio.fail_after(2):
            await stop.first.wait()
        assert not stop.second.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        with anyio.fail_after(2):
            await stop.second.wait()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.anyio
async def test_the_first_launch_decides_and_later_ones_do_not() -> None:
    class Engine:
        warnings = ("root",)
        launches = 0

        async def __aenter__(self) -> "Engine":
            return self

        async def __aexit__(self, *exc: object) -> None: ...

        async def launch(self) -> object:
            self.launches += 1
            if self.launches == 1:
                raise BrowserMissing("install one")
            return self

    engine = first_launch.FirstLaunch(Engine())  # type: ignore[arg-type]
    async with engine:
        with pytest.raises(BrowserMissing):
            await engine.launch()
        await engine.launch()
        assert engine.warnings == ("root",)
        with pytest.raises(BrowserMissing, match="install one"):
            await engine.succeeded()
