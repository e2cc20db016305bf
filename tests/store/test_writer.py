"""Writing behind: nobody waits for the database, nothing is lost but what is said to be."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.streams.text import TextReceiveStream
from sqlalchemy.exc import OperationalError

from agent_browser.errors import StorageFull
from agent_browser.ids import new_session_id
from agent_browser.settings import Settings
from agent_browser.store import batch as batch_module
from agent_browser.store import pending as pending_module
from agent_browser.store import writer as writer_module
from agent_browser.store.batch import write
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch
from agent_browser.store.writer import Writer
from tests.databases import Opened, opened
from tests.store.making import action, page, record, wanted

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


class Disk:
    """Stands between writer and database: fails while told to, and tells of each try."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failure: Exception | None = None
        self.tries = 0
        self.held: anyio.Event | None = None
        self.tried = anyio.Event()
        monkeypatch.setattr(writer_module, "write", self._write)

    async def _write(self, database: Database, batch: Batch, *, log_actions: int) -> None:
        self.tries += 1
        self.tried.set()
        self.tried = anyio.Event()
        if self.held is not None:
            await self.held.wait()
        if self.failure is not None:
            raise self.failure
        await write(database, batch, log_actions=log_actions)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def _full() -> OperationalError:
    return OperationalError("INSERT", {}, Exception("database or disk is full"))


async def _too_late(seconds: float = 1.0) -> None:
    """The time for it is over."""


async def _messages(archive: Opened, session_id: str) -> list[str | None]:
    return [item.message async for item in archive.records.all_actions(session_id)]


async def test_what_is_put_is_written_in_one_transaction_at_the_next_pause(
    archive_settings: Settings, disk: Disk
) -> None:
    async with Database(archive_settings) as database:
        async with Writer(database, archive_settings, pause=0) as writer:
            one = record()
            with anyio.fail_after(20):
                tried = disk.tried
                writer.put_record(one)
                for _ in range(50):
                    writer.put_action(action(one.id))
                await tried.wait()
        assert disk.tries == 1
        assert writer.statistics().written == 51


async def test_leaving_writes_what_waits(archive_settings: Settings) -> None:
    one = record()
    async with opened(archive_settings) as archive:
        archive.records.put_record(one)
        archive.records.put_action(action(one.id, message="last"))
    async with opened(archive_settings) as archive:
        assert await _messages(archive, one.id) == ["last"]


async def test_a_failure_reaches_nobody_who_puts_and_nothing_is_lost(
    archive: Opened, disk: Disk
) -> None:
    one = record()
    disk.failure = _full()
    archive.records.put_record(one)
    archive.records.put_action(action(one.id, message="first"))
    with pytest.raises(StorageFull):
        await archive.records.flush()
    archive.records.put_record(replace(one, name="newer"))
    archive.records.put_action(action(one.id, message="second"))
    with pytest.raises(StorageFull):
        await archive.records.flush()
    assert archive.writer.statistics().failures == 2
    disk.failure = None
    await archive.records.flush()
    assert await _messages(archive, one.id) == ["first", "second"]
    found = await archive.records.find(one.id)
    assert found is not None
    assert found.name == "newer"
    assert archive.writer.statistics().waiting == 0


async def test_reads_go_on_with_what_is_written_while_writing_fails(
    archive: Opened, disk: Disk
) -> None:
    one = record()
    archive.records.put_record(one)
    await archive.records.flush()
    disk.failure = OSError(5, "gone")
    archive.records.put_record(replace(one, name="not yet"))
    assert (await archive.records.page(wanted())).records == [one]


