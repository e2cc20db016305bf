"""What pages are told of the browser that shows them, changed in a session in use."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.errors import DialogWaiting, InvalidRequest, OptionNeedsNewSession
from agent_browser.models.emulation import EmulateInput, EmulateOutput, Emulation
from agent_browser.models.functions import ContextOptions, OpenInput, ScreenshotInput
from agent_browser.models.recording import RecordInput
from tests.browser.driving import Driving
from tests.egress import proxies
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SELF = """[navigator.userAgent, navigator.language,
Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getTimezoneOffset()]"""
FORMAT = "(1234.5).toLocaleString()"
TOUCH = "[navigator.maxTouchPoints, matchMedia('(pointer: coarse)').matches]"
WORKER = f"""new Promise(r => {{ const w = new Worker(URL.createObjectURL(new Blob(
  [`onmessage = () => postMessage({SELF})`]))); w.onmessage = e => {{
    if (e.data[0] === 'Tester/9.0' && e.data[1] === 'de-CH') r(e.data); else w.postMessage(1); }};
  w.postMessage(1); }})"""
"""What a worker is told, once it is: a worker learns of a change as it begins."""
TOLD = ["Tester/9.0", "de-CH", "Asia/Tokyo", -540]
TELL = {"user_agent": "Tester/9.0", "locale": "de_CH", "timezone": "Asia/Tokyo"}
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36"


async def emulate(drive: Driving, **given: Any) -> Emulation:
    done = await drive.context.perform(EmulateInput.model_validate(given))
    assert isinstance(done.output, EmulateOutput)
    return done.output.emulation


@pytest.fixture(scope="module", params=["together", "isolated"])
async def each(
    request: pytest.FixtureRequest, engine: Chromium, isolating: Chromium
) -> AsyncIterator[ChromiumBrowser]:
    """A browser without, and one with site isolation."""
    browser = await (engine if request.param == "together" else isolating).launch()
    yield browser
    await browser.close()


async def framed(drive: Driving, url: str) -> Any:
    """What a frame at the address is told, once it is."""
    drive_frame = "new Promise(r => { const f = document.createElement('iframe'); f.src = %s;"
    drive_frame += " f.onload = () => r(1); document.body.append(f); })"
    await drive.value(drive_frame % json.dumps(url))
    frame = drive.context._tabs.active.page.frames[-1]
    await frame.wait_for_function("navigator.language === 'de-CH'")
    return await frame.evaluate(SELF)


async def popped_into(drive: Driving, url: str) -> Page:
    """Open a popup and go on in it."""
    before = {tab.id for tab in drive.context._tabs.open}
    page = drive.context._tabs.active.page
    async with page.expect_popup() as opening:
        await drive.value(f"void open({json.dumps(url)})")
    popup = await opening.value
    await popup.wait_for_load_state()
    (new,) = {tab.id for tab in drive.context._tabs.open} - before
    await drive.act("tab_switch", tab=new)
    return popup


async def popped_up(drive: Driving, url: str) -> None:
    """The same, once it is told."""
    popup = await popped_into(drive, url)
    await popup.wait_for_function("navigator.userAgent === 'Tester/9.0'")


async def test_a_session_in_use_is_told_and_so_is_all_that_it_opens(
    each: ChromiumBrowser, site: Site
) -> None:
    drive = Driving(await each.new_context(ContextOptions()), site)
    try:
        await drive.open("/form?before")
        said = await emulate(drive, **TELL)
        assert (said.user_agent, said.timezone) == ("Tester/9.0", "Asia/Tokyo")
        assert await drive.value(SELF) == TOLD
        assert await drive.value(FORMAT) == "1'234.5"
        assert await drive.value(WORKER) == TOLD
        await drive.open("/form?next")
        assert await drive.value(SELF) == TOLD
        assert await framed(drive, site.url("/form?frame")) == TOLD
        assert await framed(drive, site.other_origin("/form?far-frame")) == TOLD
        seen = (await drive.snapshot()).elements
        assert any("far-frame" in (item.frame or "") for item in seen)
        await popped_up(drive, site.url("/form?popup"))
        assert await drive.value(SELF) == TOLD
        await popped_up(drive, site.other_origin("/form?far-popup"))
        assert await drive.value(SELF) == TOLD
        await drive.act("tab_new", url=site.url("/form?tab"))
        assert await drive.value(SELF) == TOLD
    finally:
        await drive.context.close()
    sent = {
        next(iter(request.query)): (
            request.headers["user-agent"], request.headers.get("accept-language")
        )
        for request in site.asked("/form")
    }  # fmt: skip
    del sent["before"]
    assert set(sent.values()) == {("Tester/9.0", "de-CH")}, sent
    assert len(sent) == 6


async def test_what_one_tab_set_for_a_renderer_outlives_it(
    each: ChromiumBrowser, site: Site
) -> None:
    drive = Driving(await each.new_context(ContextOptions()), site)
    try:
        await drive.open("/form")
        await emulate(drive, **TELL)
        first = drive.context._tabs.active.id
        await popped_up(drive, site.url("/form?popup"))
        await drive.act("tab_close", tab=first)
        page = drive.context._tabs.active.page
        await page.wait_for_function(f"({SELF})[2] === 'Asia/Tokyo' && {FORMAT} !== '1,234.5'")
        await drive.context.open(OpenInput(url=site.other_origin("/form")))
        assert await drive.value(SELF) == TOLD
        await emulate(drive, locale="fr-FR", timezone="Europe/Paris")
        assert (await drive.value(SELF))[1:3] == ["fr-FR", "Europe/Paris"]
    finally:
        await drive.context.close()


async def test_a_later_open_changes_them_too(drive: Driving) -> None:
    await drive.open("/form")
    await drive.context.apply(ContextOptions(timezone="Asia/Tokyo", extra_headers={"X-A": "1"}))
    assert (await drive.value(SELF))[2] == "Asia/Tokyo"
    await drive.context.apply(ContextOptions(user_agent="Other/1"))
    await drive.context.apply(ContextOptions(extra_headers={"X-A": "2"}))
    await popped_into(drive, drive.site.url("/form?popup"))
    sent = drive.site.asked("/form")[-1].headers
    assert (sent["x-a"], sent["user-agent"]) == ("2", "Other/1")
    await emulate(drive, user_agent="Third/1")
    await drive.open("/form?again")
    sent = drive.site.asked("/form")[-1].headers
    assert (sent["x-a"], sent["user-agent"]) == ("2", "Third/1")


async def test_a_context_keeps_the_language_and_time_zone_that_it_was_made_with(
    chromium: ChromiumBrowser, site: Site
) -> None:
    made_with = ContextOptions(locale="de-CH", timezone="Asia/Tokyo", user_agent="Made/1")
    drive = Driving(await chromium.new_context(made_with), site)
    try:
        await drive.open("/form")
        await emulate(drive, locale="de-CH", user_agent="Tester/9.0")
        assert await drive.value(SELF) == TOLD
        assert await drive.value(WORKER) == TOLD
        await drive.open("/form?next")
        await popped_up(drive, site.url("/form?popup"))
        assert await drive.value(SELF) == TOLD
        for given in ({"locale": "fr-FR"}, {"timezone": "Europe/Paris"}):
            with pytest.raises(OptionNeedsNewSession, match="keeps what it was made with of "):
                await emulate(drive, **given)
    finally:
        await drive.context.close()
    sent = [request.headers["user-agent"] for request in site.asked("/form")]
    # A popup's first request is sent before anybody can tell the popup.
    assert sent == ["Made/1", "Tester/9.0", "Made/1"]


async def test_a_time_zone_that_is_none_is_refused_and_changes_nothing(drive: Driving) -> None:
    await drive.open("/form")
    before = await drive.value(SELF)
    with pytest.raises(InvalidRequest, match="timezone: no time zone 'Nowhere/Land'"):
        await emulate(drive, user_agent="Tester/9.0", timezone="Nowhere/Land")
    await drive.open("/form?again")
    assert await drive.value(SELF) == before
    said = await emulate(drive)
    assert (said.user_agent, said.locale, said.timezone) == (None, None, None)


async def test_a_dialog_in_another_tab_is_said_and_nothing_is_changed(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("tab_new", url=drive.site.url("/form?second"))
    async with drive.context._context.expect_event("dialog"):
        await drive.context._tabs.open[0].page.evaluate("void setTimeout(() => confirm('?'))")
    with pytest.raises(DialogWaiting):
        await emulate(drive, timezone="Asia/Tokyo")
    await drive.act("dialog", accept=True)
    assert (await emulate(drive)).timezone is None


async def test_client_hints_change_with_the_user_agent(drive: Driving) -> None:
    hints = "navigator.userAgentData?.brands.map(b => b.brand + b.version).at(-1) ?? null"
    await emulate(drive, user_agent=CHROME)
    await drive.open("/form?chrome")
    assert await drive.value(hints) == "Google Chrome120"
    await emulate(drive, user_agent="Tester/9.0")
    await drive.open("/form?none")
    assert await drive.value(hints) is None
    await emulate(drive, user_agent=CHROME)
    await drive.open("/form?chrome")
    assert await drive.value(hints) == "Google Chrome120"
    brands = [request.headers.get("sec-ch-ua", "") for request in drive.site.asked("/form")]
    assert ["Google Chrome" in each for each in brands] == [True, False, True]


async def test_touch_comes_and_goes_and_outlives_pictures(drive: Driving) -> None:
    await drive.open("/form")
    assert await drive.value(TOUCH) == [0, False]
    assert (await emulate(drive, has_touch=True)).has_touch is True
    assert await drive.value(TOUCH) == [1, True]
    await drive.context.screenshot(ScreenshotInput(full_page=True))
    assert await drive.value(TOUCH) == [1, True]
    await drive.act("tab_new", url=drive.site.other_origin("/form"))
    assert await drive.value(TOUCH) == [1, True]
    await emulate(drive, has_touch=False)
    await drive.open("/form?again")
    assert await drive.value(TOUCH) == [0, False]


async def test_scripts_of_pages_stop_and_run_again(each: ChromiumBrowser, site: Site) -> None:
    drive = Driving(await each.new_context(ContextOptions()), site)
    page = "data:text/html,<title>no</title><script>document.title = 'ran'</script>"

    async def titles() -> list[str]:
        opened = await drive.context.open(OpenInput(url=page))
        await drive.act("tab_new", url=page)
        return [opened.title, await drive.value("document.title")]

    try:
        assert (await emulate(drive, javascript_enabled=False)).javascript_enabled is False
        assert await titles() == ["no", "no"]
        assert (await emulate(drive, javascript_enabled=True)).javascript_enabled is True
        assert await titles() == ["ran", "ran"]
    finally:
        await drive.context.close()


async def test_what_a_context_was_made_without_for_good_is_a_conflict(
    chromium: ChromiumBrowser, site: Site
) -> None:
    for made_with, given in (
        (ContextOptions(javascript_enabled=False), {"javascript_enabled": True}),
        (ContextOptions(has_touch=True), {"has_touch": False}),
        (ContextOptions(device="iPhone 15"), {"has_touch": False}),
        (ContextOptions(), {"device": "iPhone 15"}),
        (ContextOptions(), {"device_scale_factor": 2}),
        (ContextOptions(), {"is_mobile": True}),
    ):
        drive = Driving(await chromium.new_context(made_with), site)
        try:
            with pytest.raises(OptionNeedsNewSession, match=next(iter(given))):
                await emulate(drive, **given)
        finally:
            await drive.context.close()


async def test_a_name_and_a_password_are_given_later_and_taken_back(
    chromium: ChromiumBrowser, site: Site
) -> None:
    right = b"Basic " + base64.b64encode(b"bob:hunter2")

    async def asks(
        proxy: proxies.Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        told = right in await reader.readuntil(b"\r\n\r\n")
        first = b"200 OK" if told else b'401 No\r\nWWW-Authenticate: Basic realm="x"'
        page = b"<title>in</title>" if told else b"<title>out</title>"
        head = b"\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % len(page)
        writer.write(b"HTTP/1.1 " + first + head + b"Connection: close\r\n\r\n" + page)
        await writer.drain()

    drive = Driving(await chromium.new_context(ContextOptions()), site)
    try:
        async with proxies.listening(asks) as server, proxies.listening(asks) as other:
            url, elsewhere = (f"http://127.0.0.1:{each.port}" for each in (server, other))
            assert (await drive.context.open(OpenInput(url=url))).status == 401
            credentials = {"username": "bob", "password": "hunter2"}
            said = await emulate(drive, http_credentials=credentials)
            assert said.http_credentials is not None
            assert "hunter2" not in said.model_dump_json()
            assert await (await popped_into(drive, url)).title() == "in"
            assert (await drive.context.open(OpenInput(url=url))).status == 200
            assert (await emulate(drive, http_credentials="none")).http_credentials is None
            assert (await drive.context.open(OpenInput(url=elsewhere))).status == 401
            # The browser itself keeps what a site has taken.
            assert (await drive.context.open(OpenInput(url=url))).status == 200
    finally:
        await drive.context.close()


async def test_a_place_is_taken_away(drive: Driving) -> None:
    await drive.open("/form")
    place = {"latitude": 47, "longitude": 8}
    where = "new Promise(r => navigator.geolocation.getCurrentPosition("
    where += "p => r(p.coords.latitude), e => r(`error ${e.code}`)))"
    await emulate(drive, geolocation=place, permissions=["geolocation"])
    assert await drive.value(where) == 47
    assert (await emulate(drive, geolocation="none")).geolocation is None
    assert await drive.value(where) == "error 2"


async def test_the_mouse_is_shown_from_now_on_and_no_more(drive: Driving, tmp_path: Path) -> None:
    async def picture() -> bytes:
        await drive.act("hover", x=300, y=200)
        return (await drive.context.screenshot(ScreenshotInput(type="png"))).data

    await drive.open("/empty")
    without = await picture()
    await emulate(drive, show_cursor=True)
    assert await picture() != without
    await drive.act("tab_new", url=drive.site.url("/empty"))
    assert await picture() != without
    await emulate(drive, show_cursor=False)
    assert await picture() == without
    await drive.context.perform(RecordInput(action="start", cursor=True), recordings=tmp_path)
    await emulate(drive, show_cursor=True)
    await drive.context.perform(RecordInput(action="stop"))
    assert await picture() != without, "what a recording shows of it ends; the session's stays"
