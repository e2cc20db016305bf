"""Going places, and what is said when a place can't be reached."""

import pytest

from agent_browser.errors import DeadlineExceeded, InvalidUrl, NavigationFailed, NotOpened
from agent_browser.models.functions import InteractInput, OpenInput, SnapshotInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_open_tells_status_title_and_where_it_came_to(drive: Driving) -> None:
    answer = await drive.open("/redirect?to=/form&times=2")
    assert answer.url.endswith("/form")
    assert answer.status == 200
    assert answer.title


@pytest.mark.parametrize("code", [404, 500])
async def test_an_error_page_is_an_answer_with_its_status(drive: Driving, code: int) -> None:
    answer = await drive.open(f"/status/{code}")
    assert answer.status == code


async def test_a_refused_connection_names_the_browsers_own_word(drive: Driving) -> None:
    with pytest.raises(NavigationFailed) as caught:
        await drive.context.open(OpenInput(url="http://127.0.0.1:9/"))
    assert caught.value.detail.startswith("Failed to open URL: net::ERR_")


async def test_another_page_can_be_opened_at_once_after_a_failure(drive: Driving) -> None:
    for _ in range(5):
        with pytest.raises(NavigationFailed):
            await drive.context.open(OpenInput(url="http://127.0.0.1:9/"))
        assert (await drive.open("/form")).status == 200


async def test_a_host_that_does_not_exist_is_a_failed_navigation(drive: Driving) -> None:
    with pytest.raises(NavigationFailed, match="net::ERR_"):
        await drive.context.open(OpenInput(url="http://nothing.invalid/"))


async def test_redirects_without_end_are_a_failed_navigation(drive: Driving) -> None:
    with pytest.raises(NavigationFailed, match="ERR_TOO_MANY_REDIRECTS"):
        await drive.open("/redirect-loop")


async def test_a_page_that_never_answers_ends_at_its_deadline(drive: Driving) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        await drive.open("/hang", timeout=0.5)
    assert caught.value.fields == {"deadline": "navigation", "seconds": 0.5}
    assert (await drive.open("/form")).status == 200


async def test_forbidden_schemes_are_refused_before_the_browser_is_asked(drive: Driving) -> None:
    for url in ("file:///etc/passwd", "javascript:alert(1)", "chrome://version"):
        with pytest.raises(InvalidUrl):
            await drive.context.open(OpenInput(url=url))
        failed = await drive.act("goto", url=url) if drive.context.opened else None
        assert failed is None or failed.code == "invalid_url"


async def test_nothing_can_be_done_before_a_page_is_opened(drive: Driving) -> None:
    with pytest.raises(NotOpened, match="Browser not started"):
        await drive.context.snapshot(SnapshotInput())
    with pytest.raises(NotOpened):
        await drive.context.interact(InteractInput(action="scroll"))


async def test_back_and_forward_go_through_the_history_and_say_where_it_ends(
    drive: Driving,
) -> None:
    await drive.open("/form")
    await drive.open("/elements")
    assert (await drive.act("back")).url.endswith("/form")
    ended = await drive.act("back")
    assert (ended.success, ended.code) == (False, "no_history")
    assert (await drive.act("forward")).url.endswith("/elements")
    assert (await drive.act("forward")).code == "no_history"


async def test_back_works_over_entries_of_one_document(drive: Driving) -> None:
    await drive.open("/spa")
    await drive.act("click", drive.ref('"List"'))
    done = await drive.act("back")
    assert done.success
    assert done.title == "View home"


async def test_reload_loads_again(drive: Driving) -> None:
    await drive.open("/keyboard")
    await drive.act("fill", "css=#field", text="x")
    assert (await drive.act("reload")).success
    assert await drive.value("document.getElementById('field').value") == ""


async def test_a_goto_that_fails_is_an_action_that_failed(drive: Driving) -> None:
    await drive.open("/form")
    failed = await drive.act("goto", url="http://127.0.0.1:9/")
    assert (failed.success, failed.code) == (False, "navigation_failed")
    assert (failed.message or "").startswith("Failed to open URL: net::ERR_")


async def test_a_click_that_leads_to_no_page_says_so(drive: Driving) -> None:
    await drive.open("/empty")
    await drive.value("document.body.innerHTML = '<a href=\"http://127.0.0.1:9/\">Nowhere</a>'")
    await drive.snapshot()
    failed = await drive.act("click", drive.ref("Nowhere"))
    assert (failed.success, failed.code) == (False, "navigation_failed")
    assert (failed.message or "").startswith("Failed to open URL: net::ERR_")


async def test_a_viewport_can_be_set_later(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("set_viewport", width=640, height=480)
    assert await drive.value("[innerWidth, innerHeight]") == [640, 480]
