"""From two looks to what is different between them. Pure; it takes a while, so in a thread."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent_browser.comparing import lines, pictures
from agent_browser.comparing.logs import consoles, missing, traffic
from agent_browser.comparing.looks import MEASURES, Look
from agent_browser.models.comparing import (
    CompareInput,
    CompareOutput,
    PictureDifference,
    StatusDifference,
    TextDifference,
    Timing,
)
from agent_browser.models.functions import Box
from agent_browser.reading.outline import outline_of
from agent_browser.reading.text import text_of
from agent_browser.reading.tree import parsed
from agent_browser.reading.until import TooSlow, Until

SECONDS = 10.0
"""Time for reading one page's HTML."""


@dataclass
class Found:
    """The differences, and the picture of one."""

    output: CompareOutput
    picture: bytes | None = None
    parts: list[bool] = field(default_factory=list)


def compared(input: CompareInput, a: Look, b: Look) -> Found:
    """All that was asked for."""
    output = CompareOutput(same=True, a=a.report, b=b.report)
    found = Found(output)
    if a.image is not None and b.image is not None:
        output.screenshot, found.picture = _pictures(input, a, b)
        found.parts.append(output.screenshot.pixels == 0)
    if "elements" in input.what:
        output.elements = lines.elements(a.elements, b.elements, totals=(a.total, b.total))
        found.parts.append(output.elements.same)
    if a.page is not None and b.page is not None:
        _documents(input, a, b, found)
    if "status" in input.what:
        output.status = _status(input, a, b)
        found.parts.append(output.status.same)
    if "timing" in input.what:
        output.timing = {name: _timing(name, a, b) for name in MEASURES}
    if a.requests is not None and b.requests is not None:
        output.requests = traffic(a, b)
        sides = (("a", missing(a)), ("b", missing(b)))
        output.notes += [f"{name}: {note}" for name, note in sides if note is not None]
        found.parts.append(output.requests.same)
    if a.console is not None and b.console is not None:
        output.console = consoles(a, b)
        found.parts.append(output.console.same)
    output.same = all(found.parts)
    return found


def _pictures(input: CompareInput, a: Look, b: Look) -> tuple[PictureDifference, bytes | None]:
    assert a.image is not None
    assert b.image is not None
    boxes = [mask.box for mask in input.masks if mask.box is not None]
    given = [Box(**box.model_dump()) for box in boxes]
    made = pictures.compare(
        a.image.data,
        b.image.data,
        [*given, *a.image.masked, *b.image.masked],
        tolerance=input.tolerance,
        edges=not input.ignore_antialiasing,
    )
    notes = [f"{name}: {image.note}" for name, image in (("a", a.image), ("b", b.image))
             if image.note]  # fmt: skip
    if not made.same_size:
        notes.append(
            f"a has {a.image.width} by {a.image.height} px and b {b.image.width} by "
            f"{b.image.height}: what only one has counts as different"
        )
    difference = PictureDifference(
        ratio=round(made.ratio, 8),
        pixels=made.pixels,
        counted=made.counted,
        width=made.width,
        height=made.height,
        same_size=made.same_size,
        box=made.box,
        note="; ".join(notes) or None,
    )
    return difference, made.picture


def _documents(input: CompareInput, a: Look, b: Look, found: Found) -> None:
    """The differences of tree and text, both from the same HTML."""
    texts: list[list[str]] = []
    trees: list[list[str]] = []
    output = found.output
    try:
        for name, look in (("a", a), ("b", b)):
            assert look.page is not None
            root, until = parsed(relative(look.page.content or "", look.page.url)), Until(SECONDS)
            if "text" in input.what:
                texts.append(text_of(root, until).splitlines())
            if "tree" in input.what:
                trees.append(outline_of(root, until))
            if look.page.truncated:
                output.notes.append(f"{name}: {look.page.note}")
    except TooSlow:
        output.notes.append("reading the pages took too long: tree and text were not compared")
        found.parts.append(False)
        return
    output.text = _text(texts, input) if texts else None
    output.tree = _text(trees, input) if trees else None
    found.parts += [one.same for one in (output.text, output.tree) if one is not None]


def _text(sides: list[list[str]], input: CompareInput) -> TextDifference:
    return lines.unified(sides[0], sides[1], input.max_chars)


def relative(html: str, url: str) -> str:
    """The HTML with addresses of the page's own origin without it: two servers of one site are to
    be alike.
    """
    place = urlsplit(url)
    if place.scheme not in ("http", "https"):
        return html
    return html.replace(f'="{place.scheme}://{place.netloc}/', '="/')


def _status(input: CompareInput, a: Look, b: Look) -> StatusDifference:
    """Addresses count only where both sides were asked for the same."""
    output = StatusDifference(same=True)
    if a.report.status != b.report.status:
        output.differing.append("status")
    asked_the_same = input.a.url is not None and input.a.url == input.b.url
    if asked_the_same and a.report.url != b.report.url:
        output.differing.append("url")
    if a.report.title != b.report.title:
        output.differing.append("title")
    output.same = not output.differing
    return output


def _timing(name: str, a: Look, b: Look) -> Timing:
    one, other = a.timing.get(name), b.timing.get(name)
    both = one is not None and other is not None
    difference = round(other - one, 1) if both else None  # type: ignore[operator]  # both are
    return Timing(a=one, b=other, difference=difference)
