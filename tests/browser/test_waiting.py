"""The wait action."""

import time
from typing import Any

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


@pytest.mark.parametrize("name", ["same", "cross"])
async def test_text_and_elements_are_found_in_any_frame(drive: Driving, name: str) -> None:
    await drive.open("/frames", wait_until="load")
    for input in (
        {"text": f"Button in {name}"},
        {"selector": f'css=[aria-label="Field in {name}"]'},
        {"selector": f'css=[aria-label="Field in {name}"]', "state": "attached"},
    ):
        done = await drive.act("wait", **input)
        assert done.success, done.message
    for input in (
        {"text_gone": f"Button in {name}"},
        {"selector": f'css=[aria-label="Field in {name}"]', "state": "hidden"},
    ):
        failed = await drive.act("wait", timeout=0.3, **input)
        assert (failed.success, failed.code) == (False, "timeout")


async def test_a_frame_that_comes_while_waiting_is_looked_into(drive: Driving) -> None:
    await drive.open("/keyboard")
    await drive.value(
        LATER
        % (
            "const frame = document.createElement('iframe');"
            "frame.src = '/frame-inner?name=late'; document.body.append(frame)"
        )
    )
    done = await drive.act("wait", text="Button in late")
    assert done.success, done.message


async def test_text_is_gone_when_its_frame_is(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    await drive.value(LATER % "document.querySelector('[name=cross]').remove()")
    done = await drive.act("wait", text_gone="Button in cross")
    assert done.success, done.message


async def test_the_second_match_counts_when_the_first_is_hidden(drive: Driving) -> None:
    await drive.open("/keyboard")
    await drive.value(
        "document.body.insertAdjacentHTML('beforeend', '<i hidden>a</i><i id=b>b</i>')"
    )
    assert (await drive.act("wait", selector="css=i")).success
    await drive.value(LATER % "document.getElementById('b').remove()")
    assert (await drive.act("wait", selector="css=i", state="hidden")).success
    assert (await drive.act("wait", selector="css=i", state="detached", timeout=0.2)).code


async def test_all_conditions_share_one_deadline(drive: Driving) -> None:
    await drive.open("/keyboard")
    started = time.monotonic()
    failed = await drive.act(
        "wait", text="Keyboard and mouse", text_gone="Type here", function="false", timeout=0.5
    )
    assert failed.code == "timeout"
    assert time.monotonic() - started < 2
    await drive.value(LATER % "location.hash = 'there'; document.body.append('Later')")
    both = await drive.act("wait", url="**#there", text="Later", load_state="load")
    assert both.success, both.message


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"url": "**/elsewhere"}, "the page is at http"),
        ({"text": "Never"}, "no frame of the page at http"),
        ({"text_gone": "Keyboard and mouse"}, "still shows it"),
        ({"selector": "css=hr"}, "nothing matches it at http"),
        ({"selector": "css=head"}, "1 element matches it, not visible"),
        ({"selector": "css=h1", "state": "detached"}, "1 element matches it"),
        ({"function": "1 - 1"}, "it came to '0'"),
    ],
)
async def test_a_timeout_says_what_was_there_instead(
    drive: Driving, input: dict[str, Any], said: str
) -> None:
    await drive.open("/keyboard")
    failed = await drive.act("wait", timeout=0.2, **input)
    assert failed.code == "timeout"
    assert f"Timeout 200ms exceeded waiting for {next(iter(input))} '" in (failed.message or "")
    assert said in (failed.message or "")


