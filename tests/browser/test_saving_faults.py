"""One thing that can't be read takes nothing else with it, and no capture lasts long for it."""

from typing import Any

import anyio
import pytest

from agent_browser.browser import frames, holdings, saving, standing
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.driver import script_text
from agent_browser.browser.saving import Saving
from agent_browser.errors import ActionFailed, BrowserLost
from agent_browser.models.checkpoints import Part, State
from agent_browser.models.state import TabState
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.browser.test_saving import changed, entries
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 30.0)
    monkeypatch.setattr(saving, "WAITING_BOUND", 30.0)
    context.on_change(lambda: None)
    return Driving(context, site)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What documents were asked for databases and files."""
    calls: list[str] = []
    real = frames.ask_long

    async def watched(frame: frames.Frame, call: str) -> Any:
        calls.append(call)
        return await real(frame, call)

    monkeypatch.setattr(holdings, "ask_long", watched)
    return calls


def told(state: State) -> set[tuple[str, str]]:
    return {(loss.what, loss.where) for loss in state.losses}


NESTED = "let deep = 1; for (let i = 0; i < %d; i++) deep = %s"


@pytest.mark.parametrize("wrapped", ["[deep]", "{deep}", "new Map([[1, deep]])"])
async def test_values_too_deep_to_be_written_down_are_told_and_the_others_are_there(
    drive: Driving, site: Site, wrapped: str
) -> None:
    await drive.open("/form")
    await drive.value("localStorage.setItem('a', '1'); 0")
    await drive.value(f"{NESTED % (2000, wrapped)}; history.replaceState(deep, ''); 0")
    records = f"""
      {NESTED % (2000, wrapped)}; write.objectStore('loose').put(deep, 'deep')
      {(NESTED % (90, wrapped)).replace("deep", "less")}
      write.objectStore('loose').put(less, 'less')
    """
    await drive.value(put("one", records))
    state = await drive.context.capture(thorough=True)
    assert told(state) == {("history", "t1"), ("indexed_db", site.origin)}
    assert entries(state, f"local {site.origin}") == {"a": "1"}
    (database,) = state.value(f"databases {site.origin}")
    stores = {store["name"]: store["records"] for store in database["stores"]}
    assert [record["key"] for record in stores["loose"]] == ["less"]
    (tab,) = state.value("tabs")["tabs"]
    assert TabState.model_validate({**tab, "fields": []}).state is None


async def test_what_nobody_expected_of_a_tab_is_a_loss_of_that_tab(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.act("tab_new", url=site.url("/list"))
    await drive.value("sessionStorage.setItem('a', '1'); 0")
    real = standing.Standing.read

    async def read(self: standing.Standing, *args: Any) -> None:
        if self.tab.id == "t1":
            raise RecursionError("too deep")
        await real(self, *args)

    monkeypatch.setattr(standing.Standing, "read", read)
    state = await drive.context.capture(thorough=True)
    assert told(state) == {("tab", "t1")}
    assert [tab["url"] for tab in state.value("tabs")["tabs"]] == [
        site.url("/form"),
        site.url("/list"),
    ]
    assert "session t2" in state.parts


async def test_what_nobody_expected_of_an_origin_is_a_loss_of_that_origin(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    real = holdings.read_databases

    async def fail(*_: Any, **__: Any) -> None:
        raise KeyError("there")

    monkeypatch.setattr(holdings, "read_databases", fail)
    state = await drive.context.capture(thorough=True)
    assert told(state) == {("indexed_db", site.origin)}
    await drive.open("/list")
    monkeypatch.setattr(holdings, "read_databases", real)
    state = await drive.context.capture()
    assert state.losses == ()
    assert f"databases {site.origin}" in state.parts


async def test_what_nobody_expected_at_all_is_a_failure_that_is_ours(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Saving) -> None:
        raise RecursionError("too deep")

    await drive.open("/form")
    monkeypatch.setattr(Saving, "_save_options", fail)
    with pytest.raises(ActionFailed):
        await drive.context.capture()
    monkeypatch.undo()
    assert "tabs" in (await drive.context.capture()).parts


async def test_cookies_that_can_not_be_read_are_as_they_were(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.value("document.cookie = 'a=1'; 0")
    before = await drive.context.capture()

    async def never(_: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(Saving, "_save_cookies", never)
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 1.0)
    state = await drive.context.capture()
    assert ("cookies", "") in told(state)
    assert state.parts["cookies"] is before.parts["cookies"]


async def test_a_state_with_parts_that_can_not_be_read_is_seeded_all_the_same(
    drive: Driving, site: Site
) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    parts = {
        name: Part(name, data, "")
        for name, data in [(f"local {site.origin}", deep), ("session t1", b"{")]
    }
    drive.context._reach.part(Saving).seed(State(parts))
    await drive.open("/form")
    await drive.value("localStorage.setItem('a', '1'); 0")
    state = await drive.context.capture()
    assert entries(state, f"local {site.origin}") == {"a": "1"}


async def test_fields_have_the_origin_of_their_frame(drive: Driving, site: Site) -> None:
    await drive.open("/frames")
    fill = (
        "document.body.innerHTML += '<input id=kept>';document.querySelector('#kept').value = 'x'"
    )
    page = drive.context._tabs.active.page
    inner = next(frame for frame in page.frames if frame.name == "cross")
    opaque = await page.evaluate_handle(
        "() => new Promise(done => { const f = document.createElement('iframe');"
        " f.sandbox = 'allow-scripts'; f.srcdoc = '<p>apart'; f.onload = () => done(f);"
        " document.body.append(f) })"
    )
    element = opaque.as_element()
    assert element is not None
    apart = await element.content_frame()
    assert apart is not None
    await apart.evaluate(fill)
    await inner.evaluate(fill)
    await page.evaluate(
        "const kept = Object.assign(document.createElement('input'), {id: 'outer', value: 'x'});"
        " document.body.append(kept); self.origin = 'http://bank.test'"
    )
    state = await drive.context.capture()
    (tab,) = state.value("tabs")["tabs"]
    found = {(tuple(f["frame"]), f["path"], f["origin"]) for f in tab["fields"]}
    other = site.other_origin("").rstrip("/")
    assert {origin for _, path, origin in found if path == "#kept"} == {other, "null"}
    assert ((), "#outer", site.origin) in found


HELD_UP = """async () => {
  const opened = request => new Promise(done => { request.onsuccess = () => done(request.result) })
  const asked = indexedDB.open('held', 1)
  asked.onupgradeneeded = () => asked.result.createObjectStore('loose')
  window.holder = await opened(asked)
  const write = holder.transaction('loose', 'readwrite')
  write.objectStore('loose').put('x', 1)
  await new Promise(done => { write.oncomplete = done })
  window.waiting = indexedDB.open('held', 2)
  window.over = new Promise(done => { waiting.onsuccess = () => {
    waiting.result.close(); done() } })
  await new Promise(done => { waiting.onblocked = done })
}"""


async def test_a_database_that_its_page_holds_up_is_told_and_not_asked_for_until_it_is_heard_of(
    drive: Driving, site: Site, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "READ_BOUND", 2.0)
    await drive.open("/form")
    await drive.value(put("other", "write.objectStore('loose').put(1, 'a')"))
    await drive.value(HELD_UP)
    state = await drive.context.capture(thorough=True)
    assert [loss.why for loss in state.losses] == ["held: the page holds it up"]
    assert [each["name"] for each in state.value(f"databases {site.origin}")] == ["other"]
    asked.clear()
    again = await drive.context.capture()
    assert changed(state, again) == set()
    assert again.losses == state.losses
    assert asked == []
    thorough = await drive.context.capture(thorough=True)
    assert thorough.losses == state.losses
    assert '"skip": ["held"]' in asked[0]
    await drive.value("async () => { holder.close(); await over }")
    with anyio.fail_after(10):
        while (state := await drive.context.capture()).losses:  # noqa: ASYNC110 - it is told late
            await anyio.sleep(0.02)
    names = {each["name"]: each["version"] for each in state.value(f"databases {site.origin}")}
    assert names == {"held": 2, "other": 1}


async def test_a_capture_ends_though_the_reader_never_does(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    before = await drive.context.capture()
    await drive.value(put("one", "write.objectStore('loose').put(2, 'a')"))

    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(holdings, "ask_long", never)
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 1.0)
    with anyio.fail_after(10):
        state = await drive.context.capture()
    assert told(state) == {("indexed_db", site.origin)}
    name = f"databases {site.origin}"
    assert state.parts[name] is before.parts[name]
    monkeypatch.undo()
    assert changed(before, await drive.context.capture()) == {name}


READ = """async () => {
  let got = 0
  const real = IDBObjectStore.prototype.getAll
  IDBObjectStore.prototype.getAll = function (...args) {
    const request = real.apply(this, args)
    request.addEventListener('success', () => { got += request.result.length })
    return request
  }
  const reader = (%s)('token')
  const asked = {names: null, skip: [], most: %d, time: 30000}
  const {lost} = JSON.parse(await reader.databases(asked))
  IDBObjectStore.prototype.getAll = real
  return [got, lost]
}"""


async def test_of_a_database_that_is_too_large_no_more_than_the_bound_is_read(
    drive: Driving, site: Site, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    many = "for (let i = 0; i < 500; i++) write.objectStore('loose').put('x'.repeat(20000), i)"
    await drive.value(put("large", many))
    got, lost = await drive.value(READ % (script_text("saving.js"), 100_000))
    assert lost == [["large", "too large"]]
    assert got < 100
    monkeypatch.setattr(holdings, "MOST_USAGE", 1000)
    state = await drive.context.capture()
    assert [(loss.where, loss.why) for loss in state.losses] == [(site.origin, "too large")]
    assert asked == []


FOLDERS = """async () => {
  let folder = await navigator.storage.getDirectory()
  for (let i = 0; i < %d; i++) {
    const names = [...Array(%d).keys()].map(n => `${n}`.padStart(%d, 'm'))
    await Promise.all(names.map(name => folder.getDirectoryHandle(name, {create: true})))
    folder = await folder.getDirectoryHandle('n'.repeat(%d), {create: true})
  }
}"""


async def test_folders_too_deep_in_one_another_are_told(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(file("a.txt", "x"))
    await drive.value(FOLDERS % (70, 0, 0, 1))
    state = await drive.context.capture()
    deepest = "/".join(["n"] * 64)
    assert told(state) == {("files", f"{site.origin}/{deepest}")}
    paths = [each["path"] for each in state.value(f"files {site.origin}")]
    assert len(paths) == 65
    assert "a.txt" in paths


async def test_more_names_of_files_than_the_bound_are_cut_and_what_is_kept_of_them_is_short(
    drive: Driving, site: Site, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "READ_BOUND", 30.0)
    await drive.open("/form")
    await drive.value(FOLDERS % (40, 16, 200, 200))
    state = await drive.context.capture()
    assert ("files", site.origin) in told(state)
    name = f"files {site.origin}"
    assert 100 < len(state.value(name)) < 40 * 17
    assert len(state.parts[name].data) < 3_000_000
    origin = drive.context._reach.part(Saving)._hearing.origins[site.origin]
    assert len(origin.stamp) < 100
    again = await drive.context.capture()
    assert again.parts[name] is state.parts[name]
    assert again.losses == state.losses


async def test_files_that_take_too_long_are_told_and_left_alone_for_a_while(
    drive: Driving, site: Site, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await drive.value(FOLDERS % (3, 10, 5, 1))
    monkeypatch.setattr(holdings, "READ_BOUND", 1e-9)
    state = await drive.context.capture()
    assert [(loss.where, loss.why) for loss in state.losses] == [
        (site.origin, "there was no time to read it")
    ]
    asked.clear()
    assert (await drive.context.capture()).losses == state.losses
    assert [call for call in asked if call.startswith("files")] == []
    monkeypatch.setattr(holdings, "READ_BOUND", 30.0)
    state = await drive.context.capture(thorough=True)
    assert state.losses == ()
    assert len(state.value(f"files {site.origin}")) == 33


async def test_of_a_lost_browser_a_capture_is_still_refused(drive: Driving) -> None:
    await drive.open("/form")
    await drive.context._context.close()
    with pytest.raises(BrowserLost):
        await drive.context.capture()
