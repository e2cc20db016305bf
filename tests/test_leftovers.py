"""What a killed process leaves running is ended by the next sweep, and nobody else is."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_browser import leftovers
from agent_browser.scratch import Scratch, sweep
from tests.processes import is_alive

MARK = "3600.0625"
"""An argument of the processes here that are in the place of browsers: `sleep` takes it."""
OWNER = f"""
import json, os, subprocess, sys
from agent_browser.scratch import Scratch
scratch = Scratch()
given = json.loads(sys.argv[1])
if given["before"]:
    scratch.note({MARK!r})
started = [
    subprocess.Popen(line, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                     env={{**os.environ, "TMPDIR": str(scratch.path)}})
    for line in given["lines"]
]
if given["ready"]:
    said = [process.stdout.readline().decode().strip() for process in started]
else:
    said = []
if not given["before"]:
    scratch.note({MARK!r}, {{p.pid: a for p, a in zip(started, given["arguments"])}})
print(json.dumps([str(scratch.path), [p.pid for p in started], said]), flush=True)
sys.stdin.read()
"""
BESIDE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", "--type=renderer"])
print(child.pid, flush=True)
child.wait()
"""
"""Starts another in its group, as a browser does its renderers."""
ENCODER = """
import subprocess, sys
line = ["sh", "-c", 'cat > /dev/null; echo whole > "$0"', sys.argv[1]]
child = subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
"""Starts one that writes a file when it is given no more, as a driver does an encoder."""


class Owner:
    """A process with a scratch folder that has started others."""

    def __init__(
        self,
        *lines: list[str],
        arguments: list[str] | None = None,
        before: bool = False,
        ready: bool = False,
    ) -> None:
        given = {"lines": lines, "arguments": arguments or [MARK] * len(lines)}
        said = json.dumps({**given, "before": before, "ready": ready})
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWNER, said], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        folder, pids, self.said = json.loads(self._process.stdout.readline())
        self.folder = Path(folder)
        self.started = [psutil.Process(pid) for pid in pids]

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def rewrite(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Have something else be noted."""
        note = self.folder / ".processes"
        said = json.loads(note.read_text())
        change(said)
        note.write_text(json.dumps(said))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def owning() -> Iterator[Callable[..., Owner]]:
    """Starts owners; what they started is ended after the test."""
    made: list[psutil.Process] = []

    def start(*lines: list[str], **given: Any) -> Owner:
        owner = Owner(*lines, **given)
        made.extend(owner.started)
        made.extend(psutil.Process(int(said)) for said in owner.said if said.isdecimal())
        return owner

    yield start
    for process in made:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def gone(process: psutil.Process) -> bool:
    return psutil.wait_procs([process], timeout=5)[1] == []


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_killed_process_started_is_ended_also_one_that_is_stopped(
    owning: Callable[..., Owner], folder: Path, stopped: bool
) -> None:
    owner = owning(["sleep", MARK], [sys.executable, "-c", "input()", MARK])
    if stopped:
        for process in owner.started:
            process.suspend()
    owner.kill()
    assert is_alive(owner.started[0])
    assert sweep() == 1
    assert all(map(gone, owner.started))
    assert list(folder.iterdir()) == []


def test_what_was_started_and_not_yet_noted_is_known_by_its_mark_and_its_folder(
    owning: Callable[..., Owner],
) -> None:
    owner = owning(["sleep", MARK], before=True)
    with subprocess.Popen(["sleep", MARK]) as stranger:
        owner.kill()
        assert sweep() == 1
        assert gone(owner.started[0])
        assert stranger.poll() is None, "the mark alone is not enough"
        stranger.kill()


def of_later(said: dict[str, Any]) -> None:
    said["processes"][0]["started"] -= 1


def of_another_line(said: dict[str, Any]) -> None:
    said["mark"] = said["processes"][0]["argument"] = "3600.125"


def of_another_boot(said: dict[str, Any]) -> None:
    said["here"] = "6b1a9ae5-0000-4000-8000-000000000000 pid:[4026531836]"


def of_an_unknown_boot(said: dict[str, Any]) -> None:
    said["here"] = ""


