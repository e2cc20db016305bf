"""How much is saved, and what is told of what is too much."""

import pytest

from agent_browser.browser import backstage, holdings, saving, standing
from agent_browser.browser.areas import Area, Origin, Unread, keyed, origin_of
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.hearing import MOST_CHARACTERS, MOST_EVENTS, Flood
from agent_browser.browser.parts import Parts
from agent_browser.models.checkpoints import Loss
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.browser.test_saving import changed, entries
from tests.site import Site

pytestmark = [pytest.mark.anyio]
real = pytest.mark.browser


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 30.0)
    monkeypatch.setattr(saving, "WAITING_BOUND", 30.0)
    context.on_change(lambda: None)
    return Driving(context, site)


def records(count: int, length: int = 1000) -> str:
    return (
        f"for (let i = 0; i < {count}; i++)"
        f" write.objectStore('loose').put({{i, text: 'é😀'.repeat({length // 3})}}, i)"
    )


@real
async def test_a_large_database_is_read_whole_in_a_page_of_ours(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited: list[str] = []
    visit = backstage.Backstage.visit

    async def watched(stage: backstage.Backstage, origin: str) -> str:
        visited.append(origin)
        return await visit(stage, origin)

    monkeypatch.setattr(backstage.Backstage, "visit", watched)
    monkeypatch.setattr(holdings, "LARGE", 100)
    await drive.open("/form")
    await drive.value(put("large", records(2000)))
    await drive.value(put("small", "write.objectStore('loose').put(1, 'a')"))
    state = await drive.context.capture()
    assert state.losses == ()
    assert visited == [site.origin]
    monkeypatch.setattr(holdings, "LARGE", 10_000_000)
    large, small = state.value(f"databases {site.origin}")
    stores = {store["name"]: store["records"] for store in large["stores"]}
    assert [record["key"] for record in stores["loose"]] == list(range(2000))
    assert {record["value"]["text"] for record in stores["loose"]} == {"é😀" * 333}
    assert small["name"] == "small"
    # Another one of the origin changed: this one is taken over as it was.
    await drive.value(put("small", "write.objectStore('loose').put(2, 'a')"))
    after = await drive.context.capture()
    assert changed(state, after) == {f"databases {site.origin}"}
    again, small = after.value(f"databases {site.origin}")
    assert again == large
    assert {r["value"] for store in small["stores"] for r in store["records"]} == {2}


@real
async def test_what_a_frozen_page_stored_is_captured(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.context.capture()
    await drive.value(
        "localStorage.setItem('a', '1'); document.querySelector('input').value = 'x'; 0"
    )
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    await drive.value(file("a.txt", "x"))
    await drive.context.freeze()
    for thorough in (False, True):
        state = await drive.context.capture(thorough=thorough)
        assert state.losses == ()
        assert entries(state, f"local {site.origin}") == {"a": "1"}
        assert [each["name"] for each in state.value(f"databases {site.origin}")] == ["one"]
        assert [each["path"] for each in state.value(f"files {site.origin}")] == ["a.txt"]
        (tab,) = state.value("tabs")["tabs"]
        assert [field["value"] for field in tab["fields"]] == ["x"]
    await drive.context.thaw()
    assert changed(state, await drive.context.capture()) == set()


@real
async def test_a_database_beyond_the_bound_is_left_out_and_told_and_not_read_again(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOST_DATABASES", 20_000)
    await drive.open("/form")
    await drive.value(put("a", "write.objectStore('loose').put(1, 'a')"))
    await drive.value(put("large", records(100)))
    await drive.value(put("z", "write.objectStore('loose').put(1, 'a')"))
    state = await drive.context.capture()
    names = [each["name"] for each in state.value(f"databases {site.origin}")]
    assert names == ["a", "z"]
    lost = [(loss.what, loss.where, loss.why) for loss in state.losses]
    assert lost == [("indexed_db", site.origin, "large: too large")]
    again = await drive.context.capture()
    assert changed(state, again) == set()
    assert again.losses == state.losses
    assert not drive.context._reach.part(saving.Saving)._hearing.origins[site.origin].unread.is_any


@real
async def test_files_and_entries_beyond_their_bounds_are_left_out_and_told(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOST_FILES", 1_000)
    monkeypatch.setattr(saving, "MOST_ENTRIES", 1_000)
    await drive.open("/form")
    await drive.value(file("a.txt", "x" * 900))
    await drive.value(file("small.txt", "x"))
    await drive.value("localStorage.setItem('a', 'x'.repeat(2000)); 0")
    await drive.value("sessionStorage.setItem('a', 'x'.repeat(2000)); 0")
    state = await drive.context.capture()
    paths = [each["path"] for each in state.value(f"files {site.origin}", [])]
    assert paths == ["small.txt"]
    assert {(loss.what, loss.where) for loss in state.losses} == {
        ("files", f"{site.origin}/a.txt"),
        ("local_storage", site.origin),
        ("session_storage", f"t1 {site.origin}"),
    }
    await drive.value("localStorage.setItem('a', 'x'); sessionStorage.clear(); 0")
    await drive.value("async () => (await navigator.storage.getDirectory()).removeEntry('a.txt')")
    state = await drive.context.capture()
    assert state.losses == ()
    assert entries(state, f"local {site.origin}") == {"a": "x"}
    assert [each["path"] for each in state.value(f"files {site.origin}")] == ["small.txt"]


@real
async def test_a_history_beyond_its_bound_is_cut_around_the_present_entry(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "MOST_ENTRIES", 5)
    await drive.open("/form")
    await drive.value("for (let i = 0; i < 8; i++) history.pushState(null, '', '#' + i); 0")
    state = await drive.context.capture()
    (tab,) = state.value("tabs")["tabs"]
    assert len(tab["history"]["entries"]) == 5
    at = tab["history"]["entries"][tab["history"]["index"]]
    assert at["url"] == tab["url"] == site.url("/form#7")
    assert [(loss.what, loss.where) for loss in state.losses] == [("history", "t1")]


@real
async def test_a_large_field_is_left_out_and_told(drive: Driving) -> None:
    await drive.open("/empty")
    await drive.value(
        "document.body.innerHTML = '<div id=d contenteditable></div><input id=i>';"
        "d.textContent = 'x'.repeat(200000); i.value = 'kept'; 0"
    )
    state = await drive.context.capture()
    (tab,) = state.value("tabs")["tabs"]
    assert [field["path"] for field in tab["fields"]] == ["#i"]
    assert [(loss.what, loss.where) for loss in state.losses] == [("form", "t1")]


def test_more_than_so_many_events_or_characters_in_a_second_are_a_flood() -> None:
    now = 0.0
    flood = Flood(lambda: now)
    assert not any(flood.is_over(1) for _ in range(MOST_EVENTS))
    assert flood.is_over(1)
    now = 1.0
    assert not flood.is_over(MOST_CHARACTERS)
    assert flood.is_over(1)
    now = 2.5
    assert not flood.is_over(1)


def test_an_area_is_changed_until_it_was_read_after_the_last_that_was_heard() -> None:
    area = Area()
    assert area.is_changed
    area.take([("a", "1")], area.heard)
    assert (area.is_changed, area.is_reliable, area.is_dirty) == (False, True, True)
    area.is_dirty = False
    mark = area.heard
    area.put("b", "2")
    assert area.is_changed
    assert area.is_reliable
    area.take([("a", "1"), ("b", "2")], mark)
    assert area.is_changed  # what was heard meanwhile may be later than what was read
    area.confirm(area.heard)
    assert not area.is_changed
    area.miss()
    assert not area.is_reliable
    area.confirm(area.heard)
    assert area.is_reliable
    area.remove("a")
    assert area.told == [{"name": "b", "value": "2"}]
    area.clear()
    assert area.told == []


def test_what_is_unread_is_what_was_heard_since() -> None:
    unread = Unread()
    assert unread.wanted is None
    mark = unread.heard
    unread.add("b")
    unread.read(mark)
    assert unread.wanted == ["b"]
    mark = unread.heard
    unread.add("a")
    unread.add("b")
    unread.read(mark)
    assert unread.wanted == ["a", "b"]
    unread.add(None)
    assert unread.wanted is None
    unread.read(unread.heard)
    assert not unread.is_any


def test_an_origin_is_due_for_what_is_unread_and_not_held_up() -> None:
    origin = Origin("http://a.test")
    assert origin.is_due(0)
    origin.unread.read(origin.unread.heard)
    assert not origin.is_due(0)
    origin.blocked = {"a": 60.0}
    origin.unread.add("a")
    assert not origin.is_due(59)
    assert origin.is_due(60)
    origin.unread.add("b")
    assert origin.is_due(0)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.test/x?y#z", "https://a.test"),
        ("http://u:p@a.test:81/", "http://a.test:81"),
        ("http://[::1]:8/x", "http://[::1]:8"),
        ("about:blank", ""),
        ("data:text/html,x", ""),
        ("chrome-error://chromewebdata/", ""),
        ("http://[bad", ""),
    ],
)
def test_an_origin_is_that_of_a_site(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_partitioned_storage_key_is_no_origin() -> None:
    assert keyed("https://a.test/") == "https://a.test"
    assert keyed("https://a.test/^0https://b.test") == ""


def test_parts_of_the_same_value_are_the_same_object() -> None:
    parts = Parts()
    parts.put("a", [1])
    before = parts.all["a"]
    parts.put("a", [1])
    assert parts.all["a"] is before
    loss = Loss(what="cookies", why="test")
    parts.lose("a", loss)
    assert (parts.all["a"], parts.losses) == (before, (loss,))
    parts.put("a", [2])
    assert parts.all["a"] is not before
    assert parts.losses == ()
    parts.put("a", [])
    assert parts.all == {}
