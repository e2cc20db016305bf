"""After an erasure nothing is left, in the database and in its files."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection, event, text

from agent_browser.models.sessions import Privacy
from agent_browser.store import erasing as erasing_module
from agent_browser.store.database import Database
from agent_browser.store.tables import metadata
from tests.databases import Opened, opened, settings_of
from tests.store.making import NOW, action, page, record, wanted

pytestmark = pytest.mark.anyio

SECRETS = ("xylophonic", "quetzalcoatl", "zugzwangful", "brobdingnag", "mxyzptlkian", "papersecret")


def _put(archive: Opened, *, secret: bool) -> str:
    name, tag, title, typed, seen, noted = SECRETS if secret else ("plain",) * 6
    one = record(name=name, tags=(tag,), title=title, url=f"https://{title}.example/")
    archive.records.put_record(one)
    archive.records.put_action(action(one.id, input={"text": typed}, message=typed))
    for number in range(3):
        text = f"filler {number} {seen} and more"
        archive.records.put_page(page(one.id, text, url=f"https://x/{number}/{seen}"))
    archive.papers.put("operation", one.id, "alice", {"step": noted}, session_id=one.id)
    return one.id


def _left(folder: Path, session_id: str) -> list[tuple[str, str]]:
    return [
        (path.name, word)
        for path in folder.rglob("*")
        if path.is_file()
        for word in (*SECRETS, session_id)
        if word.encode() in path.read_bytes()
    ]


async def test_no_byte_of_an_erased_session_is_left_in_the_files(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, None)) as archive:
        for number in range(200):
            _put(archive, secret=False)
            if number % 20 == 0:
                await archive.records.flush()
        gone = _put(archive, secret=True)
        await archive.records.flush()
        assert _left(tmp_path, gone)
        for _ in range(20):
            _put(archive, secret=False)
        await archive.records.flush()
        await archive.records.erase(gone)
        assert _left(tmp_path, gone) == []
        assert len((await archive.records.page(wanted(q="filler", limit=300))).records) == 220
    assert _left(tmp_path, gone) == []


async def test_no_row_of_an_erased_session_is_left_in_any_table(archive: Opened) -> None:
    gone = _put(archive, secret=True)
    kept = _put(archive, secret=False)
    await archive.records.flush()
    await archive.records.erase(gone)
    async with archive.database.reading() as connection:
        for name in metadata.tables.keys() - {"audit"}:  # who did what stays, whatever it was to
            rows = (await connection.execute(text(f"SELECT * FROM {name}"))).all()
            assert gone not in repr(rows)
            assert not [word for word in SECRETS if word in repr(rows)]
            assert kept in repr(rows)


async def test_what_still_waited_of_an_erased_session_is_never_written(archive: Opened) -> None:
    gone = _put(archive, secret=True)
    await archive.records.erase(gone)
    archive.records.put_action(action(gone, message="late"))
    archive.records.put_record(record(id=gone, name="late"))
    archive.records.put_page(page(gone, "late"))
    archive.papers.put("operation", "late", "alice", {}, session_id=gone)
    assert await archive.records.find(gone) is None
    assert await archive.papers.all("operation") == []


async def test_an_expired_record_can_stand_where_the_session_was_and_takes_no_log(
    archive: Opened,
) -> None:
    gone = _put(archive, secret=True)
    await archive.records.erase(gone)
    left = record(id=gone, state="expired", expired_at=NOW)
    archive.records.put_record(left)
    archive.records.put_action(action(gone))
    assert await archive.records.find(gone) == left
    assert (await archive.records.actions(gone, limit=5, cursor=None)).items == []


async def test_many_erased_at_once_are_all_gone_and_the_files_are_cleaned_once_or_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = 0
    real = erasing_module._checkpoint

    async def counted(database: Database) -> bool:
        nonlocal cleaned
        cleaned += 1
        return await real(database)

    monkeypatch.setattr(erasing_module, "_checkpoint", counted)
    async with opened(settings_of(tmp_path, None)) as archive:
        ids = [_put(archive, secret=True) for _ in range(10)]
        await archive.records.flush()
        async with anyio.create_task_group() as tasks:
            for one in ids:
                tasks.start_soon(archive.records.erase, one)
        assert cleaned <= 3
        assert [found for one in ids for found in _left(tmp_path, one)] == []


async def test_a_log_that_is_shed_counts_as_dropped_and_is_bounded_as_before(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing_module, "AT_ONCE", 3)
    one = record()
    archive.records.put_record(one)
    for number in range(8):
        old = NOW - timedelta(days=9 - number)
        archive.records.put_action(action(one.id, at=old, message=f"{number}"))
    await archive.records.shed(NOW, log=2 * 86_400, texts=0)
    log = await archive.records.actions(one.id, limit=9, cursor=None)
    assert [item.message for item in log.items] == ["7"]
    assert log.dropped == 7


async def test_shed_texts_leave_no_bytes(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, None)) as archive:
        one = record()
        archive.records.put_record(one)
        archive.records.put_page(page(one.id, SECRETS[0], at=NOW - timedelta(days=9)))
        await archive.records.flush()
        assert await archive.records.shed(NOW, log=0, texts=86_400)
        assert _left(tmp_path, "ses_none") == []


async def test_bytes_that_may_wait_are_gone_with_the_next_shedding_also_of_another_run(
    tmp_path: Path,
) -> None:
    async with opened(settings_of(tmp_path, None)) as archive:
        gone = _put(archive, secret=True)
        await archive.records.flush()
        await archive.records.erase(gone, at_once=False)
        assert await archive.records.find(gone) is None
        assert (await archive.records.page(wanted(q=SECRETS[0]))).records == []
    assert _left(tmp_path, gone)
    async with opened(settings_of(tmp_path, None)) as archive:
        assert await archive.records.shed(NOW, log=0, texts=0)
        assert _left(tmp_path, gone) == []


async def test_bytes_that_a_reader_holds_are_owed_until_it_has_gone_over_a_restart_too(
    tmp_path: Path,
) -> None:
    """SQLite keeps its journal as long as somebody reads what is in it: a backup, a long search."""
    reader = sqlite3.connect(tmp_path / "agent-browser.db", isolation_level=None)
    with closing(reader):
        async with opened(settings_of(tmp_path, None), busy_timeout=0.05) as archive:
            gone, also = _put(archive, secret=True), _put(archive, secret=True)
            await archive.records.flush()
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sessions").fetchone()
            assert not await archive.records.erase(gone)
            assert await archive.records.find(gone) is None, "only its bytes are there"
            assert _left(tmp_path, gone)
            assert not await archive.records.erase(also)
            assert not await archive.records.shed(NOW, log=0, texts=0)
        async with opened(settings_of(tmp_path, None), busy_timeout=0.05) as archive:
            assert not await archive.records.shed(NOW, log=0, texts=0)
            assert _left(tmp_path, gone)
            reader.execute("COMMIT")
            assert await archive.records.shed(NOW, log=0, texts=0)
            assert _left(tmp_path, gone) == []
            assert await archive.papers.all("erased") == []


async def test_what_sessions_had_kept_for_less_is_looked_for_in_theirs_alone(
    tmp_path: Path,
) -> None:
    said: list[str] = []

    def explain(connection: Connection, _: object, sql: str, given: Any, *__: object) -> None:
        if sql.startswith(("SELECT actions.id, actions.s", "SELECT page_texts.id, page_texts.s")):
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", given)
            said.extend(row[3] for row in cursor.fetchall())

    async with opened(settings_of(tmp_path, None)) as archive:
        event.listen(archive.database.engine.sync_engine, "before_cursor_execute", explain)
        await archive.records.shed(NOW, log=60, texts=60)
    assert len(said) == 6, "one table each by age, two joined for those with their own"
    assert not [step for step in said if step.startswith("SCAN")]


async def test_what_a_sessions_own_retention_sheds_leaves_no_bytes(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, None)) as archive:
        one = record(privacy=Privacy(log_retention=60, page_text_retention=60))
        archive.records.put_record(one)
        old = NOW - timedelta(seconds=61)
        archive.records.put_page(page(one.id, SECRETS[0], at=old))
        archive.records.put_action(action(one.id, message=SECRETS[1], at=old))
        await archive.records.flush()
        assert _left(tmp_path, "ses_none")
        assert await archive.records.shed(NOW, log=0, texts=0)
        assert _left(tmp_path, "ses_none") == []
