"""A picture that shows the same as the last is not kept again."""

import io
from pathlib import Path

import pytest
from PIL import Image

from agent_browser.models.functions import ScreenshotInput
from agent_browser.session.pictures import Last, Pictures
from tests.fakes.keeping import FakeKeeping

pytestmark = pytest.mark.anyio


class Counting(FakeKeeping):
    """Counts how often a file's bytes were asked for."""

    loads = 0

    async def load(self, owner: str, artifact_id: str) -> bytes:
        self.loads += 1
        return await super().load(owner, artifact_id)


def png(colour: str, spot: str | None = None) -> bytes:
    picture = Image.new("RGB", (10, 10), colour)
    if spot is not None:
        picture.putpixel((5, 5), (255, 0, 0))
    out = io.BytesIO()
    picture.save(out, "png")
    return out.getvalue()


@pytest.fixture
def keeping(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


async def kept(keeping: Counting, pictures: Pictures, data: bytes) -> Last:
    artifact = await keeping.put(
        data, owner="o", session_id="s", content_type="image/png", filename="p.png"
    )
    last = Last(artifact, 10, 10)
    pictures.remember(ScreenshotInput(), last)
    return last


async def test_the_same_bytes_are_told_without_reading_the_file(keeping: Counting) -> None:
    pictures = Pictures(keeping, "o")
    last = await kept(keeping, pictures, png("white"))
    assert await pictures.unchanged(ScreenshotInput(if_changed=True), png("white")) is last
    assert keeping.loads == 0


async def test_another_picture_is_compared_within_the_threshold(keeping: Counting) -> None:
    pictures = Pictures(keeping, "o")
    last = await kept(keeping, pictures, png("white"))
    spotted = png("white", "red")
    assert await pictures.unchanged(ScreenshotInput(if_changed=True), spotted) is None
    near = ScreenshotInput(if_changed=True, threshold=0.01)
    assert await pictures.unchanged(near, spotted) is last
    assert keeping.loads == 2


async def test_a_picture_that_was_erased_is_kept_anew(keeping: Counting) -> None:
    pictures = Pictures(keeping, "o")
    await kept(keeping, pictures, png("white"))
    await keeping.purge("s")
    for colour in ("white", "black"):
        assert await pictures.unchanged(ScreenshotInput(if_changed=True), png(colour)) is None
