"""Where two encoded pictures differ. Pure."""

import io
from collections.abc import Iterable

from PIL import Image, ImageChops, ImageFilter

Region = tuple[int, int, int, int]
"""Left, upper, right and lower edge."""


def differing_share(a: bytes, b: bytes) -> float:
    """The share of pixels that differ at all, 0 to 1; 1 for pictures of different sizes."""
    with Image.open(io.BytesIO(a)) as first, Image.open(io.BytesIO(b)) as second:
        if first.size != second.size:
            return 1.0
        mask = differing(first.convert("RGBA"), second.convert("RGBA"), tolerance=0)
    return count(mask) / max(1, mask.width * mask.height)


def small(data: bytes, most: int) -> bytes:
    """The picture as a jpeg, its longer side at most so many pixels."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((most, most))
    out = io.BytesIO()
    picture.save(out, "jpeg", quality=60)
    return out.getvalue()


def differing(a: Image.Image, b: Image.Image, *, tolerance: int, edges: bool = True) -> Image.Image:
    """A mask of the pixels whose strongest band differs by more than `tolerance` (0 to 254).

    Both pictures have one size and one mode. Without `edges`, a pixel whose colour lies between
    those around it in the other picture, both ways, counts as the same: so smoothed edges do.
    """
    mask = _strongest(ImageChops.difference(a, b)).point(_above(tolerance))
    box = mask.getbbox()
    if edges or box is None:
        return mask
    around = (
        max(0, box[0] - 1),
        max(0, box[1] - 1),
        min(mask.width, box[2] + 1),
        min(mask.height, box[3] + 1),
    )
    part_a, part_b = a.crop(around), b.crop(around)
    outside = ImageChops.lighter(
        _outside(part_a, part_b, tolerance), _outside(part_b, part_a, tolerance)
    )
    mask.paste(ImageChops.darker(mask.crop(around), outside), around[:2])
    return mask


def _outside(a: Image.Image, b: Image.Image, tolerance: int) -> Image.Image:
    """Pixels of `a` with a band that no mixture of the nine around them in `b` gives."""
    above = ImageChops.subtract(a, b.filter(ImageFilter.MaxFilter(3)))
    below = ImageChops.subtract(b.filter(ImageFilter.MinFilter(3)), a)
    return _strongest(ImageChops.lighter(above, below)).point(_above(tolerance))


def _above(tolerance: int) -> list[int]:
    return [255 if value > tolerance else 0 for value in range(256)]


def _strongest(difference: Image.Image) -> Image.Image:
    bands = difference.split()
    strongest = bands[0]
    for band in bands[1:]:
        strongest = ImageChops.lighter(strongest, band)
    return strongest


def without(mask: Image.Image, regions: Iterable[Region]) -> None:
    """Take these regions out of the mask."""
    for region in regions:
        mask.paste(0, region)


def count(mask: Image.Image) -> int:
    """How many pixels of it are set."""
    return mask.histogram()[255]
