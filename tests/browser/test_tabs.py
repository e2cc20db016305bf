"""Tabs, popups and dialogs."""

import pytest

from agent_browser.errors import PageCrashed
from agent_browser.models.functions import SnapshotInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


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


async def test_dialogs_are_answered_and_told(drive: Driving) -> None:
    await drive.open("/dialogs")
    done = await drive.act("click", drive.ref('"Alert"'))
    assert [(d.type, d.message, d.response) for d in done.dialogs] == [
        ("alert", "Hello from alert", "accepted")
    ]
    done = await drive.act("click", drive.ref('"Confirm"'))
    assert [(d.type, d.response) for d in done.dialogs] == [("confirm", "dismissed")]
    done = await drive.act("click", drive.ref("Three"))
    assert [d.message for d in done.dialogs] == ["one", "two", "three"]
    assert (await drive.snapshot()).dialogs == []
    assert "confirm: false" in await drive.log()


async def test_a_dialog_on_load_does_not_stop_the_open(drive: Driving) -> None:
    answer = await drive.open("/dialog-on-load")
    assert [d.message for d in answer.dialogs] == ["before anything else"]


async def test_leaving_a_page_with_a_draft_is_accepted(drive: Driving) -> None:
    await drive.open("/beforeunload")
    await drive.act("type", "css=#draft", text="unsaved")
    done = await drive.act("click", drive.ref("Leave"))
    assert "/popup" in done.url
    assert [d.type for d in done.dialogs] == ["beforeunload"]


async def test_alerts_without_end_cost_only_the_page(drive: Driving) -> None:
    await drive.open("/alert-loop")
    await drive.act("click", drive.ref("Start"))
    for _ in range(50):
        try:
            await drive.act("wait", wait_ms=100)
        except PageCrashed:
            break
    with pytest.raises(PageCrashed):
        await drive.context.snapshot(SnapshotInput())
    assert (await drive.open("/form")).status == 200


async def test_a_page_that_alerts_in_a_loop_can_be_left_at_any_time(drive: Driving) -> None:
    for _ in range(3):
        await drive.open("/alert-loop?now")
        await drive.snapshot()
        assert (await drive.open("/form", timeout=5)).status == 200


async def test_a_page_that_closes_itself_says_so_until_another_is_opened(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.value("document.cookie = 'kept=1'")
    await drive.value("void window.open('/closing')")
    await drive.act("tab_switch", tab="t2")
    await drive.act("tab_close", tab="t1")
    done = await drive.act("click", drive.ref("Close this page"))
    assert done.success, done.message
    assert done.message == "the page closed itself"
    with pytest.raises(PageCrashed, match="closed itself"):
        await drive.snapshot()
    assert (await drive.open("/form")).status == 200
    assert "kept=1" in str(await drive.value("document.cookie"))
