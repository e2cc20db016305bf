"""A page is asked for little, and what changes though nobody told of it is saved all the same."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from playwright.async_api import CDPSession, Route

from agent_browser.browser import saving, standing
from agent_browser.browser.chromium import Chromium
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.saving import Saving
from agent_browser.browser.weights import Usage
from agent_browser.models.checkpoints import State
from agent_browser.models.functions import ContextOptions
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

NEW_DOCUMENT = "Page.createIsolatedWorld"
WEIGHT = "Storage.getUsageAndQuota"
BY_WORKER = """code => new Promise((done, failed) => {
  const script = `(${code})().then(() => postMessage(0), error => { throw error })`
  const worker = new Worker(URL.createObjectURL(new Blob([script])))
  worker.onmessage = () => { worker.terminate(); done() }
  worker.onerror = failed
})"""


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(standing, "WEIGHED_BOUND", 5.0)
    context.on_change(lambda: None)
    return Driving(context, site)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pages are asked for by the protocol, from now on."""
    methods: list[str] = []
    real = CDPSession.send

    async def send(session: CDPSession, method: str, *args: Any, **named: Any) -> Any:
        methods.append(method)
        return await real(session, method, *args, **named)

    monkeypatch.setattr(CDPSession, "send", send)
    return methods


async def asked(drive: Driving, sent: list[str], *, thorough: bool = False) -> list[str]:
    sent.clear()
    state = await drive.context.capture(thorough=thorough)
    assert state.losses == ()
    return sorted(sent)


def by_worker(code: str) -> str:
    return f"async () => {{ await ({BY_WORKER})({code!r}) }}"


def databases(state: State, site: Site) -> list[str]:
    return [each["name"] for each in state.value(f"databases {site.origin}", [])]


async def test_a_page_is_asked_once_and_the_browser_for_what_no_page_knows(
    drive: Driving, sent: list[str]
) -> None:
    await drive.open("/form")
    evaluate, history = "Runtime.evaluate", "Page.getNavigationHistory"
    follow = "Storage.trackIndexedDBForOrigin"
    assert await asked(drive, sent) == [history, evaluate, evaluate, follow]
    await asked(drive, sent)  # to follow an origin's databases may tell of them once
    assert await asked(drive, sent) == [evaluate]
    assert await asked(drive, sent, thorough=True) == [history, evaluate, evaluate]
    await drive.open("/list")
    assert await asked(drive, sent) == [history, evaluate]


async def test_a_page_that_nobody_looked_at_gets_a_world_of_ours(
    drive: Driving, sent: list[str]
) -> None:
    await drive.open("/form", snapshot=False)
    await drive.context.capture()
    await drive.value("localStorage.a = '1'; location.assign('/list'); 0")
    await drive.context._tabs.active.page.wait_for_url("**/list")
    assert NEW_DOCUMENT in await asked(drive, sent)
    tabs = (await drive.context.capture()).value("tabs")["tabs"]
    assert tabs[0]["url"] == drive.site.url("/list")
    assert NEW_DOCUMENT not in await asked(drive, sent)


