"""The wait action."""

import pytest

from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

LATER = "setTimeout(() => { %s }, 200)"


@pytest.mark.parametrize(
    ("change", "input"),
    [
        ("document.body.append('Here now')", {"text": "Here now"}),
        ("document.querySelector('h1').remove()", {"text_gone": "Keyboard and mouse"}),
        (
            "document.body.append(document.createElement('hr'))",
            {"selector": "css=hr", "state": "attached"},
        ),
        ("document.getElementById('pad').remove()", {"selector": "css=#pad", "state": "detached"}),
        ("location.hash = 'there'", {"url": "**/keyboard#there"}),
        ("window.ready = true", {"function": "window.ready === true"}),
    ],
)
async def test_a_condition_is_waited_for(
    drive: Driving, change: str, input: dict[str, str]
) -> None:
    await drive.open("/keyboard")
    await drive.value(LATER % change)
    done = await drive.act("wait", **input)
    assert done.success, done.message


@pytest.mark.parametrize(
    "input",
    [
        {"text": "Never"},
        {"text_gone": "Keyboard and mouse"},
        {"selector": "css=hr"},
        {"url": "**/elsewhere"},
        {"function": "false"},
    ],
)
async def test_a_condition_that_does_not_come_is_said_to_have_timed_out(
    drive: Driving, input: dict[str, str]
) -> None:
    await drive.open("/keyboard")
    failed = await drive.act("wait", timeout=0.3, **input)
    assert (failed.success, failed.code) == (False, "timeout")
    assert next(iter(input)) in (failed.message or "")


async def test_wait_ms_waits_and_load_states_are_reached(drive: Driving) -> None:
    await drive.open("/keyboard")
    assert (await drive.act("wait", wait_ms=10)).success
    assert (await drive.act("wait", load_state="load")).success
