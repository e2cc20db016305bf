"""Compares two pages: both screenshots side by side in one picture, and how their texts differ.

python examples/compare_two_pages.py https://example.com https://example.org comparison.png
"""

import difflib
import io
import os
import sys
import time
from typing import Any

import httpx
from PIL import Image, ImageChops

SERVER = os.environ.get("AGENT_BROWSER_URL", "http://127.0.0.1:7070")
KEY = os.environ.get("AGENT_BROWSER_API_KEY")
NOTICEABLE = 16  # of 255: how far a colour must be from the other to count as different


def post(
    client: httpx.Client, path: str, body: dict[str, Any], accept: str = "application/json"
) -> httpx.Response:
    """The answer. A server that is full says when to come back; any other error is raised."""
    for _ in range(5):
        answer = client.post(path, json=body, headers={"Accept": accept})
        if "retry-after" not in answer.headers:
            break
        time.sleep(float(answer.headers["retry-after"]))
    if answer.is_error:
        raise RuntimeError(answer.json()["detail"])
    return answer


def look(client: httpx.Client, url: str) -> tuple[Image.Image, list[str]]:
    """A page's picture and the lines of its text."""
    body = {"session": "new", "input": {"url": url, "wait_until": "load"}}
    session = f"/v1/sessions/{post(client, '/v1/functions/open', body).json()['session_id']}"
    try:
        picture = post(client, f"{session}/screenshot", {}, accept="image/png").content
        text = post(client, f"{session}/execute", {"code": "document.body.innerText"}).json()
    finally:
        client.post(f"{session}/close")
    return Image.open(io.BytesIO(picture)).convert("RGB"), (text["result"] or "").splitlines()


def differing(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ, 0 to 1; where only one picture has pixels, they do."""
    size = (max(one.width, other.width), max(one.height, other.height))
    padded = [Image.new("RGBA", size) for _ in range(2)]
    for canvas, picture in zip(padded, (one, other), strict=True):
        canvas.paste(picture, (0, 0))
    bands = ImageChops.difference(*padded).split()
    strongest = bands[0]
    for band in bands[1:]:
        strongest = ImageChops.lighter(strongest, band)
    return sum(strongest.histogram()[NOTICEABLE:]) / (size[0] * size[1])


def side_by_side(one: Image.Image, other: Image.Image) -> Image.Image:
    """Both pictures in one, with a line between them."""
    gap = 8
    canvas = Image.new(
        "RGB", (one.width + gap + other.width, max(one.height, other.height)), "#c0392b"
    )
    canvas.paste(one, (0, 0))
    canvas.paste(other, (one.width + gap, 0))
    return canvas


def main(a: str, b: str, output: str = "comparison.png") -> int:
    """Writes the picture and prints the differences; the exit code is 0 either way."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    with httpx.Client(base_url=SERVER, headers=headers, timeout=120) as client:
        picture_a, text_a = look(client, a)
        picture_b, text_b = look(client, b)
    side_by_side(picture_a, picture_b).save(output)
    print(f"{output}: {differing(picture_a, picture_b):.2%} of the pixels differ")
    for line in difflib.unified_diff(text_a, text_b, a, b, lineterm=""):
        print(line)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (RuntimeError, httpx.HTTPError) as exc:
        sys.exit(f"error: {exc}")