async def test_the_first_database_of_a_page_is_saved_though_there_was_none(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    assert databases(await drive.context.capture(), site) == []
    await drive.value(put("first", "write.objectStore('loose').put(1, 'a')"))
    assert databases(await drive.context.capture(), site) == ["first"]
    await drive.value(
        "new Promise(done => { indexedDB.deleteDatabase('first').onsuccess = () => done(0) })"
    )
    assert databases(await drive.context.capture(thorough=True), site) == []


@pytest.mark.parametrize(
    "code",
    [
        "new Promise(done => { indexedDB.open('a').onsuccess = e => { window.h = e; done(0) } })",
        "new Promise(done => { indexedDB.open('a').onupgradeneeded = () => done(0) })",
        by_worker("() => new Promise(done => { indexedDB.open('a').onsuccess = done })"),
    ],
    ids=["empty and held", "being made", "of a worker"],
)
@pytest.mark.parametrize("thorough", [False, True], ids=["usual", "thorough"])
async def test_a_database_that_is_there_before_the_first_capture_is_saved_however_small(
    drive: Driving, site: Site, code: str, thorough: bool
) -> None:
    await drive.open("/form")
    await drive.value(code)
    assert databases(await drive.context.capture(thorough=thorough), site) == ["a"]


async def test_what_a_worker_stores_between_two_captures_is_saved(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    before = await drive.context.capture()
    await drive.value(by_worker(file("deep/note", "of a worker")))
    await drive.value(by_worker("() => new Promise(d => { indexedDB.open('w').onsuccess = d })"))
    after = await drive.context.capture()
    assert (before.value(f"files {site.origin}"), databases(before, site)) == (None, [])
    assert [each["path"] for each in after.value(f"files {site.origin}")] == ["deep", "deep/note"]
    assert databases(after, site) == ["w"]


async def test_cookies_that_answers_and_pages_set_between_two_captures_are_saved(
    drive: Driving,
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(headers={"Set-Cookie": "told=1; HttpOnly"}, body="")

    await drive.context._context.route("**/set", answer)
    await drive.open("/form")
    assert (await drive.context.capture()).value("cookies") is None
    await drive.value("fetch('/set', {method: 'POST'}).then(() => { document.cookie = 'own=2' })")
    cookies = (await drive.context.capture()).value("cookies")
    assert {c["name"]: c["httpOnly"] for c in cookies} == {"own": False, "told": True}
    await drive.value("document.cookie = 'own=; max-age=0'")
    assert [c["name"] for c in (await drive.context.capture()).value("cookies")] == ["told"]


async def test_a_frame_that_comes_and_goes_between_two_captures_is_read_while_it_is_there(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.context.capture()
    other = site.origin.replace("127.0.0.1", "localhost")
    page = drive.context._tabs.active.page
    async with page.expect_event("framenavigated", lambda frame: "localhost" in frame.url):
        await drive.value(f"""() => {{
          window.made = document.body.appendChild(document.createElement('iframe'))
          made.src = '{other}/form' }}""")
    frame = next(frame for frame in page.frames if "localhost" in frame.url)
    await frame.wait_for_load_state()
    await frame.evaluate("localStorage.a = 'framed'; document.querySelector('input').value = 'F'")
    state = await drive.context.capture()
    assert state.value(f"local {other}") == [{"name": "a", "value": "framed"}]
    assert [field["frame"] for field in state.value("tabs")["tabs"][0]["fields"]] == [[0]]
    await drive.value("made.remove(); 0")
    state = await drive.context.capture()
    assert state.value(f"local {other}") == [{"name": "a", "value": "framed"}]
    assert state.value("tabs")["tabs"][0]["fields"] == []


async def test_a_database_that_was_heard_of_is_saved_though_nobody_counts_it_yet(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = staticmethod(lambda weight: Usage(0, 0, 0))
    await drive.open("/form")
    await drive.context.capture()
    monkeypatch.setattr(Usage, "told", light)
    await drive.value(put("new", "write.objectStore('loose').put(1, 'a')"))
    assert databases(await drive.context.capture(), site) == ["new"]


async def test_a_database_that_is_counted_late_and_was_never_heard_of_is_saved_all_the_same(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = staticmethod(lambda weight: Usage(0, 0, 0))
    await drive.open("/form")
    await drive.value(put("old", "write.objectStore('loose').put(1, 'a')"))
    monkeypatch.setattr(Usage, "told", light)
    assert databases(await drive.context.capture(), site) == ["old"]


async def test_a_database_of_a_frame_is_saved_however_little_its_site_has_elsewhere(
    drive: Driving, site: Site
) -> None:
    await drive.open("/frames", wait_until="load")
    frame = next(f for f in drive.context._tabs.active.page.frames if f.name == "cross")
    await frame.evaluate(put("framed", "write.objectStore('loose').put(1, 'a')"))
    state = await drive.context.capture()
    other = site.origin.replace("127.0.0.1", "localhost")
    assert [each["name"] for each in state.value(f"databases {other}")] == ["framed"]
    assert databases(state, site) == []


async def test_a_document_that_is_of_no_origin_for_all_its_address_has_no_storage(
    drive: Driving, site: Site
) -> None:
    async def answer(route: Route) -> None:
        kept = "Content-Security-Policy"
        await route.fulfill(headers={kept: "sandbox allow-scripts"}, body="<title>apart</title>")

    await drive.open("/form")
    await drive.value("localStorage.a = '1'; 0")
    await drive.context._context.route("**/apart", answer)
    await drive.open("/apart")
    for _ in range(2):
        state = await drive.context.capture()
        assert state.losses == ()
        assert state.value(f"local {site.origin}") == [{"name": "a", "value": "1"}]
        assert state.value("tabs")["tabs"][0]["title"] == "apart"


async def test_a_page_that_keeps_no_promise_is_asked_for_what_it_answers_at_once(
    drive: Driving, site: Site, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "WEIGHED_BOUND", 0.0)
    await drive.open("/form")
    await drive.value(put("kept", "write.objectStore('loose').put(1, 'a')"))
    await drive.value(file("note", "kept too"))
    await drive.value("localStorage.a = '1'; 0")
    assert WEIGHT in await asked(drive, sent, thorough=True)
    state = await drive.context.capture()
    assert databases(state, site) == ["kept"]
    assert [each["path"] for each in state.value(f"files {site.origin}")] == ["note"]
    assert state.value(f"local {site.origin}") == [{"name": "a", "value": "1"}]


async def test_two_who_ask_for_the_frames_at_once_are_told_the_same(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    frames = drive.context._reach.part(Saving).frames(drive.context._tabs.active)
    found: list[int] = []

    async def count() -> None:
        found.append(len(await frames.all()))

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        group.start_soon(count)
    assert found[0] > 1
    assert found == [found[0]] * 2


async def test_what_reads_is_never_in_the_world_of_a_page_that_came_after(
    isolating: Chromium, site: Site
) -> None:
    browser = await isolating.launch()
    made = await browser.new_context(ContextOptions())
    made.on_change(lambda: None)
    drive, other = Driving(made, site), site.origin.replace("127.0.0.1", "localhost")
    try:
        seen: Callable[[], Any] = lambda: drive.value(  # noqa: E731
            "Object.keys(window).filter(name => /agentBrowser/i.test(name))"
        )
        for origin in (other, site.origin, other):
            await drive.open("/form")
            await drive.value(f"location.assign('{origin}/list'); 0")  # in another renderer
            await made._tabs.active.page.wait_for_url(f"{origin}/list")
            state = await made.capture()
            assert state.losses == ()
            assert state.value("tabs")["tabs"][0]["url"] == f"{origin}/list"
            assert await seen() == []
    finally:
        await made.close()
        await browser.close()
