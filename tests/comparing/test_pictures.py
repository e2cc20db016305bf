"""Differences of pictures."""

import io
import time

import pytest
from PIL import Image, ImageDraw

from agent_browser.comparing.pictures import Compared, compare
from agent_browser.models.functions import Box
from agent_browser.pixels import differing_share


def png(width: int = 100, height: int = 80, **square: int) -> bytes:
    picture = Image.new("RGB", (width, height), "white")
    if square:
        place = (square["x"], square["y"], square["x"] + 9, square["y"] + 9)
        ImageDraw.Draw(picture).rectangle(place, fill=(square.get("red", 0), 0, 0))
    out = io.BytesIO()
    picture.save(out, "png")
    return out.getvalue()


def difference(a: bytes, b: bytes, *masks: Box, tolerance: int = 16) -> Compared:
    return compare(a, b, masks, tolerance=tolerance, edges=True)


def colour(found: Compared, x: int, y: int) -> object:
    assert found.picture is not None
    with Image.open(io.BytesIO(found.picture)) as picture:
        return picture.convert("RGB").getpixel((x, y))


def test_pictures_that_are_alike_have_no_difference_and_no_picture_of_it() -> None:
    found = difference(png(x=5, y=5), png(x=5, y=5))
    assert (found.pixels, found.ratio, found.box, found.picture) == (0, 0.0, None, None)


def test_the_ratio_is_that_of_the_pixels_that_differ() -> None:
    found = difference(png(), png(x=20, y=30))
    assert (found.pixels, found.counted) == (100, 8000)
    assert found.ratio == 0.0125
    assert found.box is not None
    assert (found.box.x, found.box.y, found.box.width, found.box.height) == (20, 30, 10, 10)
    assert colour(found, 25, 35) == (214, 30, 44)
    assert colour(found, 5, 5) != (214, 30, 44)


def test_a_colour_within_the_tolerance_is_the_same() -> None:
    near, far = png(x=1, y=1, red=100), png(x=1, y=1, red=110)
    assert difference(near, far).pixels == 0
    assert difference(near, far, tolerance=9).pixels == 100


def test_what_is_masked_does_not_count_at_all() -> None:
    found = difference(png(), png(x=20, y=30), Box(x=20, y=30, width=5, height=10))
    assert (found.pixels, found.counted) == (50, 7950)
    assert colour(found, 21, 31) == (120, 160, 220)


@pytest.mark.parametrize("box", [(-50, -50, 10, 10), (500, 500, 10, 10), (-5, -5, 1e6, 1e6)])
def test_masks_beyond_the_picture_do_no_harm(box: tuple[float, float, float, float]) -> None:
    x, y, width, height = box
    found = difference(png(), png(x=1, y=1), Box(x=x, y=y, width=width, height=height))
    assert 0 <= found.pixels <= found.counted <= 8000
    assert found.ratio <= 1


def test_what_only_one_picture_has_differs() -> None:
    found = difference(png(100, 80), png(110, 60))
    assert (found.same_size, found.width, found.height) == (False, 110, 80)
    assert found.pixels == 110 * 80 - 100 * 60
    assert colour(found, 105, 10) == (245, 200, 66)


def test_smoothed_edges_that_moved_a_little_can_be_left_out() -> None:
    def line(shift: float) -> bytes:
        big = Image.new("RGB", (800, 800), "white")
        ImageDraw.Draw(big).line((0, shift * 8, 800, 400 + shift * 8), fill="black", width=40)
        out = io.BytesIO()
        big.resize((100, 100), Image.Resampling.LANCZOS).save(out, "png")
        return out.getvalue()

    a, b = line(0), line(0.2)
    strict = compare(a, b, [], tolerance=16, edges=True).pixels
    kind = compare(a, b, [], tolerance=16, edges=False).pixels
    assert kind < strict / 4
    assert compare(png(), png(x=20, y=30), [], tolerance=16, edges=False).pixels >= 64


def test_a_difference_of_two_views_is_fast() -> None:
    a, b = png(1280, 720, x=5, y=5), png(1280, 720, x=600, y=300)
    compare(a, b, [], tolerance=16, edges=True)
    began = time.process_time()
    compare(a, b, [], tolerance=16, edges=True)
    assert time.process_time() - began < 0.5


def test_the_share_of_pixels_of_other_sizes_is_all() -> None:
    assert differing_share(png(10, 20), png(20, 10)) == 1.0
    assert differing_share(png(), png(x=20, y=30)) == 0.0125
