"""What a context is, written down: each kind of state, as it is and as it changes."""

import base64
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.browser import saving
from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import BrowserLost, NavigationFailed, PageCrashed
from agent_browser.models.checkpoints import State
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    OpenInput,
)
from agent_browser.models.routing import RouteInput
from agent_browser.models.state import Database, StoredPath, TabState
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 30.0)
    monkeypatch.setattr(saving, "WAITING_BOUND", 30.0)
    context.on_change(lambda: None)
    return Driving(context, site)


async def tabs(drive: Driving) -> dict[str, Any]:
    return dict((await drive.context.capture()).value("tabs"))


async def tab(drive: Driving) -> TabState:
    (only,) = (await tabs(drive))["tabs"]
    return TabState.model_validate(only)


def entries(state: State, name: str) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in state.value(name, [])}


def session(state: State, tab_id: str, origin: str) -> dict[str, str]:
    """sessionStorage of an origin in a tab."""
    found = [each for each in state.value(f"session {tab_id}", []) if each["origin"] == origin]
    return {entry["name"]: entry["value"] for each in found for entry in each["entries"]}


def changed(before: State, after: State) -> set[str]:
    """The parts that are other objects than they were."""
    return {name for name, part in after.parts.items() if before.parts.get(name) is not part}


async def test_a_context_in_which_nothing_was_opened_has_only_its_tab(drive: Driving) -> None:
    state = await drive.context.capture()
    assert set(state.parts) == {"tabs"}
    assert [each["url"] for each in state.value("tabs")["tabs"]] == ["about:blank"]
    assert state.losses == ()


