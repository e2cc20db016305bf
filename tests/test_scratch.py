"""Scratch folders and the sweep of those whose process was killed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent_browser.scratch import Scratch, sweep

HOLDER = (
    "import sys; from agent_browser.scratch import Scratch; Scratch(); print(); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_is_ours_alone_and_gone_when_removed(folder: Path) -> None:
    scratch = Scratch()
    (scratch.path / "file").write_text("x")
    assert scratch.path.stat().st_mode & 0o777 == 0o700
    scratch.remove()
    scratch.remove()
    assert list(folder.iterdir()) == []


def test_a_folder_in_use_is_not_swept() -> None:
    scratch = Scratch()
    assert sweep() == 0
    assert scratch.path.is_dir()
    scratch.remove()


def test_the_folder_of_a_killed_process_is_swept_and_that_of_a_live_one_is_not(
    folder: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert sweep() == 0
        holder.kill()
        holder.wait()
    assert sweep() == 1
    assert list(folder.iterdir()) == []


def test_what_is_not_ours_is_left_alone(folder: Path) -> None:
    (folder / "agent-browser-checkout").mkdir()
    (folder / "agent-browser-scratch-file").write_text("a file")
    os.symlink("/etc", folder / "agent-browser-scratch-link")
    assert sweep() == 0
    assert len(list(folder.iterdir())) == 3
