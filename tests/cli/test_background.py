"""The server that commands start in the background."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_browser.cli import background, process
from agent_browser.cli.background import Background
from agent_browser.cli.exits import Failed
from agent_browser.cli.process import end, mark
from agent_browser.client.address import Address, parse
from tests.cli.conftest import Run

FAKE = [sys.executable, "-m", "tests.cli.fake_server"]


@pytest.fixture
def url(free_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """AGENT_BROWSER_URL, where nothing answers; commands start the fake server there."""
    monkeypatch.setenv("AGENT_BROWSER_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setattr(background, "_command", fake_command)
    yield f"http://127.0.0.1:{free_port}"
    background.collect()


def fake_command(address: Address, ready: int) -> list[str]:
    return [*FAKE, "--host", address.host, "--port", str(address.port), "--ready-fd", str(ready)]


def of(url: str, folder: Path) -> Background:
    return Background(parse(url), folder / "data")


def test_a_command_starts_the_server_that_it_misses(url: str, run: Run, tmp_path: Path) -> None:
    opened = run("open", "example.com")
    server = of(url, tmp_path).find()
    assert opened.code == 0, opened.err
    assert server is not None
    assert os.getsid(server.pid) == server.pid
    assert run("snapshot").code == 0
    assert of(url, tmp_path).find() == server
    for path in (tmp_path / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path

    stopped = run("stop")
    assert stopped.out == f"stopped the server at {url} (process {server.pid})\n"
    assert of(url, tmp_path).find() is None
    assert mark(server.pid) is None
    assert run("snapshot", "--no-autostart").code == 3


def test_two_commands_at_once_start_one_server(url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from agent_browser.cli import background, main; "
        "from tests.cli.test_background import fake_command; "
        "background._command = fake_command; main.main(sys.argv[1:])"
    )
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", program, "sessions", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for command in commands:
        out, err = command.communicate(timeout=60)
        assert (command.returncode, json.loads(out)) == (0, {"items": []}), err

    server = of(url, tmp_path).find()
    assert server is not None
    assert of(url, tmp_path).stop(grace=10) == server
    assert not list((tmp_path / "data" / "logs").glob("*.log.1"))


def test_no_autostart_starts_nothing(url: str, run: Run, tmp_path: Path) -> None:
    done = run("open", "example.com", "--no-autostart")

    assert (done.code, done.out) == (3, "")
    assert not (tmp_path / "data").exists()


def test_a_server_elsewhere_is_never_started(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("a server was started")

    monkeypatch.setattr(Background, "start", refuse)
    done = run("open", "example.com", "--url", "http://server.invalid:1")

    assert done.code == 3
    assert "http://server.invalid:1" in done.err


def test_a_server_that_does_not_start_says_why_at_once(
    url: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]
    monkeypatch.setattr(background, "_command", lambda _address, _ready: failing)
    done = run("open", "example.com")

    assert (done.code, done.out) == (3, "")
    assert "the server did not start" in done.err
    assert "the port is taken" in done.err
    assert of(url, tmp_path).find() is None


def test_a_server_that_is_never_ready_is_ended(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = [sys.executable, "-c", "import signal; signal.pause()"]
    pids: list[int] = []
    monkeypatch.setattr(background, "_command", lambda _address, _ready: silent)
    monkeypatch.setattr(background, "START_DEADLINE", 0.2)
    real_stop = Background.stop

    def stop(self: Background, *, grace: float) -> background.Server | None:
        server = self.find()
        assert server is not None
        pids.append(server.pid)
        return real_stop(self, grace=grace)

    monkeypatch.setattr(Background, "stop", stop)

    with pytest.raises(Failed, match=r"not ready within 0\.2 s"):
        of(url, tmp_path).start()
    assert mark(pids[0]) is None


def test_stop_says_when_there_is_nothing_to_stop(url: str, run: Run) -> None:
    done = run("stop")

    assert (done.code, done.out) == (0, "")
    assert url in done.err
    assert json.loads(run("stop", "--json").out) == {"stopped": False, "pid": None}


@pytest.mark.usefixtures("fake")
def test_stop_leaves_a_server_that_was_started_otherwise(run: Run) -> None:
    done = run("stop")

    assert done.code == 1
    assert "not started in the background" in done.err


def test_a_process_with_the_number_of_an_ended_server_is_left_alone(
    url: str, run: Run, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as stranger:
        record = {"pid": stranger.pid, "started": "earlier", "url": url, "log": "x"}
        path = next(iter([of(url, tmp_path)._record]))
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record))
        done = run("stop")
        alive = stranger.poll() is None
        stranger.kill()

    assert alive
    assert done.code == 0
    assert "no server runs" in done.err
    assert not path.exists()


def test_end_tells_processes_by_their_mark() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as child:
        marked = mark(child.pid)
        assert marked is not None
        assert end(child.pid, "of another", grace=1)
        assert child.poll() is None
        assert end(child.pid, marked, grace=10)
        assert mark(child.pid) is None

    assert child.returncode == -signal.SIGTERM


def test_a_process_that_ignores_the_signal_is_killed_with_its_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        "import signal, subprocess, sys; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
        "print(child.pid, flush=True); signal.pause(); signal.pause(); signal.pause()"
    )
    real = process._is_gone_within

    def impatient(pid: int, marked: str, seconds: float) -> bool:
        return real(pid, marked, min(seconds, 0.1) if impatience.is_set() else seconds)

    impatience = threading.Event()
    impatience.set()
    monkeypatch.setattr(process, "_is_gone_within", impatient)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        marked, childs = mark(parent.pid), mark(child)
        assert marked is not None
        assert childs is not None
        end(parent.pid, marked, grace=0.1)
        parent.wait(10)

    assert parent.returncode == -signal.SIGKILL
    assert real(child, childs, 10)


def test_the_mark_of_what_is_not_there_is_none() -> None:
    assert mark(os.getpid()) == mark(os.getpid())
    assert mark(2**22 + 1) is None


def test_the_current_folder_is_not_imported_from() -> None:
    line = background._command(parse("http://[::1]:7070"), 5)

    assert line[1:5] == ["-P", "-m", "agent_browser", "serve"]
    assert line[5:] == ["--host", "::1", "--port", "7070", "--ready-fd", "5"]
