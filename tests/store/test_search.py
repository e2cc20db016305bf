"""The search on real databases: what is found, in which order, whatever people type."""

from datetime import timedelta
from typing import Any

import pytest

from agent_browser.store import records as records_module
from agent_browser.store import search as search_module
from tests.databases import Opened
from tests.store.making import NOW, action, page, record, wanted

pytestmark = pytest.mark.anyio


async def _ids(archive: Opened, q: str, **asked: Any) -> list[str]:
    return [found.id for found in (await archive.records.page(wanted(q=q, **asked))).records]


def _put(archive: Opened, *, text: str = "", log: str = "", **facts: Any) -> str:
    one = record(**facts)
    archive.records.put_record(one)
    if text:
        archive.records.put_page(page(one.id, text))
    if log:
        archive.records.put_action(action(one.id, input={"text": log}))
    return one.id


async def test_a_billing_page_is_found_under_another_name(archive: Opened) -> None:
    found = _put(archive, name="Tuesday", text="Your billing overview. Amount due: 12 EUR")
    _put(archive, name="Wednesday", text="Weather in Lisbon")
    assert await _ids(archive, "billing issue") == [found]


async def test_all_words_come_before_some_wherever_they_stand(archive: Opened) -> None:
    some = _put(archive, name="billing", text="billing billing billing")
    apart = _put(archive, name="customer issue", text="the billing page")
    other = _put(archive, log="issue")
    assert await _ids(archive, "billing issue") == [apart, some, other]


async def test_a_name_counts_more_than_a_title_a_text_and_a_log(archive: Opened) -> None:
    for number in range(20):
        _put(archive, name=f"n{number}", text=f"filler {number}", log=f"more {number}", minutes=99)
    log = _put(archive, log="harbour", minutes=1)
    text = _put(archive, text="harbour " * 30, minutes=2)
    title = _put(archive, title="harbour", minutes=3)
    name = _put(archive, name="harbour", minutes=4)
    assert await _ids(archive, "harbour") == [name, title, text, log]


async def test_equally_good_ones_come_most_recent_first(archive: Opened) -> None:
    made = [_put(archive, name="harbour", minutes=minutes) for minutes in (3, 1, 2)]
    assert await _ids(archive, "harbour") == [made[1], made[2], made[0]]


@pytest.mark.parametrize(
    "q",
    [
        "Crème brûlée", "creme brulee", "CREME", "brul", "brûl", "请求", "求发", "送",
        '"creme brulee"', "invoice", "invoices", "inv", "example.com", "https://example.com/pay",
        "user@example.org", "naïve", "o'brien", "C++ creme", "100%", "données",
    ],
)  # fmt: skip
async def test_what_people_type_finds_it(archive: Opened, q: str) -> None:
    text = "Crème brûlée 请求发送 Invoices user@example.org naive O'Brien 100 % Donnees"
    found = _put(archive, url="https://www.example.com/pay/now", text=text)
    _put(archive, name="unrelated")
    assert await _ids(archive, q) == [found]


@pytest.mark.parametrize(
    "q",
    [
        '"', '""', "'", "*", "(", ")", "^", "-", "+", ":", "{", "AND", "OR", "NOT", "NEAR(a b, 3)",
        "a AND", "NOT a", "name:x", "owner_mark:x", "-x", "x*", "*x", "a:b:c", '"a', 'a"b"c', "\\",
        "%", "_", "';--", "!&|", "a & b", "<->", ":*", "\x00", "a\x00b", "\ud800", "x" * 500,
        "😀", "\u200b", "ー", "々", "۱۲", " \t\n ", "🇩🇪 AND", "(((((((((", "'':A",
        "a b c d e f g h i j k",
    ],
)  # fmt: skip
async def test_nothing_that_people_type_breaks_it(archive: Opened, q: str) -> None:
    _put(archive, name="a plain name", text="and some text")
    await archive.records.flush()
    await archive.records.page(wanted(q=q))


async def test_only_white_space_is_no_question_and_only_signs_find_nothing(
    archive: Opened,
) -> None:
    one = _put(archive, name="name")
    assert await _ids(archive, "  ") == [one]
    assert await _ids(archive, "?!") == []


async def test_words_in_quotes_follow_one_another(archive: Opened) -> None:
    together = _put(archive, text="an open door policy", minutes=5)
    apart = _put(archive, text="the door was open")
    assert await _ids(archive, '"open door"') == [together]
    assert set(await _ids(archive, "open door ")) == {apart, together}


async def test_the_last_word_may_be_a_beginning_and_the_others_not(archive: Opened) -> None:
    found = _put(archive, text="international shipping")
    assert await _ids(archive, "internat") == [found]
    assert await _ids(archive, "internat ") == []
    assert await _ids(archive, "ship internat") == [found]
    assert await _ids(archive, '"internat"') == []


async def test_a_word_of_another_owner_is_not_found_however_many_sessions_there_are(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = _put(archive, name="shared", text="shared", log="shared")
    for number in range(5):
        _put(archive, name="shared", text="shared", log="shared", owner=f"bob {number}")
    assert await _ids(archive, "shared") == [mine]
    monkeypatch.setattr(records_module, "MANY", 0)
    assert await _ids(archive, "shared") == [mine]


async def test_an_old_session_is_found_by_two_common_words_that_stand_together(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "MOST_ROWS", 5)
    old = _put(archive, text="needle thread", minutes=999)
    for _ in range(10):
        _put(archive, text="needle")
        _put(archive, text="thread")
    assert (await _ids(archive, "needle thread"))[0] == old


async def test_a_common_tag_filters_a_list_as_a_rare_one_does(
    archive: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    red = [record(tags=("red",), minutes=number) for number in range(5)]
    for one in [*red, record(tags=("blue",))]:
        archive.records.put_record(one)
    rare = await archive.records.page(wanted(tags=("red",)))
    monkeypatch.setattr(records_module, "FEW", 2)
    common = await archive.records.page(wanted(tags=("red",)))
    assert [one.id for one in rare.records] == [one.id for one in red]
    assert common == rare


async def test_a_search_is_read_in_pages_without_gaps(archive: Opened) -> None:
    made = {_put(archive, name="harbour", text="harbour " * number) for number in range(9)}
    seen: list[str] = []
    cursor = None
    while True:
        found = await archive.records.page(wanted(q="harbour", limit=2, cursor=cursor))
        seen += [one.id for one in found.records]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert len(seen) == 9
    assert set(seen) == made


async def test_a_renamed_session_is_found_by_its_new_name_alone(archive: Opened) -> None:
    one = record(name="before")
    archive.records.put_record(one)
    await archive.records.flush()
    archive.records.put_record(
        record(id=one.id, name="after", last_activity_at=NOW + timedelta(seconds=1))
    )
    assert await _ids(archive, "before") == []
    assert await _ids(archive, "after") == [one.id]
