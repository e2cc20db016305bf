"""After an action the page is given the time that it needs, and no more."""

import time

import pytest

from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_what_a_click_fetches_is_in_its_snapshot(drive: Driving) -> None:
    await drive.open("/late")
    done = await drive.act("click", drive.ref("Fetch and show"))
    assert done.snapshot is not None
    assert len(done.snapshot.elements) == 5, done.snapshot.elements_text


async def test_a_chain_of_fetches_that_ends_in_a_navigation_is_followed(drive: Driving) -> None:
    await drive.open("/late")
    done = await drive.act("click", drive.ref("Fetch twice"))
    assert done.url.endswith("/popup?from=chain")


async def test_a_link_is_followed_until_its_page_is_there(drive: Driving) -> None:
    await drive.open("/elements")
    done = await drive.act("click", drive.ref('"Link"'))
    assert done.url.endswith("/form")
    assert done.title == "Form of all fields" or done.title
    assert any(item.name == "Email" for item in drive.elements)


async def test_a_slow_page_is_waited_for(drive: Driving) -> None:
    await drive.open("/empty")
    await drive.value(
        f"document.body.innerHTML = '<a href=\"{drive.site.url('/slow?ms=700')}\">Slow</a>'"
    )
    await drive.snapshot()
    done = await drive.act("click", drive.ref("Slow"))
    assert "/slow" in done.url


async def test_pressing_enter_sends_the_form_and_waits_for_its_page(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("fill", "css=[name=name]", text="Ada")
    done = await drive.act("press", text="Enter")
    assert "/submitted" in done.url


async def test_a_click_that_starts_nothing_is_not_waited_for(drive: Driving) -> None:
    await drive.open("/keyboard")
    pad = drive.ref("Pad")
    await drive.act("click", pad)
    started = time.monotonic()
    for _ in range(5):
        await drive.act("click", pad)
    assert time.monotonic() - started < 1.0


async def test_a_request_that_never_ends_is_waited_for_within_the_bound_only(
    drive: Driving,
) -> None:
    await drive.open("/empty")
    await drive.value(
        "document.body.innerHTML = '<button>Hang</button>';"
        "document.querySelector('button').onclick = () => { fetch('/hang'); }"
    )
    await drive.snapshot()
    started = time.monotonic()
    done = await drive.act("click", drive.ref("Hang"))
    assert done.success
    assert time.monotonic() - started < 5.0


async def test_a_navigation_that_turns_into_a_download_leaves_the_page_there(
    drive: Driving,
) -> None:
    await drive.open("/downloads")
    done = await drive.act("click", drive.ref("Report"))
    assert done.success
    assert done.url.endswith("/downloads")