async def test_one_that_is_looked_up_is_as_it_was_put_however_slow_the_disk_is(
    archive: Opened, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record()
    archive.records.put_record(one)
    await archive.records.flush()
    monkeypatch.setattr(archive.writer, "settle", _too_late)
    disk.held = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tried = disk.tried
        asleep = replace(one, state="hibernated", title="a\x00b\ud800c", tags=("\ud800",))
        archive.records.put_record(asleep)
        plain = replace(asleep, title="a\ufffdb?c", tags=("?",))
        assert await archive.records.find(one.id) == plain
        tasks.start_soon(archive.records.flush)
        await tried.wait()
        assert await archive.records.find(one.id) == plain
        archive.records.put_record(replace(asleep, name="newer"))
        assert await archive.records.find(one.id) == replace(plain, name="newer")
        disk.held.set()
    await archive.records.flush()
    assert await archive.records.find(one.id) == replace(plain, name="newer")


async def test_one_that_can_not_be_written_is_found_as_it_was_put(
    archive: Opened, disk: Disk
) -> None:
    one = record()
    disk.failure = _full()
    archive.records.put_record(one)
    with pytest.raises(StorageFull):
        await archive.records.flush()
    assert await archive.records.find(one.id) == one


async def test_a_slow_disk_does_not_hold_up_who_puts(archive: Opened, disk: Disk) -> None:
    disk.held = anyio.Event()
    one = record()
    async with anyio.create_task_group() as tasks:
        tried = disk.tried
        archive.records.put_record(one)
        tasks.start_soon(archive.records.flush)
        await tried.wait()
        for number in range(100):
            archive.records.put_action(action(one.id, message=f"{number}"))
        archive.clock.advance(3)
        statistics = archive.writer.statistics()
        assert (statistics.waiting, statistics.behind) == (100, 3)
        disk.held.set()
    assert len(await _messages(archive, one.id)) == 100


async def test_two_who_flush_at_once_both_come_back(archive: Opened) -> None:
    archive.records.put_record(record())
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(archive.records.flush)
        await anyio.lowlevel.checkpoint()
        archive.records.put_record(record())
        tasks.start_soon(archive.records.flush)
    assert archive.writer.statistics().waiting == 0


async def test_pauses_between_tries_grow_up_to_a_bound(archive: Opened, disk: Disk) -> None:
    writer = Writer(archive.database, archive.settings, pause=0.5)
    pauses = []
    for failing in range(12):
        writer._failing = failing
        pauses.append(writer._wait())
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == writer_module.LONGEST_PAUSE
    writer._failing = 10_000
    assert math.isfinite(writer._wait())


async def test_of_a_full_memory_the_oldest_log_entries_go_and_are_counted(
    archive: Opened, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_module, "MOST_ACTIONS", 10)
    disk.failure = _full()
    one = record()
    archive.records.put_record(one)
    for number in range(15):
        archive.records.put_action(action(one.id, message=f"{number}"))
        if number == 5:
            with pytest.raises(StorageFull):
                await archive.records.flush()
    disk.failure = None
    log = await archive.records.actions(one.id, limit=50, cursor=None)
    assert [item.message for item in log.items] == [f"{number}" for number in range(5, 15)]
    assert log.dropped == 5
    assert archive.writer.statistics().dropped == 5


async def test_of_a_full_memory_the_oldest_page_texts_go_but_never_the_last(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_module, "MOST_PAGE_CHARACTERS", 50)
    one = record()
    archive.records.put_record(one)
    for word in ("alpha", "bravo", "charlie"):
        archive.records.put_page(page(one.id, f"{word} {'x' * 6}", url=word))
    assert archive.writer.statistics().dropped == 1
    archive.records.put_page(page(one.id, "delta " * 10, url="delta"))
    assert archive.writer.statistics().waiting == 2  # the record, and delta
    for number in range(3):  # an address is in memory too, where its text is still to come
        archive.records.put_page(page(one.id, "", url=f"{number}" * 60))
    assert archive.writer.statistics().waiting == 2


async def test_one_thing_that_cannot_be_written_does_not_hold_up_the_others(
    archive: Opened,
) -> None:
    one = record()
    archive.records.put_record(one)
    archive.records.put_action(action(one.id, message="before"))
    archive.records.put_action(action(one.id, milliseconds=math.nan, message="odd"))
    broken: Any = action(one.id).model_copy(update={"input": {"x": object()}})
    archive.records.put_action(broken)
    archive.records.put_action(action(one.id, message="after"))
    await archive.records.flush()
    messages = await _messages(archive, one.id)
    assert [message for message in messages if message != "odd"] == ["before", "after"]
    assert archive.writer.statistics().refused >= 1
    assert archive.writer.statistics().failures == 0


async def test_a_failure_while_things_are_written_singly_writes_nothing_twice(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = record()
    broken: Any = action(one.id).model_copy(update={"input": {"x": object()}})
    archive.records.put_record(one)
    for message in ("a", "b", "c"):
        archive.records.put_action(action(one.id, message=message))
    archive.records.put_action(broken)
    tries = 0

    async def flaky(database: Database, batch: Batch, *, log_actions: int) -> None:
        nonlocal tries
        tries += 1
        if tries == 4:
            raise _full()
        await write(database, batch, log_actions=log_actions)

    monkeypatch.setattr(writer_module, "write", flaky)
    with pytest.raises(StorageFull):
        await archive.records.flush()
    await archive.records.flush()
    assert await _messages(archive, one.id) == ["a", "b", "c"]


async def test_odd_texts_of_pages_are_written_as_far_as_they_can_be(archive: Opened) -> None:
    odd = "a\x00b\ud800c"
    one = record(title=odd, url=odd, name=odd, tags=(odd,), metadata={odd: odd})
    archive.records.put_record(one)
    archive.records.put_action(action(one.id, message=odd, input={odd: odd}, url=odd))
    archive.records.put_page(page(one.id, odd, url=odd, title=odd))
    found = await archive.records.find(one.id)
    assert found is not None
    assert found.title == "a\ufffdb?c"
    log = await archive.records.actions(one.id, limit=5, cursor=None)
    assert log.model_dump_json()
    assert archive.writer.statistics().refused == 0


async def test_a_log_is_bounded_and_says_how_many_are_not_kept(archive_settings: Settings) -> None:
    bounded = archive_settings.model_copy(update={"log_actions": 5})
    async with opened(bounded) as archive:
        one, other = record(), record()
        for session in (one, other):
            archive.records.put_record(session)
        archive.records.put_action(action(other.id, message="other"))
        for number in range(3):
            archive.records.put_action(action(one.id, message=f"{number}"))
        assert (await archive.records.actions(one.id, limit=9, cursor=None)).dropped == 0
        for number in range(3, 12):
            archive.records.put_action(action(one.id, message=f"{number}"))
        log = await archive.records.actions(one.id, limit=9, cursor=None)
        assert [item.message for item in log.items] == ["7", "8", "9", "10", "11"]
        assert log.dropped == 7
        assert await _messages(archive, other.id) == ["other"]


async def test_a_session_has_a_bounded_number_of_pages(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "MOST_PAGES", 3)
    one = record()
    archive.records.put_record(one)
    for number in range(6):
        archive.records.put_page(page(one.id, f"word{number}x", url=f"https://x/{number}"))
    found = [
        number
        for number in range(6)
        if (await archive.records.page(wanted(q=f"word{number}x "))).records
    ]
    assert found == [3, 4, 5]


async def test_what_belongs_to_no_session_is_left_out(archive: Opened) -> None:
    archive.records.put_action(action("ses_unknown"))
    archive.records.put_page(page("ses_unknown", "text"))
    await archive.records.flush()
    assert await _messages(archive, "ses_unknown") == []
    assert archive.writer.statistics().failures == 0


async def test_a_database_that_never_answers_does_not_keep_the_server_from_stopping(
    archive_settings: Settings, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "WRITE_SECONDS", 0.01)
    disk.held = anyio.Event()
    async with Database(archive_settings) as database:
        with anyio.fail_after(20):
            async with Writer(database, archive_settings, pause=3_600) as writer:
                writer.put_record(record())
    assert (writer.statistics().waiting, writer.statistics().failures) == (1, 1)


_KILLED = """
import sys, anyio
from agent_browser.settings import Settings
from agent_browser.store.database import Database
from agent_browser.store.records import Records
from agent_browser.store.writer import Writer
from tests.store.making import action, record

async def work():
    given = {"data_dir": sys.argv[1], "database_url": sys.argv[2] or None}
    settings = Settings.model_validate(given)
    async with Database(settings) as database, Writer(database, settings) as writer:
        records, one = Records(database, writer), record(id=sys.argv[3])
        records.put_record(one)
        number = 0
        while True:
            records.put_action(action(one.id, message=str(number)))
            number += 1
            print(number, flush=True)
            await anyio.sleep(0.05)

anyio.run(work)
"""


async def test_a_server_that_is_killed_has_written_by_itself_all_but_the_last_two_seconds(
    archive_settings: Settings,
) -> None:
    """It writes in its own pause: nobody flushes, nobody reads through it, nothing ends it."""
    one = new_session_id()
    url = archive_settings.database_url
    given = [str(archive_settings.data_dir), url.get_secret_value() if url else "", one]
    async with (
        await anyio.open_process([sys.executable, "-c", _KILLED, *given], cwd=ROOT) as process,
        opened(archive_settings) as looking,
    ):
        assert process.stdout is not None
        numbers = TextReceiveStream(process.stdout)
        told = ""
        with anyio.fail_after(60):
            while len(await _messages(looking, one)) < 30:  # in more than one transaction
                told += await numbers.receive()
        process.kill()
        await process.wait()
        async for text in numbers:
            told += text
        put = int(told.split()[-1])
        written = await _messages(looking, one)
    assert written == [str(number) for number in range(len(written))]
    assert put - len(written) <= 2 / 0.05
