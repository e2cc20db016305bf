"""Pictures as bytes: taken of the view, measured, and drawn on."""

import base64
import io
from collections.abc import Callable

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from playwright.async_api import CDPSession

from agent_browser.models.functions import Box, Element, Mark, ScreenshotInput
from agent_browser.service import Image

JPEG_QUALITY = 80
_COLOURS = ("#d32f2f", "#1976d2", "#388e3c", "#7b1fa2", "#e64a19", "#00796b")


def quality_of(input: ScreenshotInput) -> int | None:
    """The quality to encode with; png has none."""
    if input.type == "png":
        return None
    return JPEG_QUALITY if input.quality is None else input.quality


async def of_view(session: CDPSession, input: ScreenshotInput) -> bytes:
    """The visible part of the page, straight from the browser: no waiting for fonts, no hidden
    caret.
    """
    arguments: dict[str, object] = {"format": input.type, "optimizeForSpeed": True}
    quality = quality_of(input)
    if quality is not None:
        arguments["quality"] = quality
    answer = await session.send("Page.captureScreenshot", arguments)
    return base64.b64decode(answer["data"])


def measured(data: bytes, input: ScreenshotInput) -> Image:
    """The picture with its own size."""
    with Pillow.open(io.BytesIO(data)) as opened:
        width, height = opened.size
    return Image(data, f"image/{input.type}", width, height)


def legend(elements: list[Element], within: Callable[[Box], Box | None]) -> list[Mark]:
    """A mark for each element that is in the picture, in document order."""
    marks = []
    for item in elements:
        box = within(item.box) if item.box is not None else None
        if box is not None:
            number = int(item.ref.removeprefix("@e"))
            marks.append(Mark(number=number, ref=item.ref, desc=item.desc, box=box))
    return marks


def annotated(data: bytes, input: ScreenshotInput, marks: list[Mark], width: float) -> bytes:
    """The picture, `width` CSS pixels wide, with a numbered box around each element; the numbers
    are the refs' numbers.
    """
    with Pillow.open(io.BytesIO(data)) as opened:
        drawn = opened.convert("RGBA" if input.omit_background else "RGB")
    scale = drawn.width / width
    draw = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(size=12 * max(scale, 1))
    for mark in marks:
        left, top = mark.box.x * scale, mark.box.y * scale
        right, bottom = left + mark.box.width * scale, top + mark.box.height * scale
        number = str(mark.number)
        colour = _COLOURS[mark.number % len(_COLOURS)]
        draw.rectangle((left, top, right, bottom), outline=colour, width=max(1, round(2 * scale)))
        x, y, r, b = draw.textbbox((0, 0), number, font=font)
        at = max(0, left), max(0, top - (b - y) - 4)
        draw.rectangle((at[0], at[1], at[0] + (r - x) + 6, at[1] + (b - y) + 4), fill=colour)
        draw.text((at[0] + 3 - x, at[1] + 2 - y), number, fill="white", font=font)
    out = io.BytesIO()
    quality = quality_of(input)
    drawn.save(out, input.type, **({} if quality is None else {"quality": quality}))
    return out.getvalue()
