"""Pictures and their own sizes."""

import io

import pytest
from PIL import Image as Pillow

from agent_browser.errors import ActionFailed
from agent_browser.models.functions import ScreenshotInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


@pytest.mark.parametrize(
    ("kind", "magic"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")]
)
async def test_the_view_in_each_format(drive: Driving, kind: str, magic: bytes) -> None:
    await drive.open("/form")
    image = await drive.context.screenshot(ScreenshotInput.model_validate({"type": kind}))
    assert image.data.startswith(magic)
    assert (image.width, image.height) == (1280, 720)
    assert image.content_type == f"image/{kind}"


async def test_a_full_page_has_its_own_size(drive: Driving) -> None:
    await drive.open("/page-scroll")
    image = await drive.context.screenshot(ScreenshotInput(full_page=True))
    height = await drive.value("document.documentElement.scrollHeight")
    assert image.height == height > 720
    assert await drive.value("scrollY") == 0


async def test_an_element_by_ref_and_by_selector(drive: Driving) -> None:
    await drive.open("/keyboard")
    box = await drive.value(
        "(() => { const b = pad.getBoundingClientRect(); return [b.width, b.height]; })()"
    )
    for input in (
        ScreenshotInput(ref=drive.ref("Pad")),
        ScreenshotInput(selector="css=#pad"),
    ):
        image = await drive.context.screenshot(input)
        assert [image.width, image.height] == pytest.approx(box, abs=2)


async def test_a_target_that_is_not_there_says_so(drive: Driving) -> None:
    await drive.open("/keyboard")
    with pytest.raises(ActionFailed, match="Unknown ref"):
        await drive.context.screenshot(ScreenshotInput(ref="@e999"))


async def test_quality_makes_smaller_files(drive: Driving) -> None:
    await drive.open("/form")
    high = await drive.context.screenshot(ScreenshotInput(type="jpeg", quality=95))
    low = await drive.context.screenshot(ScreenshotInput(type="jpeg", quality=10))
    assert len(low.data) < len(high.data)


async def test_annotations_are_drawn_where_the_elements_are(drive: Driving) -> None:
    await drive.open("/keyboard")
    plain = await drive.context.screenshot(ScreenshotInput())
    marked = await drive.context.screenshot(ScreenshotInput(annotate=True))
    snapshot = await drive.snapshot(boxes=True)
    box = next(item.box for item in snapshot.elements if "Pad" in item.desc)
    assert box is not None
    with (
        Pillow.open(io.BytesIO(plain.data)) as before,
        Pillow.open(io.BytesIO(marked.data)) as after,
    ):
        edge = (round(box.x) + 1, round(box.y + box.height / 2))
        assert before.convert("RGB").getpixel(edge) != after.convert("RGB").getpixel(edge)
        assert before.size == after.size
    assert not await drive.value("document.documentElement.outerHTML.includes('annotat')")
