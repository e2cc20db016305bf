"""The full browser, which asks for more than the headless shell, leaves by the proxy too."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.browser.egressing import serving
from tests.browser.test_egress_quiet import sent
from tests.browser.test_egress_webrtc import heard, trying
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture(scope="session")
def whole() -> Path:
    """The full browser."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("the full browser is not installed")
    return Path(found)


@pytest.fixture
async def full(whole: Path) -> AsyncIterator[ChromiumBrowser]:
    async with Chromium(load(executable_path=whole)) as engine:
        running = await engine.launch()
        yield running
        await running.close()


async def test_webrtc_sends_no_datagram(full: ChromiumBrowser, site: Site) -> None:
    async with heard() as (udp, port), serving() as far:
        refused = {"deny": [f"127.0.0.1:{far.port}"]}
        context = await full.new_context(ContextOptions.model_validate({"egress": refused}))
        await context.open(OpenInput(url=site.url("/form")))
        answer = await context.execute(ExecuteInput(code=trying(port, far)))
        assert (answer.value, answer.error) == (0, None)
        await context.close()
        assert (udp.came, far.connections) == ([], 0)


async def test_nobody_is_asked_about_the_fields_of_a_form(
    full: ChromiumBrowser, site: Site
) -> None:
    context = await full.new_context(ContextOptions())
    drive = Driving(context, site)
    await drive.open("/form", wait_until="load")
    for item in [item for item in drive.elements if item.input_type == "text"]:
        await drive.act("fill", item.ref, text="a")
    await drive.value("document.forms[0].requestSubmit(); 0")
    await anyio.sleep(2)  # forms are looked at some time after they came
    await context.close()
    assert {one.host for one in context.traffic.items} == {site.origin[7:]}


def test_it_sends_nothing_but_to_the_proxy(whole: Path) -> None:
    assert sent(whole, "ours") == []
