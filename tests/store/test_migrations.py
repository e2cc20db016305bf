"""The migrations make what the tables say, and travel in the wheel."""

import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command as alembic_command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hatchling.builders.wheel import WheelBuilder
from sqlalchemy import Connection, inspect, text

from agent_browser.errors import DatabaseUnusable
from agent_browser.models.audit import AuditEntry
from agent_browser.models.sessions import Privacy
from agent_browser.settings import Settings
from agent_browser.store import migrations
from agent_browser.store.audit import Asked, AuditLog
from agent_browser.store.database import Database
from agent_browser.store.migrations import HEAD, VERSION_TABLE
from agent_browser.store.tables import metadata
from tests.databases import Opened, opened

pytestmark = pytest.mark.anyio

_OLD = """
INSERT INTO sessions (owner_mark, id, owner, state, pinned, created_at, last_activity_at,
  renewal_count, name, url, title, tags, metadata, timeouts, name_words, tag_words, place_words)
VALUES ('', 'ses_old', 'alice', 'ended', false, 1, 2, 0, 'before', '', '', '[]', '{}',
  '{"idle": 1, "max_duration": 2}', 'before', '', '')
"""

FOLDER = Path(migrations.__file__).parent


def _differences(connection: Connection) -> list[object]:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name in metadata.tables

    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "include_name": ours}
    )
    found = compare_metadata(context, metadata)
    # How PostgreSQL's search is kept stands in the migrations alone.
    return [one for one in found if "search" not in repr(one)]


async def test_migrations_make_the_tables(archive: Opened) -> None:
    async with archive.database.reading() as connection:
        assert await connection.run_sync(_differences) == []


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_wheel_has_the_migrations(tmp_path: Path) -> None:
    root = FOLDER.parents[2]
    built = next(WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(built) as wheel:
        names = {Path(name).name for name in wheel.namelist() if "store/migrations" in name}
    assert {path.name for path in FOLDER.rglob("*.py")} <= names


async def test_a_database_that_is_there_is_used_again(archive_settings: Settings) -> None:
    for _ in range(2):
        async with opened(archive_settings) as archive:
            assert await archive.records.unfinished() == []


async def _change(settings: Settings, *statements: str) -> None:
    async with Database(settings) as database, database.writing() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_a_database_of_a_newer_version_is_refused(archive_settings: Settings) -> None:
    await _change(archive_settings, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match="newer version"):
        async with Database(archive_settings):
            pass


async def test_a_database_of_another_program_is_refused_and_left_as_it_is(
    archive_settings: Settings,
) -> None:
    await _change(archive_settings, f"DROP TABLE {VERSION_TABLE}")
    with pytest.raises(DatabaseUnusable, match="another program"):
        async with Database(archive_settings):
            pass


async def test_a_database_of_the_first_version_is_brought_to_this_one_with_what_is_in_it(
    archive_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = alembic_command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(alembic_command, "upgrade", lambda config, _: upgrade(config, "0001"))
        await _change(archive_settings, _OLD)
    async with opened(archive_settings) as archive:
        found = await archive.records.find("ses_old")
        assert found is not None
        assert (found.name, found.privacy) == ("before", Privacy())
        archive.records.put_record(replace(found, privacy=Privacy(log_retention=5)))
        again = await archive.records.find("ses_old")
        assert again is not None
        assert again.privacy.log_retention == 5


_HIBERNATED = """
INSERT INTO sessions (owner_mark, id, owner, state, pinned, created_at, last_activity_at,
  hibernated_at, renewal_count, name, url, title, tags, metadata, timeouts, name_words, tag_words,
  place_words)
VALUES ('', 'ses_old', 'alice', 'hibernated', true, 1, 2, 3, 7, 'before', 'https://a.test/', 'T',
  '["x"]', '{"a": "b"}', '{"idle": 1, "max_duration": 2}', 'before', 'x', 'a test')
"""


async def test_a_database_without_an_audit_log_gets_one_and_keeps_what_is_in_it(
    archive_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = alembic_command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(alembic_command, "upgrade", lambda config, _: upgrade(config, "0003"))
        await _change(archive_settings, _HIBERNATED)
        async with opened(archive_settings) as archive:
            archive.papers.put("spent", "p1", "alice", {"traffic": 5})
            await archive.papers.flush()
            async with archive.database.reading() as connection:
                names = await connection.run_sync(lambda within: inspect(within).get_table_names())
    assert "audit" not in names, "or this tries nothing"
    for _ in range(2):  # it is brought there once, and is there afterwards
        async with opened(archive_settings) as archive:
            found = await archive.records.find("ses_old")
            assert found is not None
            assert (found.state, found.name, found.renewal_count) == ("hibernated", "before", 7)
            assert (found.pinned, found.tags, found.metadata) == (True, ("x",), {"a": "b"})
            assert found.hibernated_at is not None
            assert await archive.papers.all("spent") == [{"traffic": 5}]
            async with archive.database.reading() as connection:
                assert await connection.run_sync(_differences) == []
            log = AuditLog(archive.database, archive.writer, archive_settings)
            log.put(_audited())
    async with opened(archive_settings) as archive:
        log = AuditLog(archive.database, archive.writer, archive_settings)
        page = await log.page(Asked(session="ses_old"), limit=10, cursor=None)
        assert [entry.subject for entry in page.items] == ["art_1", "art_1"]


def _audited() -> AuditEntry:
    return AuditEntry.model_validate(
        {
            "at": datetime(2026, 11, 20, tzinfo=UTC), "owner": "alice", "method": "GET",
            "route": "/v1/artifacts/{artifact_id}", "action": "get_artifact", "status": 200,
            "session_id": "ses_old", "subject": "art_1", "request_id": "req_1",
        }
    )  # fmt: skip


async def test_a_migration_that_fails_half_way_leaves_nothing(
    archive_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.operations.Operations.create_index", fail)
        with pytest.raises(DatabaseUnusable):
            async with Database(archive_settings):
                pass
    async with opened(archive_settings) as archive, archive.database.reading() as connection:
        names = await connection.run_sync(lambda within: inspect(within).get_table_names())
    assert set(metadata.tables) <= set(names)
