"""A client and a command line of the running server, and sessions that are closed when their test
is done.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_browser.cli import main
from tests.end_to_end import remote
from tests.program import Program

Opening = Callable[..., remote.Session]
Commands = Callable[..., str]


@pytest.fixture
def http(server: Program) -> Iterator[httpx.Client]:
    with remote.client(server) as client:
        yield client


@pytest.fixture
def opening(http: httpx.Client) -> Iterator[Opening]:
    """Opens sessions; all are closed after the test."""
    with ExitStack() as stack:

        def open(url: str = "about:blank", **options: Any) -> remote.Session:
            return stack.enter_context(remote.Session(http, url, **options))

        yield open


@pytest.fixture
def commands(
    server: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Commands:
    """The command line in this process, without a setting of the one who runs the tests: what a
    command printed, on stderr where it is to fail; an AssertionError if it exits with another code.
    """
    for name in list(os.environ):
        if name.startswith("AGENT_BROWSER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AGENT_BROWSER_URL", server.base_url)
    monkeypatch.setenv("AGENT_BROWSER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TERM", "dumb")

    def run(*arguments: str, code: int = 0) -> str:
        capfd.readouterr()
        came = main.run(list(arguments))
        out, err = capfd.readouterr()
        assert came == code, err
        return out if code == 0 else err

    return run
