"""A database that can't be used, as who starts the program sees it: one line, and exit status 1."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent_browser.store.migrations import VERSION_TABLE
from tests.databases import execute, fresh, opened, settings_of

pytestmark = pytest.mark.anyio

NEWER = f"UPDATE {VERSION_TABLE} SET version_num = '9999'"


def _nothing() -> None:
    """The process is as this one."""


def _refused(folder: Path, url: str = "", *, before: Callable[[], None] = _nothing) -> str:
    """What `serve` says on stderr, which is one line."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
    environ["AGENT_BROWSER_DATA_DIR"] = str(folder)
    if url:
        environ["AGENT_BROWSER_DATABASE_URL"] = url
    done = subprocess.run(
        [sys.executable, "-m", "agent_browser", "serve", "--port", "0", "--log-level", "error"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=before,
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("agent-browser: ")
    return line


async def test_a_file_of_a_newer_version_ends_the_start(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, None)):
        pass
    path = tmp_path / "agent-browser.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(NEWER)
    said = _refused(tmp_path)
    assert "of a newer version of agent-browser (9999)" in said
    with closing(sqlite3.connect(path)) as file:
        assert file.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [("9999",)]


def test_a_file_that_is_no_database_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "agent-browser.db").write_bytes(b"this is no database at all " * 100)
    said = _refused(tmp_path)
    assert "not a database" in said
    assert str(tmp_path) in said


async def test_a_file_that_another_program_locks_ends_the_start(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, None)):
        pass
    with closing(sqlite3.connect(tmp_path / "agent-browser.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another program" in _refused(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for less than an empty database."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a disk")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_ends_the_start(small_disk: Path) -> None:
    said = _refused(small_disk)
    assert f"the disk of {small_disk / 'agent-browser.db'} is full; make room on it" in said


def test_a_disk_that_takes_no_more_ends_the_start(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    assert "can't be written or read" in _refused(tmp_path, before=limit)


async def test_a_server_s_database_ends_the_start_where_it_can_not_be_used(
    tmp_path: Path, postgres: str
) -> None:
    assert "can't be reached" in _refused(tmp_path, "postgresql://bob:s3cret@127.0.0.1:1/agents")
    async with fresh(postgres) as url:
        async with opened(settings_of(tmp_path, url)):
            pass
        name = url.rpartition("/")[2]
        read_only = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        await execute(f"{postgres}/postgres", read_only)
        assert "is read-only" in _refused(tmp_path, url)
        await execute(f"{postgres}/postgres", read_only.replace("= on", "= off"))
        await execute(url, NEWER)
        said = _refused(tmp_path, url)
    assert "of a newer version of agent-browser (9999)" in said
    assert "a-password-of-the-tests" not in said