@pytest.mark.parametrize("change", [of_later, of_another_line, of_another_boot, of_an_unknown_boot])
def test_a_stranger_that_has_the_id_now_is_left_alone(
    owning: Callable[..., Owner], folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    owner = owning(["sleep", MARK])
    owner.rewrite(change)
    owner.kill()
    said = os.environ.get("TMPDIR")
    assert said == str(folder)
    # By its mark and its folder it would be found all the same: this is about its id.
    owner.folder.rename(moved := owner.folder.with_name(f"{owner.folder.name}-moved"))
    assert sweep() == 1
    assert is_alive(owner.started[0])
    assert not moved.exists()


def test_what_another_live_process_started_is_left_alone(owning: Callable[..., Owner]) -> None:
    dead, living = owning(["sleep", MARK]), owning(["sleep", MARK])
    dead.kill()
    assert sweep() == 1
    assert gone(dead.started[0])
    assert is_alive(living.started[0])
    assert living.folder.is_dir()
    living.kill()
    assert sweep() == 1
    assert gone(living.started[0])


def test_the_group_of_one_that_has_gone_itself_is_ended(owning: Callable[..., Owner]) -> None:
    owner = owning([sys.executable, "-c", BESIDE, MARK], ready=True)
    child = psutil.Process(int(owner.said[0]))
    child.suspend()
    owner.kill()
    owner.started[0].kill()
    assert gone(owner.started[0])
    assert is_alive(child)
    assert sweep() == 1
    assert gone(child)


def test_all_of_a_group_is_ended_with_its_first(owning: Callable[..., Owner]) -> None:
    owner = owning([sys.executable, "-c", BESIDE, MARK], ready=True)
    child = psutil.Process(int(owner.said[0]))
    child.suspend()
    owner.kill()
    assert sweep() == 1
    assert gone(owner.started[0])
    assert gone(child)


def test_an_encoder_of_a_driver_that_stands_still_finishes_its_file(
    owning: Callable[..., Owner], tmp_path: Path
) -> None:
    file = tmp_path / "video"
    driver = [sys.executable, "-c", ENCODER, str(file), "run-driver"]
    owner = owning(driver, arguments=["run-driver"], ready=True)
    owner.started[0].suspend()
    owner.kill()
    assert sweep() == 1
    assert gone(owner.started[0])
    assert file.read_text() == "whole\n"


def test_an_encoder_that_does_not_finish_is_ended_too(
    owning: Callable[..., Owner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "LEAVE", 0.1)
    driver = [sys.executable, "-c", ENCODER, str(tmp_path / "video"), "run-driver"]
    owner = owning(driver, arguments=["run-driver"], ready=True)
    encoder = psutil.Process(int(owner.said[0]))
    encoder.suspend()
    owner.kill()
    assert sweep() == 1
    assert gone(encoder)


def test_what_does_not_end_in_time_keeps_its_folder_for_the_next_sweep(
    owning: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owning(["sleep", MARK])
    owner.kill()
    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "TIMEOUT", 0.05)
        patch.setattr(leftovers, "_kill", lambda seen, fd: None)
        assert sweep() == 0
    assert owner.folder.is_dir()
    assert sweep() == 1
    assert gone(owner.started[0])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"here": "x"}', '{"processes": 3}', "\0\xff", "[" * 60_000]
)
def test_a_damaged_note_ends_nothing_and_its_folder_is_erased(
    owning: Callable[..., Owner], text: str
) -> None:
    owner = owning(["sleep", MARK])
    (owner.folder / ".processes").write_text(text)
    owner.kill()
    assert sweep() == 1
    assert is_alive(owner.started[0])
    assert not owner.folder.exists()


def test_a_note_without_a_mark_is_none() -> None:
    said = json.loads(leftovers.noted("x", {os.getpid(): "y"}))
    said["processes"][0]["argument"] = ""
    with pytest.raises(ValueError, match="without a mark"):
        leftovers.read(json.dumps(said))


def test_a_link_in_the_place_of_the_note_is_not_followed(
    owning: Callable[..., Owner], tmp_path: Path
) -> None:
    owner = owning(["sleep", MARK])
    note = owner.folder / ".processes"
    note.rename(elsewhere := tmp_path / "note")
    note.symlink_to(elsewhere)
    owner.kill()
    assert sweep() == 1
    assert is_alive(owner.started[0])


@pytest.mark.parametrize("name", ["data", "../data", "playwright_chromiumdev_profile-/../data"])
def test_of_the_folders_in_a_note_only_profiles_of_the_driver_are_erased(
    owning: Callable[..., Owner], folder: Path, name: str
) -> None:
    (folder / "data").mkdir()
    (folder / "playwright_chromiumdev_profile-").mkdir()
    owner = owning(["sleep", MARK])
    owner.rewrite(lambda said: said.update(profiles=[name]))
    owner.kill()
    assert sweep() == 1
    assert (folder / "data").is_dir()


def test_a_note_that_can_not_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    scratch = Scratch()
    scratch.note("first")
    (scratch.path / ".processes.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        scratch.note("second")
    assert json.loads((scratch.path / ".processes").read_text())["mark"] == "first"
    scratch.remove()


def test_a_process_that_has_ended_is_not_noted() -> None:
    with subprocess.Popen(["sleep", MARK]) as ended:
        ended.send_signal(signal.SIGKILL)
    assert json.loads(leftovers.noted(MARK, {ended.pid: MARK}))["processes"] == []
