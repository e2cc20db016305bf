from datetime import timedelta

import pytest

from agent_browser.errors import InvalidRequest
from agent_browser.models.audit import AuditEntry
from agent_browser.settings import Settings
from agent_browser.store.audit import Asked, AuditLog
from tests.databases import Opened
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio


def _entry(clock: ManualClock, number: int, **facts: object) -> AuditEntry:
    given: dict[str, object] = {
        "at": clock.now(),
        "owner": "ann" if number % 2 else "bob",
        "method": "POST",
        "route": "/v1/sessions/{session_id}/open",
        "action": "open",
        "session_id": f"ses_{number % 3}",
        "status": 200,
        "request_id": f"req_{number}",
    }
    return AuditEntry.model_validate(given | facts)


def _log(archive: Opened, clock: ManualClock, **settings: object) -> AuditLog:
    chosen = Settings.model_validate(settings)
    return AuditLog(archive.database, archive.writer, chosen, clock=clock)


async def test_entries_come_back_newest_first_in_pages_that_do_not_overlap(
    archive: Opened,
) -> None:
    clock = ManualClock()
    log = _log(archive, clock)
    for number in range(25):
        clock.advance(1)
        log.put(_entry(clock, number))
    found: list[str] = []
    cursor = None
    while True:
        page = await log.page(Asked(), limit=10, cursor=cursor)
        found += [entry.request_id for entry in page.items]
        log.put(_entry(clock, 100 + len(found)))  # what comes meanwhile is on no later page
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"req_{number}" for number in reversed(range(25))]


async def test_what_is_asked_for_is_what_comes(archive: Opened) -> None:
    clock = ManualClock()
    log, began = _log(archive, clock), clock.now()
    for number in range(12):
        log.put(_entry(clock, number, action="open" if number < 6 else "close"))
        clock.advance(10)

    async def numbers(asked: Asked) -> list[int]:
        page = await log.page(asked, limit=100, cursor=None)
        return sorted(int(entry.request_id.removeprefix("req_")) for entry in page.items)

    assert await numbers(Asked(owner="ann")) == [1, 3, 5, 7, 9, 11]
    assert await numbers(Asked(session="ses_0")) == [0, 3, 6, 9]
    assert await numbers(Asked(action="close", owner="bob")) == [6, 8, 10]
    since, until = began + timedelta(seconds=20), began + timedelta(seconds=50)
    assert await numbers(Asked(since=since, until=until)) == [2, 3, 4]
    assert await numbers(Asked(owner="carl")) == []


async def test_a_cursor_is_of_one_question(archive: Opened) -> None:
    clock = ManualClock()
    log = _log(archive, clock)
    for number in range(4):
        log.put(_entry(clock, number))
    cursor = (await log.page(Asked(), limit=1, cursor=None)).next_cursor
    for asked, given in ((Asked(owner="ann"), cursor), (Asked(), "made-up")):
        with pytest.raises(InvalidRequest):
            await log.page(asked, limit=1, cursor=given)


async def test_what_is_old_goes_and_of_many_the_oldest(archive: Opened) -> None:
    clock = ManualClock()
    log = _log(archive, clock, audit_retention=100, audit_entries=1_000)
    for number in range(10):
        log.put(_entry(clock, number))
    clock.advance(101)
    log.put(_entry(clock, 10))
    assert await log.sweep() == 10
    assert [one.request_id for one in (await log.page(Asked(), limit=5, cursor=None)).items] == [
        "req_10"
    ]
    for number in range(4_500):  # more than one transaction erases
        log.put(_entry(clock, number))
    assert await log.sweep() == 3_501
    page = await log.page(Asked(), limit=1_000, cursor=None)
    assert page.items[-1].request_id == "req_3500"
    assert page.next_cursor is None


async def test_a_clock_that_is_set_forward_erases_nothing(archive: Opened) -> None:
    clock = ManualClock()
    log = _log(archive, clock, audit_retention=100)
    log.put(_entry(clock, 0))
    clock.set_by(86_400)
    assert await log.sweep() == 0


async def test_without_a_bound_of_time_nothing_is_too_old(archive: Opened) -> None:
    clock = ManualClock()
    log = _log(archive, clock, audit_retention=0)
    log.put(_entry(clock, 0))
    clock.advance(10**8)
    assert await log.sweep() == 0


async def test_text_that_no_database_takes_is_kept_all_the_same(archive: Opened) -> None:
    clock = ManualClock()
    log = _log(archive, clock)
    log.put(_entry(clock, 0, owner="a\0b\ud800", subject="x" * 10_000))
    [entry] = (await log.page(Asked(), limit=5, cursor=None)).items
    assert entry.owner is not None
    assert "\0" not in entry.owner
