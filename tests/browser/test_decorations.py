"""What a recording draws into the page, on the real browser."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.browser import decorations, narration
from agent_browser.browser.context import ChromiumContext
from tests.browser import filming
from tests.browser.driving import Driving
from tests.browser.test_recorder import Camera

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

SECRET = "hunter2"
CORNER = (400, 0, 1280, 60)
"""Where words are shown."""


@pytest.fixture
def camera(context: ChromiumContext, tmp_path: Path) -> Camera:
    return Camera(context, tmp_path)


async def drawn(context: ChromiumContext) -> str:
    """All words that are laid over the page."""
    page = context._tabs.active.page
    session = await context._context.new_cdp_session(page)
    root = (await session.send("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
    await session.detach()
    return "\n".join(_texts(root, is_overlay=False))


def _texts(node: dict[str, Any], *, is_overlay: bool) -> list[str]:
    is_overlay = is_overlay or "x-pw-user-overlay" in node.get("attributes", [])
    own = [node["nodeValue"]] if is_overlay and node["nodeName"] == "#text" else []
    below = [*node.get("children", []), *node.get("shadowRoots", [])]
    return own + [text for child in below for text in _texts(child, is_overlay=is_overlay)]


async def test_an_actions_words_name_the_element_and_never_what_is_typed(
    context: ChromiumContext, drive: Driving, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decorations, "WORDS_TIME", 60_000)
    await drive.open("/login")
    await camera.do("start", show_actions=True)
    await drive.act("fill", drive.ref("password"), text=SECRET)
    await drive.act("type", text=SECRET)
    shown = await drawn(context)
    assert 'Fill "Password"' in shown
    assert SECRET not in shown
    await camera.stop()


async def test_no_other_words_of_an_action_come_into_the_video(
    drive: Driving, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narration, "words", lambda *_: None)
    await drive.open("/login")
    await camera.do("start", show_actions=True)
    await drive.act("fill", drive.ref("password"), text=SECRET)
    await drive.act("press", text="Tab")
    stopped = await camera.stop()
    assert filming.darkest(stopped.path, CORNER) > 240


async def test_words_are_in_the_video_and_go_by_themselves(
    context: ChromiumContext, drive: Driving, camera: Camera
) -> None:
    await drive.open("/login")
    await camera.do("start", show_actions=True)
    await drive.act("hover", drive.ref("password"))
    with anyio.fail_after(15):
        while "Hover" in await drawn(context):  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.05)
    stopped = await camera.stop()
    assert filming.darkest(stopped.path, CORNER) < 120


async def test_words_of_an_action_do_not_wait_for_a_page_that_can_not_show_them(
    context: ChromiumContext, drive: Driving, camera: Camera
) -> None:
    await drive.open("/login")
    await camera.do("start", show_actions=True)
    await drive.value("setTimeout(() => confirm('Sure?')); null")
    await drive.act("wait", text="never", timeout=0.2)
    answered = await drive.act("dialog", accept=True)
    assert answered.success
    await camera.stop()
