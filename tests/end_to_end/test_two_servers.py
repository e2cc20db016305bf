"""Two servers on one data folder: the second refuses, and has touched nothing."""

import os
import signal
from pathlib import Path

import pytest

from tests.program import Program

pytestmark = pytest.mark.browser


def _contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_ino for path in folder.rglob("*")}


def test_the_second_server_on_a_data_folder_refuses_and_touches_nothing(
    tmp_path: Path, executable: Path
) -> None:
    with Program(tmp_path / "one", executable, warm=0, browsers=1) as first:
        before = _contents(first.data)
        with pytest.raises(RuntimeError, match="another server uses the folder") as caught:
            Program(tmp_path / "two", executable, data_dir=first.data).__enter__()
        said = str(caught.value)
        assert "DATA_DIR" in said
        assert "Traceback" not in said
        assert set(_contents(first.data)) == set(before)


def test_a_killed_servers_folder_is_free(tmp_path: Path, executable: Path) -> None:
    first = Program(tmp_path / "one", executable, warm=1, browsers=1)
    with first:
        children = first.tree[1:]
        os.kill(first.pid, signal.SIGKILL)
        # Its browsers may outlive it: they do not hold the folder.
        with Program(tmp_path / "two", executable, data_dir=first.data) as second:
            assert second.base_url
        for child in children:
            if child.is_running():
                child.kill()


def test_a_server_with_another_key_refuses_to_start(tmp_path: Path, executable: Path) -> None:
    data = tmp_path / "data"
    with Program(tmp_path / "one", executable, data_dir=data, warm=0, browsers=1):
        pass
    (data / "state.key").chmod(0o644)
    with pytest.raises(RuntimeError, match="chmod 600"):
        Program(tmp_path / "two", executable, data_dir=data).__enter__()
    with pytest.raises(RuntimeError, match="STATE_KEY: key 1 is not 32 bytes"):
        Program(tmp_path / "three", executable, data_dir=data, state_key="hunter2").__enter__()
