"""Installers' commands end within their bound, with all that they started."""

import os
import select
import sys
import time
from pathlib import Path

from agent_browser.browser.commands import run

PYTHON = sys.executable


def test_what_a_command_printed_is_kept() -> None:
    outcome = run(["sh", "-c", "echo out; echo err >&2"], timeout=10)
    assert outcome.ok
    assert outcome.output.split() == ["out", "err"]


def test_the_reason_is_the_line_that_speaks_of_an_error() -> None:
    outcome = run(["sh", "-c", "echo 'E: no such package'; echo Done; exit 100"], timeout=10)
    assert not outcome.ok
    assert outcome.reason == "E: no such package (exit status 100)"


def test_the_tail_is_the_end_of_a_long_output() -> None:
    outcome = run([PYTHON, "-c", "print(*range(100), sep=chr(10))"], timeout=10)
    assert outcome.tail.splitlines()[-1] == "99"
    assert len(outcome.tail.splitlines()) == 15


def test_a_program_that_is_not_there_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    assert not run([str(tmp_path / "nothing")], timeout=10).ok


def test_a_command_past_its_bound_ends_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begun = time.monotonic()
    outcome = run(["sh", "-c", f"sleep 60 & echo $! >{pid}; wait"], timeout=0.3)
    assert outcome.reason == "not done within 0.3 s"
    assert time.monotonic() - begun < 5
    _await_end(int(pid.read_text()))


def test_a_command_reads_no_input() -> None:
    assert run(["cat"], timeout=10).ok


def test_the_environment_is_added_to() -> None:
    outcome = run(["sh", "-c", "echo $GIVEN $HOME"], timeout=10, environ={"GIVEN": "given"})
    assert outcome.output.split() == ["given", os.environ["HOME"]]


def _await_end(pid: int) -> None:
    """Until it has exited: it was killed, and the kernel may take a moment. Fails after 5 s."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], 5)
        assert ended, "it goes on"
    finally:
        os.close(descriptor)
