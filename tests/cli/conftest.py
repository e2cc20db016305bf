"""Fixtures of the command line's tests: an environment of its own, a fake server, a runner."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_browser.cli import main
from tests.cli.fake_server import FakeServer


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the one who runs the tests; state and data below `tmp_path`."""
    for name in list(os.environ):
        if name.startswith("AGENT_BROWSER_") and not name.startswith("AGENT_BROWSER_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AGENT_BROWSER_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A server that answers at AGENT_BROWSER_URL."""
    with FakeServer() as server:
        monkeypatch.setenv("AGENT_BROWSER_URL", server.url)
        yield server


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process; what it printed and its exit code."""

    def invoke(*arguments: str) -> Result:
        capfd.readouterr()
        code = main.run(list(arguments))
        said = capfd.readouterr()
        return Result(code, said.out, said.err)

    return invoke


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
