"""What pool and sessions need of a database, of the fake in memory and of both real ones."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_browser.errors import InvalidRequest
from agent_browser.models.records import Record
from agent_browser.models.sessions import Privacy
from agent_browser.session.archive import Archive
from tests.databases import fresh, opened, settings_of
from tests.fakes.archive import FakeArchive
from tests.store.making import NOW, action, page, record, wanted

pytestmark = pytest.mark.anyio

DAY = 86_400.0


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    if request.param == "fake":
        yield FakeArchive()
    elif request.param == "sqlite":
        async with opened(settings_of(tmp_path, None)) as made:
            yield made.records
    else:
        async with (
            fresh(request.getfixturevalue("postgres")) as url,
            opened(settings_of(tmp_path, url)) as made,
        ):
            yield made.records


def _put(archive: Archive, *records: Record) -> None:
    for one in records:
        archive.put_record(one)


async def _ids(archive: Archive, **asked: Any) -> list[str]:
    return [found.id for found in (await archive.page(wanted(**asked))).records]


async def _all_ids(archive: Archive, **asked: Any) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        found = await archive.page(wanted(cursor=cursor, **asked))
        ids += [one.id for one in found.records]
        cursor = found.next_cursor
        if cursor is None:
            return ids


async def test_a_record_is_found_as_it_was_put(archive: Archive) -> None:
    full = record(
        name="Ünïcode ✓",
        pinned=True,
        tags=("b", "a"),
        metadata={"ticket": "BILL-7"},
        warns_at=NOW,
        expires_at=NOW + timedelta(seconds=1),
        ended_at=NOW,
        end_reason="idle",
        forgets_at=NOW + timedelta(days=1),
        renewal_count=3,
        url="https://example.com/?q=1",
        title="A title",
        profile="mine",
        privacy=Privacy(log_bodies=False, recording_retention=60),
    )
    _put(archive, full)
    assert await archive.find(full.id) == full
    await archive.flush()
    assert await archive.find(full.id) == full


async def test_an_id_that_was_never_put_is_none(archive: Archive) -> None:
    assert await archive.find("ses_unknown") is None


async def test_a_record_put_again_is_the_new_one(archive: Archive) -> None:
    first = record(name="first", tags=("old", "kept"))
    _put(archive, first)
    await archive.flush()
    second = replace(first, name=None, tags=("kept", "new"), state="ended")
    _put(archive, replace(first, name="between"), second)
    assert await archive.find(first.id) == second
    assert await _ids(archive, tags=("old",)) == []
    assert await _ids(archive, tags=("kept", "new")) == [first.id]


async def test_a_list_has_pinned_ones_first_and_then_the_most_recent(archive: Archive) -> None:
    old, recent = record(minutes=60), record(minutes=1)
    pinned_old, pinned_recent = record(minutes=90, pinned=True), record(minutes=30, pinned=True)
    _put(archive, old, recent, pinned_old, pinned_recent)
    expected = [pinned_recent.id, pinned_old.id, recent.id, old.id]
    assert await _ids(archive) == expected
    assert await _all_ids(archive, limit=1) == expected
    assert await _all_ids(archive, limit=3) == expected


async def test_sessions_used_at_the_same_moment_are_each_listed_once(archive: Archive) -> None:
    made = [record() for _ in range(7)]
    _put(archive, *made)
    assert sorted(await _all_ids(archive, limit=2)) == sorted(one.id for one in made)


async def test_a_list_is_of_one_owner_or_of_all(archive: Archive) -> None:
    mine, other = record(), record(owner="bob", minutes=1)
    _put(archive, mine, other)
    assert await _ids(archive) == [mine.id]
    assert await _ids(archive, owner="bob") == [other.id]
    assert await _ids(archive, owner="carol") == []
    assert await _ids(archive, owner=None) == [mine.id, other.id]


async def test_a_list_is_filtered_by_state_pin_and_tags(archive: Archive) -> None:
    live = record(tags=("red", "blue"), pinned=True)
    ended = record(tags=("red",), state="ended", minutes=1)
    _put(archive, live, ended)
    assert await _ids(archive, state="live") == [live.id]
    assert await _ids(archive, state="ended") == [ended.id]
    assert await _ids(archive, pinned=False) == [ended.id]
    assert await _ids(archive, tags=("red",)) == [live.id, ended.id]
    assert await _ids(archive, tags=("blue", "red")) == [live.id]
    assert await _ids(archive, tags=("green",)) == []
    assert await _ids(archive, tags=("red",), state="ended", pinned=True) == []


async def test_a_list_is_filtered_by_a_name_or_the_beginning_of_an_id(archive: Archive) -> None:
    tea = replace(record(name="tea_1"), id="ses_aB%c1")
    more = replace(record(name="Tea_1", minutes=1), id="ses_xY%c1")
    _put(archive, tea, more, replace(record(minutes=2), id="ses_ab%c2"))
    assert await _ids(archive, name="tea_1") == [tea.id]
    assert await _ids(archive, name="tea") == await _ids(archive, name="tea_%") == []
    assert await _ids(archive, id_prefix="ses_aB") == await _ids(archive, id_prefix=tea.id)
    assert await _ids(archive, id_prefix="ses_aB%c1") == [tea.id]
    assert await _ids(archive, id_prefix="ses_a%c") == await _ids(archive, id_prefix="ab") == []
    assert len(await _ids(archive, id_prefix="ses_")) == 3
    assert await _ids(archive, id_prefix="ses_aB", name="Tea_1") == []


async def test_a_list_is_filtered_by_phase_as_of_now(archive: Archive) -> None:
    later = NOW + timedelta(minutes=10)
    active = record(warns_at=NOW + timedelta(seconds=1), expires_at=later)
    unwarned = record(minutes=1)
    near = record(warns_at=NOW, expires_at=later)
    lapsed = record(warns_at=NOW, expires_at=NOW)
    ended = record(state="ended", ended_at=NOW)
    expired = record(state="expired", expired_at=NOW, minutes=5)
    _put(archive, active, unwarned, near, lapsed, ended, expired)
    assert await _ids(archive, phase="active") == [active.id, unwarned.id]
    assert await _ids(archive, phase="near_expiration") == [near.id]
    assert await _ids(archive, phase="expired") == [lapsed.id, expired.id]
    assert await _ids(archive, phase="ended") == [ended.id]


async def test_expired_ones_are_listed_only_where_asked_for(archive: Archive) -> None:
    gone = record(state="expired", expired_at=NOW)
    _put(archive, gone)
    assert await _ids(archive) == []
    assert await _ids(archive, state="expired") == [gone.id]


@pytest.mark.parametrize("cursor", ["", "x", "bm9uc2Vuc2U", "é", "[]", "A" * 400, "=" * 9])
async def test_a_made_up_cursor_is_refused(archive: Archive, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await archive.page(wanted(cursor=cursor))
    with pytest.raises(InvalidRequest, match="cursor"):
        await archive.actions("ses_any", limit=1, cursor=cursor)


async def test_a_cursor_of_another_question_is_refused(archive: Archive) -> None:
    _put(archive, record(state="ended"), record(state="ended"))
    cursor = (await archive.page(wanted(limit=1))).next_cursor
    for other in (
        {"owner": "bob"}, {"state": "ended"}, {"pinned": False}, {"q": "word"}, {"name": "a"},
        {"id_prefix": "ses_"},
    ):  # fmt: skip
        with pytest.raises(InvalidRequest, match="cursor"):
            await archive.page(wanted(cursor=cursor, **other))
    with pytest.raises(InvalidRequest, match="cursor"):
        await archive.actions("ses_any", limit=1, cursor=cursor)


async def test_a_log_is_read_in_pages_and_as_a_whole_oldest_first(archive: Archive) -> None:
    mine, other = record(), record()
    _put(archive, mine, other)
    for number in range(7):
        archive.put_action(action(mine.id, message=f"call {number}", input={"n": [number, "ü"]}))
        archive.put_action(action(other.id))
    messages, cursor = [], None
    while True:
        found = await archive.actions(mine.id, limit=3, cursor=cursor)
        messages += [item.message for item in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert messages == [f"call {number}" for number in range(7)]
    whole = [item async for item in archive.all_actions(mine.id)]
    assert [item.message for item in whole] == messages
    assert [item.id for item in whole] == sorted({item.id for item in whole})
    first = action(mine.id, message="call 0", input={"n": [0, "ü"]})
    assert whole[0] == first.model_copy(update={"id": whole[0].id})


async def test_a_session_without_a_log_has_an_empty_one(archive: Archive) -> None:
    found = await archive.actions("ses_none", limit=5, cursor=None)
    assert (found.items, found.next_cursor, found.dropped) == ([], None, 0)
    assert [item async for item in archive.all_actions("ses_none")] == []


async def test_a_session_is_found_by_name_tag_address_title_log_and_page(archive: Archive) -> None:
    found = record(
        name="Quarterly numbers",
        tags=("accounting",),
        url="https://shop.example.org/basket",
        title="Your trolley",
    )
    other = record(name="Something else")
    _put(archive, found, other)
    archive.put_action(action(found.id, input={"text": "lighthouse"}))
    archive.put_page(page(found.id, "A long text about zebras", title="Savanna"))
    for word in ("quarterly", "accounting", "basket", "trolley", "lighthouse", "zebras", "savanna"):
        assert await _ids(archive, q=word) == [found.id], word
    assert await _ids(archive, q="elephant") == []


async def test_a_search_is_of_one_owner_and_goes_with_the_filters(archive: Archive) -> None:
    mine, ended = record(name="invoice", tags=("x",)), record(name="invoice", state="ended")
    other = record(name="invoice", owner="bob")
    _put(archive, mine, ended, other)
    assert sorted(await _ids(archive, q="invoice")) == sorted([mine.id, ended.id])
    assert await _ids(archive, q="invoice", owner="bob") == [other.id]
    assert await _ids(archive, q="invoice", state="ended") == [ended.id]
    assert await _ids(archive, q="invoice", tags=("x",)) == [mine.id]
    assert sorted(await _all_ids(archive, q="invoice", owner=None, limit=1)) == sorted(
        [mine.id, ended.id, other.id]
    )


async def test_a_page_shown_again_is_found_by_what_it_shows_now(archive: Archive) -> None:
    one = record()
    _put(archive, one)
    archive.put_page(page(one.id, "yesterday's headline"))
    await archive.flush()
    archive.put_page(page(one.id, "today's headline"))
    assert await _ids(archive, q="yesterday") == []
    assert await _ids(archive, q="today") == [one.id]


async def test_what_was_live_when_the_server_stopped_is_unfinished(archive: Archive) -> None:
    live, ended = record(), record(state="ended")
    _put(archive, live, ended)
    assert await archive.unfinished() == [live]


async def test_due_are_those_whose_time_has_come_oldest_first(archive: Archive) -> None:
    later = record(state="ended", forgets_at=NOW + timedelta(seconds=1))
    second = record(state="ended", forgets_at=NOW)
    first = record(state="expired", forgets_at=NOW - timedelta(hours=1), expired_at=NOW)
    assert await archive.next_due() is None
    _put(archive, record(), record(state="ended", pinned=True), later, second, first)
    assert await archive.due(NOW) == [first, second]
    assert await archive.next_due() == first.forgets_at


async def test_nothing_is_left_of_an_erased_session(archive: Archive) -> None:
    kept, gone, also = record(name="same word"), record(name="same word"), record(name="same word")
    _put(archive, kept, gone, also)
    for one in (kept, gone, also):
        archive.put_action(action(one.id, message="same entry"))
        archive.put_page(page(one.id, "same text"))
    await archive.flush()
    await archive.erase(gone.id, also.id)
    assert await archive.find(gone.id) is None
    assert await _ids(archive) == [kept.id]
    for word in ("word", "entry", "text"):
        assert await _ids(archive, q=word) == [kept.id] or word == "entry"
    assert (await archive.actions(gone.id, limit=5, cursor=None)).items == []


async def test_old_log_entries_and_texts_can_be_shed_each_for_itself(archive: Archive) -> None:
    one = record()
    _put(archive, one)
    old = NOW - timedelta(days=2)
    archive.put_action(action(one.id, at=old, message="old"))
    archive.put_action(action(one.id, message="new"))
    archive.put_page(page(one.id, "ancient", at=old, url="https://example.com/a"))
    archive.put_page(page(one.id, "recent", url="https://example.com/b"))
    assert await archive.shed(NOW, log=DAY, texts=0)
    left = await archive.actions(one.id, limit=5, cursor=None)
    assert [item.message for item in left.items] == ["new"]
    assert await _ids(archive, q="ancient") == [one.id]
    assert await archive.shed(NOW, log=0, texts=DAY)
    assert await _ids(archive, q="ancient") == []
    assert await _ids(archive, q="recent") == [one.id]


async def test_a_session_has_less_of_it_kept_than_others_where_it_asked_for_that(
    archive: Archive,
) -> None:
    brief = Privacy(log_retention=60, page_text_retention=120)
    of_log, of_both, plain = record(privacy=Privacy(log_retention=60)), record(), record()
    _put(archive, of_log, of_both, plain)
    _put(archive, replace(of_both, privacy=brief))  # asked for later
    for one in (of_log, of_both, plain):
        for seconds in (61, 59):
            archive.put_action(action(one.id, at=NOW - timedelta(seconds=seconds)))
        archive.put_page(page(one.id, "older", at=NOW - timedelta(seconds=121), url="a:"))
        archive.put_page(page(one.id, "newer", at=NOW - timedelta(seconds=119), url="b:"))
    await archive.flush()
    assert await archive.shed(NOW, log=DAY, texts=0)
    logs = [await archive.actions(one.id, limit=5, cursor=None) for one in (of_log, of_both, plain)]
    assert [len(log.items) for log in logs] == [1, 1, 2]
    assert set(await _ids(archive, q="older")) == {of_log.id, plain.id}
    assert len(await _ids(archive, q="newer")) == 3
    assert await archive.shed(NOW, log=30, texts=30)
    assert await _ids(archive, q="newer") == [], "the server's counts where it is shorter"
    assert (await archive.actions(of_log.id, limit=5, cursor=None)).items == []
