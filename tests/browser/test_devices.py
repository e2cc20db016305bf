"""Devices, and what goes with a user agent: as a session was made, asked of its pages."""

from typing import Any

import pytest

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.models.emulation import EmulateInput, EmulateOutput
from agent_browser.models.functions import ContextOptions
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
HINTS = """navigator.userAgentData?.getHighEntropyValues(['platformVersion'])
.then(d => [d.platform, d.platformVersion, ...d.brands.map(b => b.brand + b.version)])"""


@pytest.mark.parametrize(
    ("options", "brands", "told"),
    [
        (
            {"user_agent": CHROME, "locale": "de-CH"},
            '"Not:A-Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"',
            ["macOS", "10.15.7", "Not:A-Brand8", "Chromium120", "Google Chrome120"],
        ),
        ({"user_agent": "Tester/1.0", "locale": "de-CH"}, None, None),
        ({"device": "iPhone 15"}, None, None),
    ],
)
async def test_client_hints_are_those_of_the_user_agent(
    chromium: ChromiumBrowser, site: Site, options: Any, brands: str | None, told: Any
) -> None:
    context = await chromium.new_context(ContextOptions.model_validate(options))
    try:
        drive = Driving(context, site)
        # Browsers send hints to trustworthy origins: https, and this machine.
        await drive.open("/form")
        assert await drive.value(f"(async () => await {HINTS} ?? null)()") == told
        await drive.value("fetch('/form?fetched').then(r => r.status)")
        await drive.act("tab_new", url=site.url("/form?tab"))
        assert await drive.value(f"(async () => await {HINTS} ?? null)()") == told
    finally:
        await context.close()
    for request in site.asked("/form"):
        assert request.headers.get("sec-ch-ua") == brands, request.query
        if "locale" in options:
            assert request.headers["accept-language"].startswith("de-CH")


SHOWN = """[navigator.maxTouchPoints, matchMedia('(pointer: coarse)').matches, innerWidth,
screen.width, devicePixelRatio, /iPhone/.test(navigator.userAgent)]"""


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, [0, False, 1280, 1280, 1, False]),
        # Without a viewport in the page, a phone lays it out 980 px wide.
        ({"device": "iPhone 15"}, [1, True, 980, 393, 3, True]),
        ({"device": "iPhone 15", "has_touch": False}, [0, False, 980, 393, 3, True]),
        ({"device": "iPhone 15", "is_mobile": False}, [1, True, 393, 393, 3, True]),
        ({"device": "iPhone 15", "device_scale_factor": 2}, [1, True, 980, 393, 2, True]),
        ({"is_mobile": True, "width": 400}, [0, False, 980, 400, 1, False]),
        ({"has_touch": True}, [1, True, 1280, 1280, 1, False]),
    ],
)
async def test_a_page_sees_the_device_and_what_is_given_beside_it(
    chromium: ChromiumBrowser, site: Site, options: dict[str, Any], shown: list[Any]
) -> None:
    drive = Driving(await chromium.new_context(ContextOptions.model_validate(options)), site)
    try:
        await drive.open("/empty")
        assert await drive.value(SHOWN) == shown
        done = await drive.context.perform(EmulateInput())
        await drive.act("tab_new", url=site.other_origin("/empty"))
        assert await drive.value(SHOWN) == shown
    finally:
        await drive.context.close()
    assert isinstance(done.output, EmulateOutput)
    said = done.output.emulation
    assert (bool(said.has_touch), said.device_scale_factor or 1) == (shown[1], shown[4])
    assert ("iPhone" in str(said.user_agent)) is shown[5]
