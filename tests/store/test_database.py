"""The database at the start: where it is, and what is said of one that can't be used."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from agent_browser.errors import AgentBrowserError, DatabaseUnusable
from agent_browser.settings import Settings
from agent_browser.store.address import address
from agent_browser.store.database import Database
from tests.databases import Opened, execute, fresh, opened, settings_of
from tests.store.making import record, wanted

pytestmark = pytest.mark.anyio


def _url(url: str) -> Settings:
    return settings_of(Path("/nowhere"), url)


async def _refusal(settings: Settings) -> AgentBrowserError:
    with pytest.raises(AgentBrowserError) as refused:
        async with Database(settings, busy_timeout=0.05):
            pass
    return refused.value


def test_the_database_is_in_the_data_folder_unless_told(tmp_path: Path) -> None:
    assert address(settings_of(tmp_path, None)).file == tmp_path / "agent-browser.db"
    assert address(_url("sqlite:////srv/other.db")).file == Path("/srv/other.db")
    assert address(_url("sqlite:///here.db")).file == Path.cwd() / "here.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_a_plain_url_is_taken_to_the_asynchronous_driver(scheme: str) -> None:
    found = address(_url(f"{scheme}://bob:s3cret@db:5433/agents?sslmode=require"))
    assert found.url.drivername == "postgresql+asyncpg"
    assert (found.url.host, found.url.port, found.url.database) == ("db", 5433, "agents")
    assert found.arguments["ssl"] == "require"
    assert "s3cret" not in f"{found}"


@pytest.mark.parametrize(
    "url",
    [
        "", "agent.db", "mysql://bob:s3cret@db/x", "sqlite://", "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro", "postgresql://bob:s3cret@db:port/x",
        "postgresql://bob:s3cret@db/x?options=-c", "://s3cret", "postgresql+psycopg://s3cret@db/x",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="DATABASE_URL") as refused:
        address(_url(url))
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", None)
    async with Database(settings):
        files = sorted((tmp_path / "data").iterdir())
        assert [path.suffix for path in files] == [".db", ".db-shm", ".db-wal"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["agent-browser.db"]


async def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "agent-browser.db"
    path.touch(0o644)
    async with Database(settings_of(tmp_path, None)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_was_written_is_there_after_a_restart(archive_settings: Settings) -> None:
    one = record()
    async with opened(archive_settings) as archive:
        archive.records.put_record(one)
    async with opened(archive_settings) as archive:
        assert (await archive.records.page(wanted())).records == [one]


async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "agent-browser.db"
    path.write_bytes(b"this is no database at all, but long enough to be looked at" * 40)
    before = path.read_bytes()
    refused = await _refusal(settings_of(tmp_path, None))
    assert isinstance(refused, DatabaseUnusable)
    assert "not a database" in refused.detail
    assert str(path) in refused.detail
    assert path.read_bytes() == before


async def test_a_locked_database_is_refused(tmp_path: Path) -> None:
    async with Database(settings_of(tmp_path, None)):
        pass
    with closing(sqlite3.connect(tmp_path / "agent-browser.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = await _refusal(settings_of(tmp_path, None))
    assert isinstance(refused, DatabaseUnusable)
    assert "locked by another program" in refused.detail


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent-browser.db").mkdir()
    refused = await _refusal(settings_of(tmp_path, None))
    assert isinstance(refused, DatabaseUnusable)
    assert "can't be opened" in refused.detail


async def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    refused = await _refusal(settings_of(tmp_path / "data", None))
    assert isinstance(refused, DatabaseUnusable)


_START = """
import os, resource, sys, tempfile
import anyio
from agent_browser.errors import AgentBrowserError
from agent_browser.settings import Settings
from agent_browser.store.database import Database

folder, limit, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
async def start(folder):
    async with Database(Settings(data_dir=folder)):
        print("started")

if user:
    # All that is imported on the way: the other user may not read this one's Python.
    with tempfile.TemporaryDirectory() as other:
        anyio.run(start, other)
    os.setgid(user)
    os.setuid(user)
try:
    anyio.run(start, folder)
except AgentBrowserError as exc:
    print(type(exc).__name__, exc.detail)
"""


def _started_apart(folder: Path, *, limit: int = 0, user: int = 0) -> str:
    command = [sys.executable, "-c", _START, str(folder), str(limit), str(user)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


async def test_a_disk_that_takes_no_more_is_told_at_the_start(tmp_path: Path) -> None:
    said = _started_apart(tmp_path, limit=20_000)
    # Some disks say no more than that they fail.
    assert said.startswith("DatabaseUnusable")
    assert f"{tmp_path / 'agent-browser.db'} can't be written or read" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_read_only_database_is_told_at_the_start(tmp_path: Path) -> None:
    async with Database(settings_of(tmp_path, None)):
        pass
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (tmp_path / "agent-browser.db").chmod(0o644)
    said = _started_apart(tmp_path, user=65_534)
    assert "DatabaseUnusable" in said
    assert "read-only" in said


async def test_a_server_that_is_not_there_is_refused_without_its_password() -> None:
    refused = await _refusal(_url("postgresql://bob:s3cret@127.0.0.1:1/agents"))
    assert isinstance(refused, DatabaseUnusable)
    assert "can't be reached" in refused.detail
    assert "s3cret" not in str(refused)


async def test_a_wrong_password_is_refused_without_it(postgres: str) -> None:
    wrong = postgres.replace("a-password-of-the-tests", "s3cret")
    refused = await _refusal(_url(f"{wrong}/postgres"))
    assert "refuses the user or the password" in refused.detail
    assert "s3cret" not in refused.detail


async def test_a_database_that_the_server_has_not_is_refused(postgres: str) -> None:
    refused = await _refusal(_url(f"{postgres}/none_of_this_name"))
    assert "no database of that name" in refused.detail


async def test_a_read_only_server_is_refused(postgres: str) -> None:
    async with fresh(postgres) as url:
        name = url.rpartition("/")[2]
        await execute(
            f"{postgres}/postgres",
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on',
        )
        refused = await _refusal(_url(url))
    assert isinstance(refused, DatabaseUnusable)
    assert "read-only" in refused.detail


async def test_an_error_while_it_runs_tells_callers_no_path(archive: Opened) -> None:
    async with archive.database.writing() as connection:
        await connection.execute(text("ALTER TABLE tags RENAME TO elsewhere"))
    with pytest.raises(DatabaseUnusable) as refused:
        await archive.records.page(wanted(tags=("x",)))
    assert "/" not in refused.value.detail


def test_a_url_is_a_secret() -> None:
    settings = Settings(database_url=SecretStr("postgresql://bob:s3cret@db/x"))
    assert "s3cret" not in repr(settings)
