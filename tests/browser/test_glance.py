"""Opening without looking, and pages that want to be asked later."""

from datetime import UTC, datetime

import pytest

from agent_browser.browser.glance import seconds_of
from agent_browser.models.functions import OpenInput
from tests.browser.driving import Driving

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.anyio
@pytest.mark.browser
async def test_an_open_that_does_not_look_says_where_it_is_and_a_look_follows(
    drive: Driving,
) -> None:
    page = await drive.open("/form", snapshot=False)
    assert page.title == "Form of all fields"
    assert page.url == drive.site.url("/form")
    assert page.status == 200
    assert page.elements == []
    assert page.tabs[0].title == page.title
    assert (await drive.snapshot()).total > 0


@pytest.mark.anyio
@pytest.mark.browser
async def test_a_page_that_makes_a_trap_of_its_title_is_opened_all_the_same(
    drive: Driving,
) -> None:
    script = "Object.defineProperty(document, 'title', {get() { throw 1 }})"
    url = f"data:text/html,<title>T</title><script>{script}</script>"
    page = await drive.context.open(
        OpenInput(url=url, snapshot=False),
    )
    assert page.title == ""


@pytest.mark.anyio
@pytest.mark.browser
@pytest.mark.parametrize(("status", "asked"), [(429, 7.0), (503, 7.0), (404, None)])
async def test_a_page_that_wants_to_be_asked_later_says_when(
    drive: Driving, status: int, asked: float | None
) -> None:
    page = await drive.open(f"/status/{status}?retry_after=7", snapshot=False)
    assert page.retry_after == asked
    assert (await drive.open("/empty", snapshot=False)).retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 20 Nov 2026 09:31:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert seconds_of(text, NOW) == seconds
