"""Pictures and their own sizes."""

import io
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import ValidationError

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.shooting import Frame, fitted
from agent_browser.errors import ActionFailed, InvalidRequest
from agent_browser.models.functions import Clip, ContextOptions, OpenInput, ScreenshotInput
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


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"quality": 50}, "quality"),
        ({"quality": 0, "full_page": True}, "quality"),
        ({"type": "png", "quality": 100}, "quality"),
    ],
)
async def test_what_a_type_can_not_have_is_refused(
    drive: Driving, input: dict[str, Any], field: str
) -> None:
    await drive.open("/form")
    with pytest.raises(InvalidRequest) as refused:
        await drive.context.screenshot(ScreenshotInput(**input))
    assert [error["field"] for error in refused.value.fields["errors"]] == [field]


async def test_a_type_that_comes_later_than_the_rest_counts_too(drive: Driving) -> None:
    await drive.open("/form")
    asked = ScreenshotInput(omit_background=True).model_copy(update={"type": "jpeg"})
    with pytest.raises(InvalidRequest, match="omit_background"):
        await drive.context.screenshot(asked)
    asked = ScreenshotInput(quality=10).model_copy(update={"type": "jpeg"})
    assert (await drive.context.screenshot(asked)).data.startswith(b"\xff\xd8")


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


async def test_the_legend_names_what_the_numbers_are(drive: Driving) -> None:
    await drive.open("/keyboard")
    image = await drive.context.screenshot(ScreenshotInput(annotate=True))
    snapshot = await drive.snapshot(boxes=True)
    legend = {mark.ref: mark for mark in image.legend}
    assert set(legend) <= {item.ref for item in snapshot.elements}
    mark = legend[drive.ref("Pad")]
    element = next(item for item in snapshot.elements if item.ref == mark.ref)
    assert (f"@e{mark.number}", mark.desc) == (element.ref, element.desc)
    assert element.box is not None
    assert mark.box.model_dump() == pytest.approx(element.box.model_dump(), abs=0.1)


async def test_boxes_of_the_whole_page_are_where_the_elements_are_in_it(drive: Driving) -> None:
    await drive.open("/page-scroll")
    await drive.value("scrollTo(0, 300); 1")
    image = await drive.context.screenshot(ScreenshotInput(annotate=True, full_page=True))
    snapshot = await drive.snapshot(boxes=True)
    for mark in image.legend:
        box = next(item.box for item in snapshot.elements if item.ref == mark.ref)
        assert box is not None
        assert mark.box.y == pytest.approx(box.y + 300, abs=1)


async def test_a_clip_is_that_part_of_the_view(drive: Driving) -> None:
    await drive.open("/page-scroll")
    await drive.value("scrollTo(0, 200); 1")
    view = await drive.context.screenshot(ScreenshotInput())
    clip = Clip(x=10, y=20, width=300, height=100)
    part = await drive.context.screenshot(ScreenshotInput(clip=clip))
    assert (part.width, part.height) == (300, 100)
    with Pillow.open(io.BytesIO(view.data)) as whole, Pillow.open(io.BytesIO(part.data)) as cut:
        expected = whole.convert("RGB").crop((10, 20, 310, 120))
        assert cut.convert("RGB").tobytes() == expected.tobytes()


async def test_a_clip_outside_of_the_page_says_so(drive: Driving) -> None:
    await drive.open("/form")
    with pytest.raises(ActionFailed, match="outside of the 1280 by 720 px"):
        await drive.context.screenshot(ScreenshotInput(clip=Clip(x=5000, y=0, width=10, height=10)))


async def test_a_very_high_page_is_cut_with_a_note(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("set_viewport", width=300, height=200)
    await drive.value("{ document.body.style.height = '40000px'; 1 }")
    for kind in ("png", "webp"):
        input = ScreenshotInput.model_validate({"full_page": True, "type": kind})
        image = await drive.context.screenshot(input)
        assert image.height == 16383
        assert "one picture holds the first" in (image.note or "")
    rest = await drive.context.screenshot(
        ScreenshotInput(full_page=True, clip=Clip(x=0, y=39_000, width=300, height=16_000))
    )
    assert 900 < rest.height <= 1100


async def test_what_is_masked_is_painted_over_and_told(drive: Driving) -> None:
    await drive.open("/keyboard")
    image = await drive.context.screenshot(ScreenshotInput(mask=[drive.ref("Pad")]))
    (box,) = image.masked
    with Pillow.open(io.BytesIO(image.data)) as picture:
        middle = (round(box.x + box.width / 2), round(box.y + box.height / 2))
        assert picture.convert("RGB").getpixel(middle) == (255, 0, 255)


async def test_the_background_can_be_left_out(drive: Driving) -> None:
    await drive.context.open(OpenInput(url="data:text/html,<p>words"))
    for kind in ("png", "webp"):
        input = ScreenshotInput.model_validate({"omit_background": True, "type": kind})
        image = await drive.context.screenshot(input)
        with Pillow.open(io.BytesIO(image.data)) as picture:
            pixel = picture.convert("RGBA").getpixel((600, 600))
            assert isinstance(pixel, tuple)
            assert pixel[3] == 0


async def test_css_pixels_and_device_pixels(chromium: ChromiumBrowser, drive: Driving) -> None:
    context = await chromium.new_context(ContextOptions(device="iPhone 13"))
    try:
        await context.open(OpenInput(url=drive.site.url("/form")))
        device = await context.screenshot(ScreenshotInput())
        css = await context.screenshot(ScreenshotInput(scale="css"))
        assert device.width == 1170
        assert device.width > css.width
    finally:
        await context.close()


@pytest.mark.parametrize(
    "input",
    [
        {"ref": "@e1", "selector": "css=p"},
        {"ref": "@e1", "full_page": True},
        {"ref": "@e1", "clip": {"x": 0, "y": 0, "width": 1, "height": 1}},
        {"type": "jpeg", "omit_background": True},
        {"threshold": 0.5},
        {"clip": {"x": 0, "y": 0, "width": 0, "height": 1}},
    ],
)
def test_options_that_do_not_go_together_are_refused(input: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScreenshotInput.model_validate(input)


def test_a_picture_is_fitted_into_what_one_can_hold() -> None:
    for width, height, scale in ((1280, 99_999, 1), (16_384, 16_384, 1), (1280, 9_000, 3)):
        frame, note = fitted(Frame(0, 0, width, height, scale))
        assert frame.width * scale <= 16_383
        assert frame.height * scale <= 16_383
        assert frame.width * frame.height * scale**2 <= 64_000_000
        assert note is not None
    frame = Frame(0, 0, 1280, 720, 2)
    assert fitted(frame) == (frame, None)
