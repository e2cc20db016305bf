"""What origins hold that no page of a session shows any more."""

from typing import Any

import pytest

from agent_browser.browser import backstage, saving
from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.functions import ContextOptions
from agent_browser.models.network import RequestsInput
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.browser.test_saving import changed, entries, session
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 30.0)
    monkeypatch.setattr(saving, "WAITING_BOUND", 30.0)
    context.on_change(lambda: None)
    return Driving(context, site)


async def leave(drive: Driving, code: str = "0") -> None:
    """Do that in the page, which leaves for another origin at once."""
    other = drive.site.other_origin("/empty")
    await drive.value(f"async () => {{ await ({code}); location.href = '{other}' }}")
    done = await drive.act("wait", url=other)
    assert done.success, done.message


@pytest.mark.parametrize("is_captured_before", [False, True])
async def test_what_a_page_stored_just_before_it_was_left_is_saved(
    drive: Driving, site: Site, is_captured_before: bool
) -> None:
    await drive.open("/form")
    if is_captured_before:
        await drive.context.capture()
    await leave(drive, "localStorage.setItem('last', '1'), sessionStorage.setItem('last', '1')")
    state = await drive.context.capture()
    assert entries(state, f"local {site.origin}") == {"last": "1"}
    assert session(state, "t1", site.origin) == {"last": "1"}
    assert state.losses == ()


async def test_what_a_page_stored_while_it_was_being_left_is_saved(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.value(
        "addEventListener('pagehide', () => { localStorage.setItem('hide', '1');"
        " sessionStorage.setItem('hide', '1') }); 0"
    )
    await drive.context.capture()
    await leave(drive)
    state = await drive.context.capture(thorough=True)
    assert entries(state, f"local {site.origin}") == {"hide": "1"}
    assert session(state, "t1", site.origin) == {"hide": "1"}


async def test_databases_and_files_that_were_not_read_are_read_in_a_page_nobody_sees(
    drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.context.capture()
    await leave(drive, f"({put('one', 'write.objectStore(`loose`).put(1, `a`)')})()")
    state = await drive.context.capture()
    assert state.losses == ()
    (database,) = state.value(f"databases {site.origin}")
    assert database["name"] == "one"
    assert f"files {site.origin}" not in state.parts
    assert changed(state, await drive.context.capture()) == set()
    await drive.open("/form")
    await leave(drive, f"({file('a.txt', 'x')})()")
    after = await drive.context.capture()
    assert f"files {site.origin}" in changed(state, after)
    assert f"databases {site.origin}" not in changed(state, after)


async def test_an_origin_that_was_left_before_anybody_listened_is_visited(
    context: ChromiumContext, site: Site
) -> None:
    drive = Driving(context, site)
    await drive.open("/form")
    await drive.value("localStorage.setItem('early', '1'); 0")
    await leave(drive)
    # Nothing was listened to before the first capture, and this is it: the origin is not known.
    await context.capture()
    await drive.open("/empty")
    assert entries(await context.capture(), f"local {site.origin}") == {"early": "1"}


async def test_storage_given_to_the_session_is_saved_though_no_page_was_there(
    chromium: ChromiumBrowser, site: Site
) -> None:
    given = {
        "origins": [
            {"origin": "http://a.test", "localStorage": [{"name": "a", "value": "1"}]},
            {"origin": "http://b.test", "localStorage": [{"name": "b", "value": "2"}]},
        ]
    }
    options = ContextOptions.model_validate({"storage_state": given})
    for is_warm in (False, True):
        made = await chromium.new_context(ContextOptions() if is_warm else options)
        try:
            made.on_change(lambda: None)
            if is_warm:
                await made.apply(options)
            await Driving(made, site).open("/form")
            state = await made.capture()
            assert entries(state, "local http://a.test") == {"a": "1"}
            assert entries(state, "local http://b.test") == {"b": "2"}
        finally:
            await made.close()


async def test_a_visit_is_told_to_nobody(
    drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited: list[str] = []
    visit = backstage.Backstage.visit

    async def watched(stage: backstage.Backstage, origin: str) -> str:
        visited.append(origin)
        return await visit(stage, origin)

    monkeypatch.setattr(backstage.Backstage, "visit", watched)
    told: list[Any] = []
    drive.context.on_event(lambda kind, data: told.append((kind, data)))
    await drive.open("/form")
    await drive.context.perform(_network())
    await drive.value(
        "async () => { await navigator.serviceWorker.register('/sw.js');"
        " await navigator.serviceWorker.ready }"
    )
    await leave(drive, f"({put('one', '0')})()")
    await drive.value(
        "window.seen = []; for (const name of ['blur', 'focus', 'visibilitychange', 'pagehide',"
        " 'storage', 'message']) { addEventListener(name, e => seen.push(e.type));"
        " document.addEventListener(name, e => seen.push(e.type)) }; 0"
    )
    before = await drive.context.perform(_network())
    site.reset()
    told.clear()
    state = await drive.context.capture()
    assert visited == [site.origin]
    assert f"databases {site.origin}" in state.parts
    assert [loss.what for loss in state.losses] == ["service_worker"]
    assert site.requests == []
    assert told == []
    after = await drive.context.perform(_network())
    assert after.output == before.output
    assert [tab.id for tab in drive.context.page.tabs] == ["t1"]
    assert await drive.value("[seen, document.hasFocus(), document.visibilityState]") == [
        [],
        True,
        "visible",
    ]
    opened = await drive.act("tab_new")
    assert [tab.id for tab in opened.tabs] == ["t1", "t2"]
    assert len(drive.context._context.pages) == 2


def _network() -> Any:
    return RequestsInput()


async def test_a_state_that_was_brought_needs_no_visit(
    chromium: ChromiumBrowser, drive: Driving, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    await leave(drive, f"localStorage.setItem('a', '1'), ({put('one', '0')})()")
    state = await drive.context.capture()
    made = await chromium.new_context(ContextOptions())
    try:
        made._reach.part(saving.Saving).seed(state)
        monkeypatch.setattr(backstage, "opened", None)
        again = await made.capture()
        for name in (f"local {site.origin}", f"databases {site.origin}"):
            assert again.parts[name] is state.parts[name]
        assert again.losses == ()
    finally:
        await made.close()


async def test_origins_beyond_the_bound_are_told(
    drive: Driving, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    from agent_browser.browser import hearing

    monkeypatch.setattr(hearing, "MOST_ORIGINS", 1)
    await drive.open("/form")
    await leave(drive, "localStorage.setItem('a', '1')")
    await drive.value("localStorage.setItem('a', '2'); 0")
    state = await drive.context.capture()
    assert entries(state, f"local {site.origin}") == {"a": "1"}
    assert [loss.what for loss in state.losses] == ["local_storage"]
