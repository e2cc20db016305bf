"""Pictures: of the view, of an element, of the whole document; with numbered boxes if asked for."""

import base64
import io

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from playwright.async_api import CDPSession, Locator, Page

from agent_browser.models.functions import Element, ScreenshotInput
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


async def of_page(page: Page, input: ScreenshotInput, milliseconds: float) -> bytes:
    """The whole document."""
    return await page.screenshot(
        full_page=True, type=input.type, quality=quality_of(input), timeout=milliseconds
    )


async def of_element(locator: Locator, input: ScreenshotInput, milliseconds: float) -> bytes:
    """One element, scrolled into view."""
    return await locator.screenshot(
        type=input.type, quality=quality_of(input), timeout=milliseconds
    )


def measured(data: bytes, input: ScreenshotInput) -> Image:
    """The picture with its own size."""
    with Pillow.open(io.BytesIO(data)) as opened:
        width, height = opened.size
    return Image(data, f"image/{input.type}", width, height)


def annotated(
    data: bytes, input: ScreenshotInput, elements: list[Element], scale: float, scroll: float
) -> bytes:
    """The picture with a numbered box around each element; the numbers are the refs' numbers."""
    with Pillow.open(io.BytesIO(data)) as opened:
        drawn = opened.convert("RGB")
    draw = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(size=12 * max(scale, 1))
    for item in elements:
        if item.box is None:
            continue
        left, top = item.box.x * scale, (item.box.y + scroll) * scale
        right, bottom = left + item.box.width * scale, top + item.box.height * scale
        if right <= 0 or bottom <= 0 or left >= drawn.width or top >= drawn.height:
            continue
        number = item.ref.removeprefix("@e")
        colour = _COLOURS[int(number) % len(_COLOURS)]
        draw.rectangle((left, top, right, bottom), outline=colour, width=max(1, round(2 * scale)))
        x, y, r, b = draw.textbbox((0, 0), number, font=font)
        at = max(0, left), max(0, top - (b - y) - 4)
        draw.rectangle((at[0], at[1], at[0] + (r - x) + 6, at[1] + (b - y) + 4), fill=colour)
        draw.text((at[0] + 3 - x, at[1] + 2 - y), number, fill="white", font=font)
    out = io.BytesIO()
    quality = quality_of(input)
    drawn.save(out, input.type, **({} if quality is None else {"quality": quality}))
    return out.getvalue()