async def test_what_is_wrong_with_a_condition_is_said_at_once(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    for input in ({"selector": "css=[["}, {"function": "nope("}):
        failed = await drive.act("wait", **input)
        assert failed.success is False
        assert failed.code != "timeout", failed.message


async def test_a_window_that_closes_while_waited_in_is_told(drive: Driving) -> None:
    await drive.open("/popups")
    await drive.act("click", "css=#open")
    assert (await drive.act("tab_switch", tab="t2")).success
    await drive.value("void setTimeout(() => window.close(), 200)")
    failed = await drive.act("wait", text="Never", load_state="load")
    assert (failed.success, failed.code) == (False, "tab_closed")
    assert failed.message == "t2 closed meanwhile; t1 is active now"
    assert failed.url.endswith("/popups")


@pytest.mark.parametrize(
    "url",
    ["**/keyboard", "/keyboard", "{}", "{}?a=b#c", "**/keyboard\\?a=b#*"],
)
async def test_a_page_is_where_a_glob_an_address_or_a_part_says(drive: Driving, url: str) -> None:
    await drive.open("/keyboard")
    address = drive.site.url("/keyboard").replace("http://", "HTTP://")
    if "?" in url:
        await drive.value("history.replaceState(0, '', '?a=b#c')")
    done = await drive.act("wait", url=url.format(address) if "{}" in url else url)
    assert done.success, done.message


@pytest.mark.parametrize("url", ["http://h", "/keyboar/", "**/{a", "*a" * 40])
async def test_a_page_is_not_where_it_is_not(drive: Driving, url: str) -> None:
    await drive.open("/keyboard")
    beginning = drive.site.url("/keyb")
    failed = await drive.act("wait", url=beginning if url == "http://h" else url, timeout=0.3)
    code = "invalid_input" if url.startswith("*") else "timeout"
    assert (failed.success, failed.code) == (False, code)


async def test_a_function_that_never_yields_is_ended_and_the_page_goes_on(drive: Driving) -> None:
    await drive.open("/keyboard")
    failed = await drive.act("wait", function="while (true) {}", timeout=0.3)
    assert (failed.success, failed.code) == (False, "timeout")
    assert "did not come to an end" in (failed.message or "")
    assert await drive.value("1 + 1") == 2


async def test_what_a_function_comes_to_stays_in_the_page(drive: Driving) -> None:
    await drive.open("/keyboard")
    assert (await drive.act("wait", function="'x'.repeat(4e8)", timeout=5)).success
    failed = await drive.act("wait", function="throw 'x'.repeat(4e8)", timeout=5)
    assert failed.code == "failed"
    assert len(failed.message or "") < 11_000


@pytest.mark.parametrize(
    "function",
    ["() => window", "await Promise.resolve(1)", "const a = 1; return a", "async () => 'yes'"],
)
async def test_a_function_is_read_as_execute_reads_it(drive: Driving, function: str) -> None:
    await drive.open("/keyboard")
    done = await drive.act("wait", function=function)
    assert done.success, done.message


async def test_a_function_is_waited_for_over_a_navigation(drive: Driving) -> None:
    await drive.open("/keyboard")
    await drive.value("setTimeout(() => { location.href = '/form' }, 200)")
    done = await drive.act("wait", function="location.pathname === '/form'")
    assert done.success, done.message


@pytest.mark.parametrize(
    ("input", "code", "words"),
    [
        ({"text": ""}, "invalid_input", "'text' is empty"),
        ({"text": []}, "invalid_input", "'text' is empty"),
        ({"text": ["Keyboard", ""]}, "invalid_input", "'text' is empty"),
        ({"text_gone": ""}, "invalid_input", "'text_gone' is empty"),
        ({"function": ""}, "invalid_input", "'function' is empty"),
        ({"state": "visible"}, "missing_input", "'selector' or 'ref' required"),
        ({"ref": "h1", "selector": "h2"}, "invalid_input", "'ref' and 'selector'"),
    ],
)
async def test_what_can_not_be_waited_for_is_said_at_once(
    drive: Driving, input: dict[str, Any], code: str, words: str
) -> None:
    await drive.open("/keyboard")
    failed = await drive.act("wait", **input)
    assert (failed.success, failed.code) == (False, code)
    assert words in (failed.message or "")


async def test_a_selector_in_ref_is_looked_for_in_frames_that_come(drive: Driving) -> None:
    await drive.open("/keyboard")
    frame = "Object.assign(document.createElement('iframe'), {srcdoc: '<hr>'})"
    await drive.value(LATER % f"document.body.append({frame})")
    done = await drive.act("wait", "css=hr", state="attached")
    assert done.success, done.message
    failed = await drive.act("wait", "css=h6", timeout=0.3)
    said = "Timeout 300ms exceeded waiting for ref 'css=h6'; nothing matches it"
    assert said in (failed.message or "")
