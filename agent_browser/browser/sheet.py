"""Pictures of a film: its thumbnail, and a sheet of frames from all over it."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

THUMBNAIL = 480
"""Pixels of the longer side."""
TILE = 320
COLUMNS = 4
MOST_TILES = 12
_GAP = 8
_BACKGROUND = (24, 24, 27)
_FONT_SIZE = 14

Frames = Sequence[tuple[float, bytes]]
"""Seconds, and a JPEG."""
Form = tuple[int, int]
"""Width and height of the film that the frames are of; others get black sides in it."""


def thumbnail(frames: Frames, form: Form) -> bytes:
    """The frame with most to see in it, small, as JPEG."""
    _, frame = max(frames, key=lambda shown: len(shown[1]))
    return _jpeg(_fitted(frame, _within(form, THUMBNAIL)))


def contact_sheet(frames: Frames, form: Form) -> bytes:
    """Up to 12 frames in a grid, in order, each with its time, as JPEG."""
    chosen = spread(frames, MOST_TILES)
    width, height = size_of_tile = _within(form, TILE)
    tiles = [(seconds, _fitted(frame, size_of_tile)) for seconds, frame in chosen]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (_GAP + columns * (width + _GAP), _GAP + rows * (height + _GAP))
    sheet = Image.new("RGB", size, _BACKGROUND)
    for position, (seconds, tile) in enumerate(tiles):
        row, column = divmod(position, columns)
        x, y = _GAP + column * (width + _GAP), _GAP + row * (height + _GAP)
        sheet.paste(tile, (x, y))
        _label(sheet, clock(seconds), x, y + height)
    return _jpeg(sheet)


def spread(frames: Frames, most: int) -> list[tuple[float, bytes]]:
    """So many of them at most, evenly, with the first and the last."""
    if len(frames) <= most:
        return list(frames)
    last = len(frames) - 1
    return [frames[round(place * last / (most - 1))] for place in range(most)]


def clock(seconds: float) -> str:
    """A time in a film, such as 0:07.5 or 1:02:03."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02}:{int(rest):02}"
    return f"{minutes}:{int(rest * 10) / 10:04.1f}"


def _within(form: Form, longest: int) -> Form:
    """A size of that form, its longer side so long at most."""
    scale = min(1.0, longest / max(form))
    return max(1, round(form[0] * scale)), max(1, round(form[1] * scale))


def _fitted(frame: bytes, size: Form) -> Image.Image:
    picture = Image.open(io.BytesIO(frame))
    picture.draft("RGB", size)
    shown = ImageOps.contain(picture.convert("RGB"), size)
    whole = Image.new("RGB", size, "black")
    whole.paste(shown, ((size[0] - shown.width) // 2, (size[1] - shown.height) // 2))
    return whole


def _label(sheet: Image.Image, text: str, x: int, bottom: int) -> None:
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    left, top, right, low = draw.textbbox((0, 0), text, font=font)
    box = (x, bottom - (low - top) - 8, x + (right - left) + 10, bottom)
    draw.rectangle(box, fill=_BACKGROUND)
    draw.text((x + 5 - left, box[1] + 4 - top), text, fill=(255, 255, 255), font=font)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()
