"""A killed server's browsers are ended by the next one that starts, whoever else uses the same
temporary folder.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end import remote
from tests.processes import is_alive, line_of
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser


class Sharing(Program):
    """A server whose temporary folder others use too."""

    def __init__(self, folder: Path, executable: Path, temporary: Path) -> None:
        super().__init__(folder, executable, browsers=1, warm=0)
        self._environ["TMPDIR"] = str(temporary)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


@pytest.fixture
def killed(
    tmp_path: Path, executable: Path, temporary: Path, site: Site
) -> Iterator[list[psutil.Process]]:
    """What a killed server with a session had started. It stands still, so no pipe ends it."""
    with Sharing(tmp_path / "killed", executable, temporary) as program:
        with remote.client(program) as http:
            remote.Session(http, site.url("/clock"))
            tree = program.tree[1:]
            left = [one for one in tree if "run-driver" in line_of(one) or one in program.browsers]
            for process in tree:
                process.suspend()
            os.kill(program.pid, signal.SIGKILL)
        program._process.wait()
        assert len(left) == 2
        assert all(map(is_alive, tree))
        yield tree
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_the_next_server_ends_what_a_killed_one_left_and_says_so(
    killed: list[psutil.Process], tmp_path: Path, executable: Path, temporary: Path
) -> None:
    with Sharing(tmp_path / "next", executable, temporary) as program:
        assert not [line_of(one) for one in killed if is_alive(one)]
        (said,) = [line for line in program.log.splitlines() if "a killed server left" in line]
        assert all(str(one.pid) in said for one in killed)
        with remote.client(program) as http:
            assert http.get("/readyz").status_code == 200
    assert list(temporary.glob("agent-browser-*")) == []
    assert list(temporary.glob("*profile*")) == []


def test_a_server_that_runs_beside_keeps_its_browser(
    tmp_path: Path, executable: Path, temporary: Path, site: Site, killed: list[psutil.Process]
) -> None:
    with (
        Sharing(tmp_path / "beside", executable, temporary) as beside,
        remote.client(beside) as http,
        remote.Session(http, site.url("/form")) as session,
    ):
        assert not [line_of(one) for one in killed if is_alive(one)]
        (browser,) = beside.browsers
        with Sharing(tmp_path / "third", executable, temporary):
            assert is_alive(browser)
        assert session.snapshot()["title"] == "Form of all fields"
        assert beside.browsers == [browser]