async def test_cookies_of_every_kind_are_saved(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    soon = time.time() + 1000
    await drive.context._context.add_cookies(
        [
            {"name": "plain", "value": "1", "url": site.origin},
            {"name": "hidden", "value": "2", "url": site.origin, "httpOnly": True},
            {"name": "strict", "value": "3", "url": site.origin, "sameSite": "Strict"},
            {"name": "late", "value": "4", "url": site.origin, "expires": soon},
            {
                "name": "parted", "value": "5", "domain": "a.test", "path": "/", "secure": True,
                "sameSite": "None", "partitionKey": "https://b.test",
            },
        ]
    )  # fmt: skip
    cookies = {c["name"]: c for c in (await drive.context.capture()).value("cookies")}
    assert set(cookies) == {"plain", "hidden", "strict", "late", "parted"}
    assert cookies["plain"]["expires"] == -1
    assert cookies["hidden"]["httpOnly"] is True
    assert cookies["strict"]["sameSite"] == "Strict"
    assert cookies["late"]["expires"] == pytest.approx(soon, abs=1)
    assert cookies["parted"]["partitionKey"] == "https://b.test"


async def test_storage_of_a_page_is_saved(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(
        "localStorage.setItem('b', 'two'); localStorage.setItem('a', 'é\\ud800');"
        "localStorage.setItem('length', 'x'); sessionStorage.setItem('s', '1'); 0"
    )
    state = await drive.context.capture()
    assert entries(state, f"local {site.origin}") == {"a": "é\ud800", "b": "two", "length": "x"}
    assert session(state, "t1", site.origin) == {"s": "1"}


async def test_databases_are_saved_with_keys_indexes_and_values_that_json_can_not_hold(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    records = """
      const both = {n: 1}
      const store = write.objectStore('things')
      store.put({id: 5, name: 'plain', tags: ['x', 'y'], deep: {list: [1, null, 'a']}})
      store.put({id: 6, name: 'rich', at: new Date(5), data: new Uint8Array([1, 2]),
        big: 7n, map: new Map([['k', new Set([undefined, NaN])]]), twice: [both, both],
        word: /a+/gi, blob: new Blob(['hi'], {type: 'text/plain'}),
        file: new File(['yo'], 'y.txt', {type: 'text/x', lastModified: 9}),
        pixel: new ImageData(new Uint8ClampedArray([1, 2, 3, 4]), 1, 1),
        buffer: new Uint8Array([9]).buffer, fault: new RangeError('far')})
      write.objectStore('loose').put('by date', new Date(1))
      write.objectStore('loose').put('by list', ['a', 1])
      write.objectStore('loose').put('by number', 2)
    """
    await drive.value(put("shop", records, version=3))
    state = await drive.context.capture()
    (told,) = state.value(f"databases {site.origin}")
    database = Database.model_validate(told)
    assert (database.name, database.version) == ("shop", 3)
    loose, things = sorted(database.stores, key=lambda store: store.name)
    assert (things.keyPath, things.autoIncrement) == ("id", True)
    assert {
        i.name: (i.keyPath, i.keyPathArray, i.unique, i.multiEntry) for i in things.indexes
    } == {
        "by_name": ("name", None, True, False),
        "by_both": (None, ["name", "at"], False, False),
        "by_tag": ("tags", None, False, True),
    }
    plain, rich = things.records
    assert plain.value == {
        "id": 5, "name": "plain", "tags": ["x", "y"], "deep": {"list": [1, None, "a"]},
    }  # fmt: skip
    values = {each["k"]: each["v"] for each in rich.valueEncoded["o"]}
    assert values["at"] == {"d": "1970-01-01T00:00:00.005Z"}
    assert values["data"] == {"ta": {"b": "AQI=", "k": "ui8"}}
    assert values["big"] == {"bi": "7"}
    ((key, within),) = values["map"]["m"]
    assert key == "k"
    assert within["se"] == [{"v": "undefined"}, {"v": "NaN"}]
    first, second = values["twice"]["a"]
    assert second == {"ref": first["id"]}
    assert values["word"] == {"r": {"p": "a+", "f": "gi"}}
    assert values["blob"] == {"bl": {"t": "text/plain", "b": "aGk="}}
    assert values["file"] == {"fi": {"n": "y.txt", "t": "text/x", "m": 9, "b": "eW8="}}
    assert values["pixel"] == {"im": {"w": 1, "h": 1, "b": "AQIDBA=="}}
    assert values["buffer"] == {"ab": {"b": "CQ=="}}
    assert values["fault"]["e"]["n"] == "RangeError"
    assert [(r.key, r.keyEncoded, r.value) for r in loose.records] == [
        (2, None, "by number"),
        (None, {"d": "1970-01-01T00:00:00.001Z"}, "by date"),
        (["a", 1], None, "by list"),
    ]
    assert state.losses == ()


async def test_a_record_that_can_not_be_written_down_is_told_and_the_others_are_there(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    code = put("keys", "write.objectStore('loose').put(1, 'a'); put.key(write)")
    code = code.replace(
        "async () => {",
        "async () => { const key = await crypto.subtle.generateKey({name: 'AES-GCM', length: 128},"
        " false, ['encrypt']); const put = {key: w => w.objectStore('loose').put(key, 'b')};",
        1,
    )
    await drive.value(code)
    await drive.value(put("other", "write.objectStore('loose').put(1, 'a')"))
    for _ in range(2):
        state = await drive.context.capture()
        (loss,) = state.losses
        assert (loss.what, loss.where) == ("indexed_db", site.origin)
        assert "CryptoKey" in loss.why
        keys, other = state.value(f"databases {site.origin}")
        for database in (keys, other):
            stores = {store["name"]: store["records"] for store in database["stores"]}
            assert stores["loose"] == [{"key": "a", "value": 1}]
        await drive.value(put("other", "write.objectStore('loose').put(1, 'a')"))


async def test_files_of_an_origin_are_saved_and_read_again_when_they_look_otherwise(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.value(file("notes/today.txt", "hello"))
    first = await drive.context.capture()
    name = f"files {site.origin}"
    found = {each["path"]: StoredPath.model_validate(each) for each in first.value(name)}
    assert set(found) == {"notes", "notes/today.txt"}
    assert base64.b64decode(found["notes/today.txt"].base64 or "") == b"hello"
    assert changed(first, await drive.context.capture()) == set()
    await drive.value(file("notes/today.txt", "goodbye"))
    second = await drive.context.capture()
    assert changed(first, second) == {name}
    await drive.value(
        "async () => (await navigator.storage.getDirectory()).removeEntry('notes',"
        " {recursive: true})"
    )
    assert name not in (await drive.context.capture()).parts


async def test_passkeys_are_saved(drive: Driving) -> None:
    given = {"passkeys": [{"rp_id": "localhost"}]}
    await drive.context.perform(EmulateInput.model_validate(given))
    (held,) = (await drive.context.capture()).value("passkeys")
    assert held["rpId"] == "localhost"
    assert held["privateKey"]


async def test_options_in_force_are_saved(chromium: ChromiumBrowser) -> None:
    made = await chromium.new_context(ContextOptions(locale="de-CH", width=900))
    try:
        assert (await made.capture()).value("options") == {"locale": "de-CH", "width": 900}
        await made.apply(ContextOptions(width=800, extra_headers={"X-One": "1"}))
        options = (await made.capture()).value("options")
        assert ContextOptions.model_validate(options) == ContextOptions(
            locale="de-CH", width=800, extra_headers={"X-One": "1"}
        )
    finally:
        await made.close()


async def test_where_a_tab_is_and_was_is_saved(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.open("/scroll")
    await drive.value("history.pushState({step: 2, at: new Date(3)}, '', '?step=2'); 0")
    await drive.value("history.pushState(null, '', '?step=3'); history.back(); 0")
    await drive.act("wait", url="**/scroll?step=2")
    await drive.value("scrollTo(0, 40); document.title = 'Two'; 0")
    one = await tab(drive)
    at = one.history.entries[one.history.index]
    assert one.id == "t1"
    assert (one.url, one.title) == (site.url("/scroll?step=2"), "Two")
    assert (at.url, at.title) == (one.url, one.title)
    assert [entry.url for entry in one.history.entries][-4:] == [
        site.url("/form"), site.url("/scroll"), site.url("/scroll?step=2"),
        site.url("/scroll?step=3"),
    ]  # fmt: skip
    assert one.history.index == len(one.history.entries) - 2
    state = {each["k"]: each["v"] for each in one.state["o"]}
    assert state == {"step": 2, "at": {"d": "1970-01-01T00:00:00.003Z"}}
    assert await drive.value("scrollY") == one.scroll.y


FIELDS = """document.body.innerHTML = `<form id=f><input name=children><input id=plain value=was>
  <input type=password id=pw><input id=card autocomplete=cc-number><input id=code
  autocomplete=one-time-code><input type=checkbox id=box><input type=checkbox id=boxed checked>
  <input type=radio name=r id=r1 checked><input type=radio name=r id=r2>
  <select id=one><option value=a>A<option value=b>B</select>
  <select id=many multiple><option value=a selected>A<option value=b>B<option value=c>C</select>
  <textarea id=area>old</textarea><div id=rich contenteditable></div>
  <input type=color id=colour><input type=range id=range><input type=hidden id=no value=1>
  <input id=same value=same><div><input></div></form>`"""
FILL = """const set = id => { document.getElementById(id).value = 'new' }
  for (const id of ['plain', 'pw', 'card', 'code', 'area']) set(id)
  for (const id of ['box', 'r2']) document.getElementById(id).checked = true
  boxed.checked = false; one.value = 'b'; many.options[2].selected = true
  rich.innerHTML = '<b>bold</b>'; no.value = '2'
  document.querySelector('div input').value = 'nameless'; 0"""


async def test_what_is_filled_in_is_saved_but_for_secrets(drive: Driving) -> None:
    await drive.open("/empty")
    await drive.value(FIELDS)
    assert (await tab(drive)).fields == []
    await drive.value(FILL)
    fields = (await tab(drive)).fields
    by_id = {field.path: (field.kind, field.value) for field in fields if "#" in field.path}
    assert {path: by_id[path] for path in by_id if ">" not in path} == {
        "#plain": ("value", "new"),
        "#box": ("checked", True),
        "#boxed": ("checked", False),
        "#r1": ("checked", False),
        "#r2": ("checked", True),
        "#one": ("selected", ["b"]),
        "#many": ("selected", ["a", "c"]),
        "#area": ("value", "new"),
        "#rich": ("html", "<b>bold</b>"),
    }
    (nameless,) = [field for field in fields if field.value == "nameless"]
    assert await drive.value(f"document.querySelector({nameless.path!r}).value") == "nameless"


async def test_a_password_stays_one_while_it_is_shown(drive: Driving) -> None:
    await drive.open("/empty")
    await drive.value("document.body.innerHTML = '<input type=password id=x>'; 0")
    await drive.context.capture()
    await drive.value("x.value = 'hunter2'; x.type = 'text'; 0")
    assert (await tab(drive)).fields == []


async def test_what_a_person_typed_is_saved_though_the_page_made_it_the_default(
    drive: Driving,
) -> None:
    """As React does, which keeps an input's attribute as its value is."""
    await drive.open("/empty")
    await drive.value(
        "document.body.innerHTML = '<input id=x><input id=y>';"
        "x.oninput = () => x.setAttribute('value', x.value); 0"
    )
    await drive.snapshot()
    await drive.act("fill", "#x", text="typed")
    await drive.act("click", "#y")
    (field,) = (await tab(drive)).fields
    assert (field.path, field.value) == ("#x", "typed")


async def test_frames_are_saved_with_their_storage_and_what_is_filled_in(
    drive: Driving, site: Site
) -> None:
    await drive.open("/empty")
    other = site.other_origin("/empty")
    await drive.value(
        f"async () => {{ for (const src of ['/empty', '{other}']) {{"
        " const frame = document.createElement('iframe'); frame.src = src;"
        " const loaded = new Promise(done => { frame.onload = done });"
        " document.body.append(frame); await loaded } }"
    )
    for number, frame in enumerate(drive.context._tabs.active.page.frames[1:]):
        await frame.evaluate(
            f"""() => {{ localStorage.setItem('in', '{number}')
              sessionStorage.setItem('in', '{number}')
              document.body.innerHTML = '<input id=x>'; x.value = '{number}' }}"""
        )
    state = await drive.context.capture()
    origin = site.other_origin("")
    assert entries(state, f"local {site.origin}") == {"in": "0"}
    assert entries(state, f"local {origin}") == {"in": "1"}
    assert session(state, "t1", origin) == {"in": "1"}
    (told,) = state.value("tabs")["tabs"]
    assert [(f["frame"], f["path"], f["value"]) for f in told["fields"]] == [
        ([0], "#x", "0"),
        ([1], "#x", "1"),
    ]


async def test_frames_in_a_renderer_of_their_own_are_read_too(isolating: Any, site: Site) -> None:
    browser = await isolating.launch()
    made = await browser.new_context(ContextOptions())
    try:
        made.on_change(lambda: None)
        drive = Driving(made, site)
        await drive.open("/frames", wait_until="load")
        frame = next(f for f in made._tabs.active.page.frames if "localhost" in f.url)
        await frame.evaluate("localStorage.setItem('apart', '1')")
        origin = site.other_origin("")
        assert entries(await made.capture(), f"local {origin}") == {"apart": "1"}
        await frame.evaluate("localStorage.setItem('apart', '2')")
        assert entries(await made.capture(), f"local {origin}") == {"apart": "2"}
        await frame.evaluate("localStorage.setItem('apart', '3')")
        await drive.open("/empty")
        assert entries(await made.capture(), f"local {origin}") == {"apart": "3"}
    finally:
        await made.close()
        await browser.close()


async def test_two_tabs_have_a_sessionstorage_each_and_a_popup_its_opener(
    drive: Driving, site: Site
) -> None:
    await drive.open("/popups")
    await drive.value("sessionStorage.setItem('k', 'one'); localStorage.setItem('k', 'one'); 0")
    await drive.act("tab_new", url=site.url("/form"))
    await drive.value("sessionStorage.setItem('k', 'two'); localStorage.setItem('k', 'two'); 0")
    await drive.act("tab_switch", tab="t1")
    await drive.value("void window.open('/popup')")
    await drive.act("wait", wait_ms=100)
    state = await drive.context.capture()
    assert session(state, "t1", site.origin) == {"k": "one"}
    assert session(state, "t2", site.origin) == {"k": "two"}
    assert entries(state, f"local {site.origin}") == {"k": "two"}
    told = state.value("tabs")
    assert (told["active"], told["last_tab"]) == ("t1", 3)
    assert [(each["id"], each["opener"]) for each in told["tabs"]] == [
        ("t1", None), ("t2", None), ("t3", "t1"),
    ]  # fmt: skip
    await drive.act("tab_close", tab="t2")
    after = await drive.context.capture()
    assert "session t2" not in after.parts
    assert after.value("tabs")["last_tab"] == 3


async def test_refs_given_out_are_counted(drive: Driving) -> None:
    opened = await drive.open("/form")
    told = await tabs(drive)
    assert told["last_ref"] == max(int(element.ref[2:]) for element in opened.elements)


async def test_parts_that_did_not_change_are_the_same_objects(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value("localStorage.setItem('a', '1'); sessionStorage.setItem('a', '1'); 0")
    await drive.value("document.cookie = 'a=1'")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    first = await drive.context.capture()
    for thorough in (False, True):
        again = await drive.context.capture(thorough=thorough)
        assert again.parts == first.parts
        assert changed(first, again) == set()
    for code, parts in (
        ("localStorage.setItem('a', '2'); 0", {f"local {site.origin}"}),
        ("localStorage.removeItem('a'); localStorage.setItem('b', '');0", {f"local {site.origin}"}),
        ("sessionStorage.setItem('a', '2'); 0", {"session t1"}),
        ("document.cookie = 'a=2'; 0", {"cookies"}),
        ("document.title = 'Else'; 0", {"tabs"}),
        (put("one", "write.objectStore('loose').put(2, 'a')"), {f"databases {site.origin}"}),
        (put("two", "write.objectStore('loose').put(2, 'a')"), {f"databases {site.origin}"}),
    ):
        await drive.value(code)
        now = await drive.context.capture()
        assert changed(first, now) == parts
        first = now
    await drive.value("localStorage.clear(); 0")
    assert f"local {site.origin}" not in (await drive.context.capture()).parts


async def test_a_deleted_database_is_gone(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    await drive.value(put("two", "write.objectStore('loose').put(1, 'a')"))
    await drive.context.capture()
    await drive.value(
        "() => new Promise(done => { indexedDB.deleteDatabase('one').onsuccess = () => done() })"
    )
    (left,) = (await drive.context.capture()).value(f"databases {site.origin}")
    assert left["name"] == "two"


async def test_a_change_without_a_call_is_told(drive: Driving) -> None:
    heard = anyio.Event()
    await drive.open("/form")
    for code in (
        "void setTimeout(() => localStorage.setItem('late', '1'), 30)",
        "void setTimeout(() => sessionStorage.setItem('late', '1'), 30)",
        "void setTimeout(() => { location = '/empty' }, 30)",
        f"void setTimeout({put('late', '0')}, 30)",
    ):
        await drive.context.capture()
        await drive.value(code)
        heard = anyio.Event()
        drive.context.on_change(heard.set)
        with anyio.fail_after(5):
            await heard.wait()


async def test_captures_at_the_same_time_share_one(drive: Driving) -> None:
    await drive.open("/form")
    states: list[State] = []

    async def capture() -> None:
        states.append(await drive.context.capture())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(capture)
    assert len({id(state) for state in states}) <= 2


async def test_a_cancelled_capture_leaves_the_next_one_whole(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    await drive.value("localStorage.setItem('a', '1'); sessionStorage.setItem('a', '1'); 0")
    for rounds in range(0, 40, 3):
        async with anyio.create_task_group() as group:
            group.start_soon(drive.context.capture)
            for _ in range(rounds):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    state = await drive.context.capture()
    assert {f"local {site.origin}", f"databases {site.origin}", "session t1"} <= set(state.parts)
    assert state.losses == ()


async def test_of_a_lost_browser_nothing_is_captured(executable: Path, site: Site) -> None:
    # An engine of its own: the shared one might take a new driver for this browser, and keep it.
    async with Chromium(load(executable_path=executable)) as engine:
        browser = await engine.launch()
        made = await browser.new_context(ContextOptions())
        await made.open(OpenInput(url=site.url("/form")))
        await made.capture()
        await browser.close()
        with pytest.raises(BrowserLost):
            await made.capture()


async def test_a_tab_that_can_not_answer_is_as_it_was_at_its_address(
    drive: Driving, site: Site
) -> None:
    await drive.open("/dialogs")
    await drive.value("localStorage.setItem('a', '1'); 0")
    before = await drive.context.capture()
    code = "localStorage.setItem('b', '2'); confirm('wait')"
    await drive.context.execute(ExecuteInput(code=code))
    assert drive.context.dialog is not None
    state = await drive.context.capture()
    (loss,) = state.losses
    assert (loss.what, loss.where) == ("tab", "t1")
    assert "dialog" in loss.why
    assert state.value("tabs")["tabs"] == before.value("tabs")["tabs"]
    await drive.context.interact(InteractInput(action="dialog", accept=True))
    state = await drive.context.capture()
    assert state.losses == ()
    assert entries(state, f"local {site.origin}") == {"a": "1", "b": "2"}


async def test_a_page_that_crashed_is_as_it_was(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value("localStorage.setItem('a', '1'); 0")
    await drive.context.capture()
    session = await drive.context._tabs.active.worlds.session()
    async with anyio.create_task_group() as group:
        group.start_soon(session.send, "Page.crash")
        with anyio.fail_after(5), pytest.raises(PageCrashed):
            await drive.act("wait", text="never")
        group.cancel_scope.cancel()
    state = await drive.context.capture()
    assert [(loss.what, loss.where) for loss in state.losses] == [("tab", "t1")]
    assert entries(state, f"local {site.origin}") == {"a": "1"}
    assert state.value("tabs")["tabs"][0]["url"] == site.url("/form")


async def test_a_page_that_is_busy_is_told_within_its_bound(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.context.capture()
    busy = "const since = Date.now(); while (Date.now() - since < 2500);"
    await drive.value(f"void setTimeout(() => {{ {busy} }}, 0)")
    monkeypatch.setattr(saving, "TAB_BOUND", 0.5)
    with anyio.fail_after(2.4):
        state = await drive.context.capture()
    assert [(loss.what, loss.why) for loss in state.losses] == [
        ("tab", "its page did not answer within 0.5 s")
    ]


async def test_a_page_that_floods_is_read_until_it_is_calm(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.context.capture()
    name = f"local {site.origin}"
    (ear,) = drive.context._reach.part(saving.Saving)._hearing.ears.values()
    await drive.value("for (let i = 0; i < 1000; i++) localStorage.setItem('n', i); 0")
    with anyio.fail_after(20):
        while not ear.is_deaf:  # noqa: ASYNC110 - what is heard comes when it likes
            await anyio.sleep(0.01)
    assert entries(await drive.context.capture(), name) == {"n": "999"}
    await drive.value("localStorage.setItem('n', 'unheard'); 0")
    assert entries(await drive.context.capture(), name) == {"n": "unheard"}
    await drive.context.capture()
    assert not ear.is_deaf
    heard = anyio.Event()
    drive.context.on_change(heard.set)
    await drive.value("localStorage.setItem('n', 'heard'); 0")
    with anyio.fail_after(5):
        await heard.wait()
    assert entries(await drive.context.capture(), name) == {"n": "heard"}


async def test_rules_for_requests_are_told_for_they_are_not_saved(drive: Driving) -> None:
    await drive.open("/form")
    rules = [{"url": "**/x", "action": "block"}]
    await drive.context.perform(RouteInput.model_validate({"rules": rules}))
    assert [loss.what for loss in (await drive.context.capture()).losses] == ["routes"]


async def test_a_page_without_scripts_of_its_own_is_read_too(
    chromium: ChromiumBrowser, site: Site
) -> None:
    made = await chromium.new_context(ContextOptions(javascript_enabled=False))
    try:
        drive = Driving(made, site)
        await drive.open("/form")
        page = made._tabs.active.page
        await page.locator("input").first.fill("typed")
        await page.mouse.wheel(0, 10)
        state = await made.capture()
        assert state.losses == ()
        (one,) = state.value("tabs")["tabs"]
        assert "typed" in [field["value"] for field in one["fields"]]
    finally:
        await made.close()


async def test_a_page_that_goes_on_all_the_time_is_captured_whole(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.value(
        "const go = () => { const frame = document.createElement('iframe'); frame.src = '/empty';"
        " document.body.append(frame); setTimeout(() => frame.remove(), 50);"
        " setTimeout(go, 40) }; go(); 0"
    )
    for _ in range(15):
        state = await drive.context.capture()
        # A frame may be there still and not answer; the page does.
        assert {loss.what for loss in state.losses} <= {"page"}
        assert state.value("tabs")["tabs"][0]["url"] == site.url("/form")


async def test_captures_while_a_session_navigates_are_of_one_page_or_the_other(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    states: list[State] = []

    async def capture() -> None:
        while not done.is_set():
            states.append(await drive.context.capture())

    done = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(capture)
        for path in ("/empty", "/form", "/list", "/form", "/empty"):
            await drive.context.open(OpenInput(url=site.url(path)))
            await drive.context.open(OpenInput(url=site.other_origin(path)))
        done.set()
    for state in states:
        (one,) = state.value("tabs")["tabs"]
        entries = one["history"]["entries"]
        assert entries[one["history"]["index"]]["url"] == one["url"]
        assert one["url"].startswith(("http://127.0.0.1", "http://localhost"))


async def test_databases_written_without_end_are_captured_all_the_same(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.context.capture()
    await drive.value(put("busy", "write.objectStore('loose').put(0, 'a')"))
    await drive.value(
        "async () => { const open = await new Promise(done => {"
        " indexedDB.open('busy').onsuccess = e => done(e.target.result) });"
        " for (let i = 1; i <= 400; i++) await new Promise(done => {"
        " const write = open.transaction('loose', 'readwrite');"
        " write.objectStore('loose').put(i, 'a'); write.oncomplete = done }); open.close() }"
    )
    await drive.context.capture()
    (database,) = (await drive.context.capture()).value(f"databases {site.origin}")
    assert [r["value"] for store in database["stores"] for r in store["records"]] == [400]


async def test_a_tab_whose_page_does_not_load_is_at_its_address(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    with pytest.raises(NavigationFailed):
        await drive.context.open(OpenInput(url=site.refusing_url("/gone")))
    one = await tab(drive)
    assert one.url == site.refusing_url("/gone")
