"""What is in a video file, decoded by ffmpeg: its frames, and its metadata."""

import io
import subprocess
from pathlib import Path

from PIL import Image

from agent_browser.browser import ffmpeg


def _ran(*arguments: str) -> bytes:
    program = ffmpeg.find()
    assert program is not None
    command = [str(program), "-nostdin", "-v", "error", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b"", done.stderr.decode()
    return done.stdout


def frame(video: Path, seconds: float) -> Image.Image:
    """The picture that the video shows then."""
    arguments = ["-ss", f"{seconds:.3f}", "-i", str(video), "-frames:v", "1"]
    shown = _ran(*arguments, "-f", "image2pipe", "-c:v", "png", "-")
    return Image.open(io.BytesIO(shown)).convert("RGB")


def last(video: Path) -> Image.Image:
    """The picture that the video ends with."""
    arguments = ["-i", str(video), "-vf", f"select=eq(n\\,{count(video) - 1})", "-frames:v", "1"]
    shown = _ran(*arguments, "-f", "image2pipe", "-c:v", "png", "-")
    return Image.open(io.BytesIO(shown)).convert("RGB")


def darkest(video: Path, box: tuple[int, int, int, int]) -> int:
    """The least grey, of 255, that any of its frames has in a part: left, upper, right, lower."""
    left, upper, right, lower = box
    part = f"crop={right - left}:{lower - upper}:{left}:{upper},format=gray"
    return min(_ran("-i", str(video), "-vf", part, "-f", "rawvideo", "-"))


def count(video: Path) -> int:
    """How many frames it has, decoded to its end. Fails on a file that is cut off."""
    lines = _ran("-i", str(video), "-map", "0:v", "-f", "framemd5", "-").decode().splitlines()
    return sum(not line.startswith("#") for line in lines)


def titles(video: Path) -> list[str]:
    """The chapters' titles, as a player reads them."""
    text = _ran("-i", str(video), "-f", "ffmetadata", "-").decode()
    _, *chapters = text.split("[CHAPTER]")
    return [
        line.removeprefix("title=")
        for chapter in chapters
        for line in chapter.splitlines()
        if line.startswith("title=")
    ]


def colour(picture: Image.Image, x: float, y: float) -> tuple[int, int, int]:
    """The colour at a place given as parts of width and height."""
    at = picture.getpixel((int(x * picture.width), int(y * picture.height)))
    assert isinstance(at, tuple)
    red, green, blue = at
    return int(red), int(green), int(blue)


def is_like(one: tuple[int, int, int], other: tuple[int, int, int], tolerance: int = 40) -> bool:
    """Whether two colours are the same but for what encoding does."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def is_there(video: Path) -> bool:
    """Whether a player finds pictures in it, though it may be cut off."""
    program = ffmpeg.find()
    assert program is not None
    command = [str(program), "-nostdin", "-v", "quiet", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return sum(not line.startswith(b"#") for line in done.stdout.splitlines()) > 10
