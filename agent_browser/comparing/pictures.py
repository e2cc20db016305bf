"""How two pictures differ, as a number and as a picture. Pure, and fast: Pillow does all of it."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from agent_browser.models.functions import Box, Clip
from agent_browser.pixels import Region, count, differing, without

_RED, _BLUE, _YELLOW = (214, 30, 44), (120, 160, 220), (245, 200, 66)
_PALE = 0.25
"""How much of b is seen behind the difference."""
_GREYS = 63
"""The last of the greys, which is white."""
_RAMP = [round(255 - 255 * _PALE * (1 - grey / _GREYS)) for grey in range(_GREYS + 1)]
_PALETTE = [*(level for level in _RAMP for _ in range(3)), *_RED, *_YELLOW, *_BLUE]


@dataclass(frozen=True)
class Compared:
    """The difference of two pictures."""

    pixels: int
    counted: int
    width: int
    height: int
    same_size: bool
    box: Clip | None
    picture: bytes | None
    """PNG; None where nothing differs."""

    @property
    def ratio(self) -> float:
        """0 to 1."""
        return self.pixels / self.counted if self.counted else 0.0


def compare(a: bytes, b: bytes, masks: Sequence[Box], *, tolerance: int, edges: bool) -> Compared:
    """Both from their upper left corners; where only one has pixels, they differ."""
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(_decoded, (a, b))
    sizes = first.size, second.size
    size = max(first.width, second.width), max(first.height, second.height)
    alone = _alone(size, *sizes)
    regions = [_region(mask, size) for mask in masks]
    mask = differing(_padded(first, size), _padded(second, size), tolerance=tolerance, edges=edges)
    for region in alone:
        mask.paste(255, region)
    without(mask, regions)
    masked = Image.new("L", size, 0)
    for region in regions:
        masked.paste(255, region)
    box = mask.getbbox()
    return Compared(
        pixels=count(mask),
        counted=size[0] * size[1] - count(masked),
        width=size[0],
        height=size[1],
        same_size=sizes[0] == sizes[1],
        box=None if box is None else _clip(box),
        picture=None if box is None else _painted(_padded(second, size), mask, masked, alone),
    )


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def _padded(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if picture.size == size:
        return picture
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture, (0, 0))
    return canvas


def _alone(size: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> list[Region]:
    """What only one of them has."""
    width, height = min(a[0], b[0]), min(a[1], b[1])
    right, below = (width, 0, size[0], size[1]), (0, height, width, size[1])
    return [region for region in (right, below) if region[0] < region[2] and region[1] < region[3]]


def _region(mask: Box, size: tuple[int, int]) -> Region:
    """All pixels that the mask touches, within the picture."""
    left, top = max(0, int(mask.x)), max(0, int(mask.y))
    right = min(size[0], -int(-(mask.x + mask.width) // 1))
    bottom = min(size[1], -int(-(mask.y + mask.height) // 1))
    return min(left, size[0]), min(top, size[1]), max(left, right), max(top, bottom)


def _clip(box: Region) -> Clip:
    return Clip.model_construct(x=box[0], y=box[1], width=box[2] - box[0], height=box[3] - box[1])


def _painted(
    behind: Image.Image, mask: Image.Image, masked: Image.Image, alone: Sequence[Region]
) -> bytes:
    """One byte a pixel: greys up to white, and three colours after them."""
    picture = behind.convert("L").point([_GREYS * grey // 255 for grey in range(256)])
    picture.paste(_GREYS + 1, (0, 0), mask)
    for region in alone:
        picture.paste(_GREYS + 2, region)
    picture.paste(_GREYS + 3, (0, 0), masked)
    picture.putpalette(_PALETTE)
    out = io.BytesIO()
    picture.save(out, "png", compress_level=1)
    return out.getvalue()
