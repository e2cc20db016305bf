"""Tabs and popups."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.errors import PageCrashed
from agent_browser.models.functions import ContextOptions
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


@pytest.fixture
async def small(executable: Path, site: Site) -> AsyncIterator[Driving]:
    """A context of a browser whose sessions may have three tabs."""
    async with Chromium(load(executable_path=executable, max_tabs=3)) as engine:
        browser = await engine.launch()
        yield Driving(await browser.new_context(ContextOptions()), site)
        await browser.close()


@pytest.mark.parametrize(
    "words", ["Link to a new tab that", "Open a window", "Send into a new tab"]
)
async def test_a_popup_is_told_and_does_not_take_over(drive: Driving, words: str) -> None:
    await drive.open("/popups")
    ref = next(item.ref for item in drive.elements if item.text.startswith(words))
    done = await drive.act("click", ref)
    assert done.url.endswith("/popups")
    assert [tab.id for tab in done.new_tabs] == ["t2"]
    assert done.new_tabs[0].opener == "t1"
    assert done.new_tabs[0].active is False
    switched = await drive.act("tab_switch", tab="t2")
    assert switched.success
    assert switched.url.startswith(drive.site.url("/"))
    assert not switched.url.endswith("/popups")


async def test_a_popup_that_closes_itself_leaves_the_opener_active(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.act("click", drive.ref("closes itself"))
    await drive.act("wait", text="popup says: closing now")
    await drive.act("wait", wait_ms=100)
    answer = await drive.snapshot()
    assert [tab.id for tab in answer.tabs] == ["t1"]


async def test_tabs_are_opened_switched_and_closed_and_no_id_comes_twice(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("tab_new", url=drive.site.url("/elements"))
    third = await drive.act("tab_new")
    assert [tab.id for tab in (await drive.snapshot()).tabs] == ["t1", "t2", "t3"]
    assert third.url == "about:blank"
    closed = await drive.act("tab_close", tab="t3")
    assert closed.url.endswith("/elements")
    assert (await drive.act("tab_switch", tab="t1")).url.endswith("/form")
    await drive.act("tab_new")
    assert [tab.id for tab in (await drive.snapshot()).tabs] == ["t1", "t2", "t4"]
    failed = await drive.act("tab_switch", tab="t3")
    assert (failed.success, failed.code) == (False, "unknown_tab")


async def test_a_page_that_closes_itself_says_so_until_another_is_opened(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.value("document.cookie = 'kept=1'")
    await drive.value("void window.open('/closing')")
    await drive.act("tab_switch", tab="t2")
    await drive.act("wait", text="closes itself when asked")  # `execute` waits for no window
    await drive.act("tab_close", tab="t1")
    done = await drive.act("click", drive.ref("Close this page"))
    assert done.success, done.message
    assert done.message == "the page closed itself"
    with pytest.raises(PageCrashed, match="closed itself"):
        await drive.snapshot()
    assert (await drive.open("/form")).status == 200
    assert "kept=1" in str(await drive.value("document.cookie"))


async def test_a_sign_in_window_of_another_site_tells_its_opener_and_closes(drive: Driving) -> None:
    await drive.open("/oauth")
    clicked = await drive.act("click", drive.ref("Sign in"))
    (consent,) = clicked.new_tabs
    assert consent.opener == "t1"
    assert consent.url == drive.site.other_origin("/oauth-consent")
    await drive.act("tab_switch", tab=consent.id)
    allowed = await drive.act("click", drive.ref("Allow"))
    assert allowed.success, allowed.message
    waited = await drive.act("wait", text="signed in with abc123")
    assert waited.success, waited.message
    assert waited.url.endswith("/oauth")
    assert [tab.id for tab in (await drive.act("tab_list")).tabs] == ["t1"]


async def test_tabs_are_listed_with_address_title_and_opener(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.act("click", drive.ref("knows its opener"))
    await drive.act("tab_new", url=drive.site.url("/form"))
    listed = await drive.act("tab_list", snapshot=False)
    assert listed.success
    assert [(tab.id, tab.title, tab.active, tab.opener) for tab in listed.tabs] == [
        ("t1", "Popups", False, None),
        ("t2", "Popup", False, "t1"),
        ("t3", "Form of all fields", True, None),
    ]
    assert [tab.url for tab in listed.tabs] == [
        drive.site.url("/popups"),
        drive.site.url("/popup?from=opener-link"),
        drive.site.url("/form"),
    ]


async def test_when_the_active_tab_closes_its_opener_takes_over_else_the_last(
    drive: Driving,
) -> None:
    await drive.open("/popups")
    await drive.act("tab_new", url=drive.site.url("/form"))
    await drive.act("tab_switch", tab="t1")
    await drive.act("click", drive.ref('Open a window"'))
    await drive.act("tab_new")
    assert [tab.id for tab in (await drive.snapshot()).tabs] == ["t1", "t2", "t3", "t4"]
    await drive.act("tab_switch", tab="t3")
    assert (await drive.act("tab_close")).tabs[0].active
    closed = await drive.act("tab_close", tab="t1")
    assert [(tab.id, tab.active) for tab in closed.tabs] == [("t2", False), ("t4", True)]


async def test_tabs_beyond_the_bound_are_refused_and_counted(small: Driving) -> None:
    await small.open("/popups")
    await small.value(
        "document.querySelector('#open').onclick = () => {"
        " for (let i = 0; i < 5; i++) window.open('about:blank'); }; 0"
    )
    clicked = await small.act("click", "css=#open")
    assert clicked.success, clicked.message
    assert clicked.refused_tabs == 3
    assert clicked.message == "3 more tabs were refused: a session may have 3"
    assert [tab.id for tab in clicked.new_tabs] == ["t2", "t3"]
    again = await small.act("tab_new")
    assert (again.success, again.code) == (False, "too_many_tabs")
    assert again.message == "a session may have 3 tabs open"
    assert again.refused_tabs == 0
    assert [tab.id for tab in (await small.snapshot()).tabs] == ["t1", "t2", "t3"]
    await small.act("tab_close", tab="t3")
    assert (await small.act("tab_new")).success


async def test_a_crashed_tab_is_replaced_where_there_may_be_no_more(small: Driving) -> None:
    await small.open("/form")
    await small.act("tab_new")
    await small.act("tab_new")
    session = await small.context._tabs.active.worlds.session()
    with anyio.move_on_after(0.5):
        await session.send("Page.crash")
    with anyio.fail_after(5), pytest.raises(PageCrashed):
        await small.act("wait", text="never")
    assert (await small.open("/form")).status == 200
    assert [tab.id for tab in (await small.snapshot()).tabs] == ["t1", "t2", "t4"]


async def test_a_blank_window_that_its_opener_writes_into_can_be_read(drive: Driving) -> None:
    await drive.open("/popups")
    clicked = await drive.act("click", drive.ref("blank window"))
    assert [tab.opener for tab in clicked.new_tabs] == ["t1"]
    switched = await drive.act("tab_switch", tab="t2")
    assert switched.title == "Written"


async def test_a_window_opened_between_calls_is_listed_by_the_next(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.value("void setTimeout(() => window.open('/popup?from=later'), 50)")
    await drive.act("wait", wait_ms=300)
    assert [tab.id for tab in (await drive.snapshot()).tabs] == ["t1", "t2"]


async def test_actions_on_tabs_tell_the_title_of_the_active_one_as_it_is_now(
    drive: Driving,
) -> None:
    made = await drive.act("tab_new", url=drive.site.url("/form"), snapshot=False)
    assert made.title == "Form of all fields"
    assert [tab.title for tab in made.new_tabs] == ["Form of all fields"]
    await drive.value("void (document.title = 'Changed')")
    listed = await drive.act("tab_list", snapshot=False)
    assert (listed.title, listed.tabs[-1].title) == ("Changed", "Changed")


async def test_a_caller_that_closed_the_last_tab_is_not_told_that_it_closed_itself(
    drive: Driving,
) -> None:
    await drive.open("/form")
    await drive.act("tab_close")
    assert (await drive.act("tab_list")).message == "no tab is open any more"
    with pytest.raises(PageCrashed, match="no tab is open any more"):
        await drive.snapshot()
    assert (await drive.act("tab_new", url=drive.site.url("/form"))).success
