"""The program: start, help, ends."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

import agent_browser
from agent_browser.cli import exits, progress
from agent_browser.cli.printing import page_line, page_lines, plain
from agent_browser.cli.progress import Silence, waiting
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

PROGRAM = [sys.executable, "-m", "agent_browser"]
HEAVY = {"playwright", "fastapi", "starlette", "uvicorn", "agent_browser.api", "PIL"}


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out == f"agent-browser {agent_browser.__version__}\n"


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    done = run("--help")

    assert done == run()
    for command in (
        "open", "snapshot", "click", "dblclick", "fill", "type", "press", "select", "hover",
        "check", "uncheck", "scroll", "back", "forward", "reload", "wait", "eval", "screenshot",
        "close", "sessions", "call", "app", "serve", "stop", "install", "doctor", "demo",
    ):  # fmt: skip
        assert f" {command} " in done.out
    assert "2 wrong usage or settings" in done.out
    assert done.code == 0


def _loads(*arguments: str) -> set[str]:
    code = (
        "import sys, json; from agent_browser.cli.main import run; run(sys.argv[1:]); "
        "print(json.dumps(list(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.usefixtures("fake")
def test_client_commands_load_no_browser_and_no_server() -> None:
    assert not _loads("--help") & (HEAVY | {"httpx", "pydantic", "agent_browser.settings"})
    assert not _loads("sessions") & HEAVY
    assert not _loads("serve", "--help") & HEAVY


@pytest.mark.usefixtures("fake")
def test_a_reader_that_goes_away_is_no_noise() -> None:
    command = [*PROGRAM, "call", "open", "-i", '{"url": "x"}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_interrupt_is_130_and_no_traceback(fake: FakeServer) -> None:
    fake.held.clear()
    command = [*PROGRAM, "call", "open", "-i", '{"url": "x"}']
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job has SIGINT ignored, and so have those that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            assert fake.called.wait(20)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        finally:
            fake.held.set()
            process.kill()

    assert process.returncode == 130
    assert err == ""


def test_what_nobody_foresaw_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("agent_browser.cli.target.Target.choose", fail)
    done = run("snapshot")

    assert (done.code, done.out) == (1, "")
    assert done.err == "agent-browser: unexpected RuntimeError: two lines\n"


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["app"], ["app", "run"], ["open"]])
def test_wrong_usage_is_2_and_one_line(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "--help" in done.err


def test_a_url_that_is_none_is_wrong_usage(run: Run) -> None:
    done = run("sessions", "--url", "ftp://x")

    assert done.code == 2
    assert "AGENT_BROWSER_URL" in done.err


def test_another_program_at_the_address_is_said_to_be(run: Run, fake: FakeServer) -> None:
    done = run("sessions", "--url", f"{fake.url}/elsewhere")

    assert done.code == 1


def test_a_file_that_can_not_be_written_is_named() -> None:
    words, code = exits.explain(PermissionError(13, "Permission denied", "/x/y"))

    assert (words, code) == ("Permission denied: /x/y", 1)


def test_nothing_of_a_page_drives_the_terminal() -> None:
    assert plain("a\x1b[2Jb\x07\x9b\x7f\r\nc\td") == "a[2Jb\nc\td"


def test_a_page_that_failed_says_its_status() -> None:
    page = {"title": "Not\n here", "url": "http://x/", "status": 404}

    assert page_line(page) == "Not here — http://x/ (HTTP 404)"
    assert page_line({"title": "", "url": "about:blank", "status": None}) == "about:blank"


def test_a_delta_is_printed_as_the_server_says_it() -> None:
    delta = {"added": [{"desc": "a"}], "changed": [], "removed": ["@e1", "@e2"]}
    page = {"url": "http://x/", "elements_text": "+ a\n- @e1 @e2", "delta": delta, "total": 9}

    assert list(page_lines(page)) == ["http://x/", "+ a\n- @e1 @e2"]


def test_a_file_chooser_that_waits_is_told_with_what_to_do() -> None:
    page = {"url": "http://x/", "file_chooser": {"tab": "t2", "multiple": True}}

    assert list(page_lines(page))[1] == "a file chooser waits in t2: upload --chooser FILE"


def test_a_page_that_was_cut_is_printed_with_its_note_once() -> None:
    page = {"elements": [{}], "elements_text": "@e1 x\n(1 of 2)", "note": "1 of 2", "total": 2}
    assert list(page_lines(page))[1:] == ["@e1 x\n(1 of 2)"]


def test_progress_is_silent_on_a_pipe_and_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with waiting("x") as progress_of_a_pipe:
        assert isinstance(progress_of_a_pipe, Silence)
    main, other = pty.openpty()
    with os.fdopen(other, "w") as terminal, os.fdopen(main, "rb", 0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(progress, "PATIENCE", 0.0)
        with waiting("opening [bold]x"):
            shown = b""
            while b"opening [bold]x" not in shown:
                shown += screen.read(4096)
