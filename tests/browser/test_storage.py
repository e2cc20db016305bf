"""Entries of storage on real Chromium: read, written, expiring, in frames and in all tabs."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import anyio
import pytest

from agent_browser.browser.ages import Ages, mark_of, unexpired
from agent_browser.browser.chromium import Chromium
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import Conflict, DialogWaiting, InvalidRequest, NotFound, PayloadTooLarge
from agent_browser.models.checkpoints import EXPIRIES, Part, State
from agent_browser.models.functions import ContextOptions
from agent_browser.models.storage import MAX_VALUE, StorageInput, StorageOutput
from tests.browser.driving import Driving
from tests.fakes.ear import Ear
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def storage(context: ChromiumContext, **input: Any) -> StorageOutput:
    done = await context.perform(StorageInput.model_validate(input))
    return cast("StorageOutput", done.output)


async def put(context: ChromiumContext, key: str, value: Any, **input: Any) -> StorageOutput:
    return await storage(context, action="put", key=key, value=value, **input)


async def keys(context: ChromiumContext, **input: Any) -> list[str]:
    return [entry.key for entry in (await storage(context, **input)).entries]


async def framed(drive: Driving, url: str, attributes: str = "") -> None:
    """Put a frame into the page, and wait until it has loaded."""
    await drive.value(
        "new Promise(done => { const f = document.createElement('iframe');"
        f" f.onload = () => done(1); {attributes} f.src = {json.dumps(url)};"
        " document.body.append(f) })"
    )


async def until(told: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not told():  # noqa: ASYNC110 - a timer of the context's: nothing tells of it
            await anyio.sleep(0.01)


async def gone(drive: Driving, key: str, area: str = "localStorage") -> None:
    """Wait until the page has no such entry, without a call of the API on it."""
    with anyio.fail_after(10):
        while await drive.value(f"{area}.getItem({json.dumps(key)})") is not None:  # noqa: ASYNC110
            await anyio.sleep(0.02)  # the document that it goes from is not told


class TestEntries:
    async def test_what_is_put_is_what_the_page_reads_and_what_it_stores_is_got(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        made = await put(drive.context, "theme", "dark")
        assert made.entry is not None
        assert (made.origin, made.tab, made.entry.type) == (drive.site.origin, "t1", "persistent")
        assert made.entry.created is not None
        assert await drive.value("localStorage.theme") == "dark"
        await drive.value("localStorage.setItem('page', '{\"n\": 1}'); 1")
        got = (await storage(drive.context, action="get", key="page")).entry
        assert got is not None
        assert (got.value, got.parsed, got.created) == ('{"n": 1}', {"n": 1}, None)

    @pytest.mark.parametrize(
        ("value", "text"),
        [("text", "text"), ({"a": [1, None]}, '{"a":[1,null]}'), (None, "null"), (True, "true"),
         (1.5, "1.5"), ("", ""), ("\ud800 ü\x00", "\ud800 ü\x00")],
    )  # fmt: skip
    async def test_a_text_is_stored_as_it_is_and_any_other_value_as_its_json(
        self, drive: Driving, value: Any, text: str
    ) -> None:
        await drive.open("/form")
        await put(drive.context, "k", value)
        codes = "[...Array(localStorage.k.length).keys()].map(i => localStorage.k.charCodeAt(i))"
        data = text.encode("utf-16-le", "surrogatepass")
        assert await drive.value(codes) == [
            data[at] | data[at + 1] << 8 for at in range(0, len(data), 2)
        ]
        entry = (await storage(drive.context, action="get", key="k")).entry
        assert entry is not None
        assert entry.value == text

    async def test_the_areas_are_apart_and_a_tab_has_its_own_session_storage(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        entry = (await put(drive.context, "k", "1", area="session")).entry
        assert entry is not None
        assert entry.type == "temporary"
        assert await drive.value("[sessionStorage.k, localStorage.k ?? null]") == ["1", None]
        await drive.act("tab_new", url=drive.site.url("/form"))
        assert await keys(drive.context, area="session") == []
        assert await keys(drive.context, area="session", tab="t1") == ["k"]

    async def test_entries_are_listed_by_key_a_page_at_a_time(self, drive: Driving) -> None:
        await drive.open("/form")
        for key in ("b:2", "a:1", "b:1", "b:3", ""):
            await put(drive.context, key, key)
        whole = await storage(drive.context)
        assert [entry.key for entry in whole.entries] == ["", "a:1", "b:1", "b:2", "b:3"]
        first = await storage(drive.context, prefix="b:", limit=2)
        assert [entry.key for entry in first.entries] == ["b:1", "b:2"]
        assert first.total == 3
        assert await keys(drive.context, prefix="b:", limit=2, cursor=first.next_cursor) == ["b:3"]
        with pytest.raises(InvalidRequest, match="cursor"):
            await storage(drive.context, cursor="é")

    async def test_entries_are_deleted_and_cleared(self, drive: Driving) -> None:
        await drive.open("/form")
        for key in ("a:1", "a:2", "b"):
            await put(drive.context, key, "v")
        assert (await storage(drive.context, action="delete", key="b")).removed == 1
        assert (await storage(drive.context, action="delete", key="b")).removed == 0
        await drive.value("localStorage.setItem('own', '1'); 1")
        assert (await storage(drive.context, action="clear", prefix="a:")).removed == 2
        assert (await storage(drive.context, action="clear")).removed == 1
        assert await drive.value("localStorage.length") == 0
        with pytest.raises(NotFound, match="no entry 'b' in the localStorage of http"):
            await storage(drive.context, action="get", key="b")

    async def test_a_page_that_replaced_the_functions_of_storage_is_read_all_the_same(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        await drive.value(
            "localStorage.setItem('real', '1'); Storage.prototype.getItem = () => 'forged';"
            "Storage.prototype.setItem = () => { throw 1 }; Storage.prototype.key = () => 'no';"
            "Object.defineProperty(window, 'localStorage', { value: { length: 9 } }); 1"
        )
        await put(drive.context, "k", "2")
        listed = await storage(drive.context)
        assert [(one.key, one.value) for one in listed.entries] == [("k", "2"), ("real", "1")]

    async def test_what_is_too_large_is_refused_by_us_or_by_the_pages_quota(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        with pytest.raises(PayloadTooLarge):
            await put(drive.context, "k", "x" * MAX_VALUE)
        await put(drive.context, "k", "x" * (MAX_VALUE - 10))
        with pytest.raises(Conflict, match=r"localStorage of http.* is full"):
            await put(drive.context, "other", "y" * 1_000)
        assert await keys(drive.context) == ["k"]


class TestWhere:
    async def test_a_frame_of_another_origin_is_named_by_origin_number_name_address_or_element(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        url = drive.site.other_origin("/form?q=1")
        other = url.removesuffix("/form?q=1")
        await framed(drive, url, "f.name = 'inner'; f.id = 'it';")
        await put(drive.context, "k", "there", origin=other)
        for frame in (1, "inner", url, "http://localhost:*/form?q=*", "#it", "iframe >> nth=0"):
            output = await storage(drive.context, action="get", key="k", frame=frame)
            assert output.origin == other
            assert output.entry is not None
            assert output.entry.value == "there"
        assert await keys(drive.context) == []
        assert await keys(drive.context, frame=0) == []
        with pytest.raises(InvalidRequest, match=r"no frame 2; the frames are 0 http.*, 1 \"inner"):
            await storage(drive.context, frame=2)
        with pytest.raises(InvalidRequest, match="#nope is no name, address or element"):
            await storage(drive.context, frame="#nope")
        with pytest.raises(InvalidRequest, match="is no frame"):
            await storage(drive.context, frame="form")
        with pytest.raises(InvalidRequest, match="the frame is of http://localhost"):
            await storage(drive.context, frame=1, origin=drive.site.origin)

    async def test_of_frames_with_one_address_the_selectors_own_is_meant(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        await framed(drive, "about:blank", "f.id = 'one';")
        await framed(drive, "about:blank", "f.id = 'two'; f.sandbox = 'allow-scripts';")
        assert (await storage(drive.context, frame="#one")).origin == drive.site.origin
        with pytest.raises(InvalidRequest, match="about:blank has no storage"):
            await storage(drive.context, frame="#two")

    async def test_an_origin_is_found_in_whichever_tab_it_is(self, drive: Driving) -> None:
        await drive.open("/form")
        other = drive.site.other_origin("")
        await drive.act("tab_new", url=f"{other}/form")
        await drive.act("tab_switch", tab="t1")
        output = await put(drive.context, "k", "v", origin=other)
        assert (output.tab, output.origin) == ("t2", other)
        assert await keys(drive.context) == []
        assert await keys(drive.context, tab="t2") == ["k"]
        with pytest.raises(InvalidRequest, match="no frame of t1 is of http://localhost"):
            await storage(drive.context, tab="t1", origin=other)
        with pytest.raises(InvalidRequest, match="Unknown tab: t9"):
            await storage(drive.context, tab="t9")

    async def test_an_origin_that_is_not_open_is_an_error_that_names_those_that_are(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        with pytest.raises(InvalidRequest, match=f"open are {drive.site.origin}"):
            await storage(drive.context, origin="https://never.test", area="session")

    async def test_an_origin_that_no_tab_shows_is_read_and_written_unseen(
        self, drive: Driving
    ) -> None:
        ear = Ear()
        drive.context.on_event(ear)
        await drive.open("/form")
        await drive.value("localStorage.setItem('k', 'v'); 1")
        await drive.act("goto", url=drive.site.other_origin("/form"))
        drive.site.reset()
        entry = (
            await storage(drive.context, action="get", key="k", origin=drive.site.origin)
        ).entry
        assert entry is not None
        assert entry.value == "v"
        output = await put(drive.context, "more", "w", origin=drive.site.origin)
        assert output.tab is None
        assert drive.site.requests == []
        assert len(drive.context.page.tabs) == 1
        assert ear.of("tab_opened") == []
        await drive.open("/early-storage")
        assert await drive.value("window.early.local") == ["k", "more"]

    async def test_a_document_without_an_origin_has_no_storage(self, drive: Driving) -> None:
        await drive.open("/form")
        await drive.act("goto", url="data:text/html,x")
        with pytest.raises(InvalidRequest, match="has no storage"):
            await storage(drive.context)

    async def test_a_tab_whose_dialog_waits_says_so_and_others_are_read(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        await drive.act("tab_new", url=drive.site.other_origin("/form"))
        await drive.value("void setTimeout(() => confirm('Sure?')); 1")
        await until(lambda: drive.context.dialog is not None)
        assert await keys(drive.context, tab="t1") == []
        with pytest.raises(DialogWaiting):
            await storage(drive.context)

    async def test_other_documents_are_told_by_the_platforms_event_and_the_one_itself_is_not(
        self, drive: Driving
    ) -> None:
        hear = (
            "window.heard = []; addEventListener('storage', e => heard.push([e.key, e.newValue]));"
        )
        await drive.open("/form")
        await drive.value(f"{hear} 1")
        await drive.act("tab_new", url=drive.site.url("/form"))
        await drive.value(f"{hear} 1")
        await put(drive.context, "k", "v")
        assert await drive.value("[localStorage.k, heard]") == ["v", []]
        await drive.act("tab_switch", tab="t1")
        assert await drive.value(
            "new Promise(done => { const look = () => heard.length ? done([localStorage.k, heard])"
            " : setTimeout(look, 10); look() })"
        ) == ["v", [["k", "v"]]]

    async def test_frames_with_a_renderer_of_their_own_are_reached(
        self, isolating: Chromium, site: Site
    ) -> None:
        browser = await isolating.launch()
        try:
            context = await browser.new_context(ContextOptions())
            drive = Driving(context, site)
            await drive.open("/form")
            await framed(drive, site.other_origin("/form"), "f.name = 'far';")
            await put(context, "k", "v", frame="far")
            assert await keys(context, origin=site.other_origin("")) == ["k"]
            assert await keys(context) == []
            await context.close()
        finally:
            await browser.close()


class TestExpiry:
    async def test_an_entry_goes_from_the_page_at_its_time_though_nobody_calls(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        await drive.value("window.left = 0; addEventListener('storage', () => { left++ }); 1")
        entry = (await put(drive.context, "k", "v", expires_in=0.2)).entry
        assert entry is not None
        assert entry.expires is not None
        assert entry.created is not None
        assert (entry.expires - entry.created).total_seconds() == pytest.approx(0.2, abs=0.01)
        await put(drive.context, "s", "v", expires_in="200ms", area="session")
        await put(drive.context, "stays", "v", expires_in="1h")
        await gone(drive, "k")
        await gone(drive, "s", "sessionStorage")
        assert await keys(drive.context) == ["stays"]

    async def test_it_is_gone_for_readers_even_where_its_page_could_not_be_reached_in_time(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        now = [1_000.0]
        _ages(drive)._now = lambda: now[0]
        await put(drive.context, "k", "v", expires_in="1h")
        now[0] += 3_601
        assert await keys(drive.context) == []
        assert await drive.value("localStorage.k ?? null") is None

    async def test_what_the_page_has_put_in_its_place_stays(self, drive: Driving) -> None:
        await drive.open("/form")
        await put(drive.context, "k", "v", expires_in=0.05)
        await drive.value("localStorage.setItem('k', 'mine'); 1")
        await put(drive.context, "last", "v", expires_in=0.1)
        await gone(drive, "last")
        entry = (await storage(drive.context, action="get", key="k")).entry
        assert entry is not None
        assert (entry.value, entry.expires) == ("mine", None)

    async def test_put_again_without_an_end_it_has_none(self, drive: Driving) -> None:
        await drive.open("/form")
        first = (await put(drive.context, "k", "v", expires_in=0.1)).entry
        second = (await put(drive.context, "k", "v")).entry
        assert first is not None
        assert second is not None
        assert (second.created, second.expires) == (first.created, None)
        await put(drive.context, "last", "v", expires_in=0.15)
        await gone(drive, "last")
        assert await keys(drive.context) == ["k"]

    async def test_what_ended_while_no_page_of_its_origin_was_open_is_gone_before_its_first_script(
        self, drive: Driving
    ) -> None:
        await drive.open("/form")
        await put(drive.context, "k", "v", expires_in=0.1)
        await put(drive.context, "s", "v", expires_in=0.1, area="session")
        await put(drive.context, "stays", "v")
        await drive.act("goto", url=drive.site.other_origin("/form"))
        ages = _ages(drive)
        await until(lambda: len(ages._ended) == 2 and bool(ages._guards))
        await drive.open("/early-storage")
        assert await drive.value("window.early") == {"local": ["stays"], "session": []}

    async def test_what_ended_while_it_was_away_is_not_in_the_state_that_is_restored(self) -> None:
        ages = [
            {"area": "local", "origin": "http://a.test", "tab": "", "key": "k",
             "mark": mark_of("v"), "created": 1.0, "expires": 2.0},
            {"area": "session", "origin": "http://a.test", "tab": "t1", "key": "s",
             "mark": mark_of("ü" * 30_000), "created": 1.0, "expires": 2.0},
            {"area": "local", "origin": "http://a.test", "tab": "", "key": "changed",
             "mark": mark_of("v"), "created": 1.0, "expires": 2.0},
            {"area": "local", "origin": "http://a.test", "tab": "", "key": "later",
             "mark": mark_of("v"), "created": 1.0, "expires": 200.0},
            "nonsense",
        ]  # fmt: skip
        entries = [
            {"name": n, "value": v} for n, v in (("k", "v"), ("changed", "w"), ("later", "v"))
        ]
        session = [{"origin": "http://a.test", "entries": [{"name": "s", "value": "ü" * 30_000}]}]
        parts = {"local http://a.test": entries, "session t1": session, EXPIRIES: ages}
        state = State().with_parts(Part.of(name, value) for name, value in parts.items())
        left = unexpired(state, now=100.0)
        names = [one["name"] for one in left.value("local http://a.test")]
        assert names == ["changed", "later"]
        assert left.value("session t1") == [{"origin": "http://a.test", "entries": []}]
        assert unexpired(left, now=100.0).parts["local http://a.test"].data == (
            left.parts["local http://a.test"].data
        )

    async def test_a_state_tells_of_the_ends_and_another_context_goes_on_from_it(
        self, drive: Driving, other: ChromiumContext
    ) -> None:
        await drive.open("/form")
        await put(drive.context, "k", "v", expires_in=0.3)
        state = _ages(drive).added(State())
        assert _ages(drive).added(State()).parts[EXPIRIES] is state.parts[EXPIRIES]
        second = Driving(other, drive.site)
        await second.open("/form")
        await second.value("localStorage.setItem('k', 'v'); 1")
        await _ages(second).load(state.value(EXPIRIES))
        await gone(second, "k")

    async def test_both_sides_know_a_value_by_the_same_mark(self, drive: Driving) -> None:
        await drive.open("/form")
        for text in ("", "a", "ü\ud800😀", "xy" * 40_000):
            entry = (await put(drive.context, "k", text, expires_in="1h")).entry
            assert entry is not None
            assert _ages(drive)._known["local", drive.site.origin, "", "k"].mark == mark_of(text)

    async def test_closing_leaves_no_timer(self, drive: Driving) -> None:
        await drive.open("/form")
        await put(drive.context, "k", "v", expires_in="1h")
        ages = _ages(drive)
        timer = ages._timer
        assert timer is not None
        await drive.context.close()
        assert timer.cancelled()


def _ages(drive: Driving) -> Ages:
    return drive.context._reach.part(Ages)


@pytest.fixture
async def other(chromium: Any) -> AsyncIterator[ChromiumContext]:
    made = await chromium.new_context(ContextOptions())
    yield made
    await made.close()
