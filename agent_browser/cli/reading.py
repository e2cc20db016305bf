"""The commands that take pages away: read, pdf, compare."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.files import check_place
from agent_browser.cli.printing import note, page_line, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.comparing import CompareOutput, TextDifference
    from agent_browser.models.reading import ReadOutput

PANEL = "Pages"


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "read", rich_help_panel=PANEL)(read)
    client_command(app, "pdf", rich_help_panel=PANEL)(pdf)
    client_command(app, "compare", without=("session",), rich_help_panel=PANEL)(compare)


def read(
    target: Target,
    format: Annotated[
        str, typer.Option("--format", "-f", help="markdown, text, html, links or tables.")
    ] = "markdown",
    main: Annotated[bool, typer.Option("--main", help="Only the main content.")] = False,
    schema: Annotated[
        str | None,
        typer.Option(help="Fields to find, as JSON of names and CSS selectors; @file, - is stdin."),
    ] = None,
    ref: Annotated[str | None, typer.Option(help="A ref or selector: only that.")] = None,
    frames: Annotated[bool, typer.Option("--frames/--no-frames", help="Frames too.")] = True,
    offset: Annotated[int | None, typer.Option(help="Characters to leave out first.")] = None,
    max_chars: Annotated[int | None, typer.Option(help="Characters at most (100000).")] = None,
    boundaries: Annotated[
        bool, typer.Option("--boundaries", help="Lines around what is the page's text.")
    ] = False,
    timeout: Annotated[str | None, typer.Option(help="How long it may take: 30, 90s.")] = None,
) -> None:
    """Print what the page says: as Markdown, or in another format."""
    from agent_browser.client import reading, requests

    options: dict[str, Any] = {
        "format": "fields" if schema is not None else format, "main": main or None, "ref": ref,
        "schema": None if schema is None else read_input(schema, "--schema"),
        "include_frames": None if frames else False, "offset": offset, "max_chars": max_chars,
        "boundaries": boundaries or None, "timeout": timeout,
    }  # fmt: skip
    request = reading.read(target.session(), options)
    answer = target.send(requests.raw(request), "reading")
    if target.json:
        print_json(answer)
        return
    output = request.parse(answer)
    for text in _read_lines(output):
        say(text)
    if output.note:
        note(output.note)


def _read_lines(output: "ReadOutput") -> Iterator[str]:
    if output.links is not None:
        yield from (f"{link.text or '(no text)'} — {link.href}" for link in output.links)
    elif output.tables is not None:
        for table in output.tables:
            yield table.caption or "table"
            yield from ("\t".join(row) for row in [table.headers, *table.rows] if row)
    elif output.fields is not None:
        yield json.dumps(output.fields, indent=2, ensure_ascii=False)
    else:
        yield output.content or ""


def pdf(
    target: Target,
    file: Annotated[Path, typer.Argument(help="Where to; the name ends in .pdf.")],
    format: Annotated[str | None, typer.Option(help="A4, A3, Letter, … (A4).")] = None,
    landscape: Annotated[bool, typer.Option("--landscape", help="Wider than high.")] = False,
    scale: Annotated[float | None, typer.Option(help="0.1 to 2.")] = None,
    margins: Annotated[str | None, typer.Option(help="On all sides: 0, 1cm, 0.5in.")] = None,
    background: Annotated[
        bool, typer.Option("--background/--no-background", help="Colours behind the text.")
    ] = True,
    pages: Annotated[str | None, typer.Option(help="Such as 1-3,5.")] = None,
    header_footer: Annotated[
        bool, typer.Option("--header-footer", help="Date, title, address, page number.")
    ] = False,
    css_page_size: Annotated[
        bool, typer.Option("--css-page-size", help="The page's own @page size goes before.")
    ] = False,
    tagged: Annotated[
        bool, typer.Option("--tagged/--no-tagged", help="With its structure, for screen readers.")
    ] = True,
    outline: Annotated[
        bool, typer.Option("--outline", help="With bookmarks of the headings.")
    ] = False,
    timeout: Annotated[str | None, typer.Option(help="How long it may take: 30, 90s.")] = None,
) -> None:
    """Print the page to a PDF file."""
    from agent_browser.client import reading, requests

    check_place(file, ".pdf")
    options = {
        "format": format, "landscape": landscape or None, "scale": scale, "margins": margins,
        "background": None if background else False, "pages": pages,
        "header_footer": header_footer or None, "css_page_size": css_page_size or None,
        "tagged": None if tagged else False, "outline": outline or None, "timeout": timeout,
    }  # fmt: skip
    request = reading.pdf(target.session(), options)
    answer = target.send(requests.raw(request), "printing")
    output = request.parse(answer)
    if output.pdf is None:
        raise Failed("the server answered without a file")
    target.client.download(output.pdf, file)
    if target.json:
        print_json(answer)
    else:
        many = f"{output.pages} page" + ("" if output.pages == 1 else "s")
        say(f"{file} ({many}, {output.pdf.size} bytes)")


def compare(
    target: Target,
    a: Annotated[str, typer.Argument(help="An address or a session's id.")],
    b: Annotated[str, typer.Argument(help="What to compare it with.")],
    what: Annotated[
        list[str] | None,
        typer.Option(
            help="screenshot, elements, tree, text, status, timing, requests, console; "
            "may be repeated. All if absent."
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write the picture of the difference here (.png).")
    ] = None,
    full_page: Annotated[bool, typer.Option("--full-page", help="The whole documents.")] = False,
    tolerance: Annotated[int | None, typer.Option(help="Of a colour, 0 to 254 (16).")] = None,
    ignore_antialiasing: Annotated[
        bool, typer.Option("--ignore-antialiasing", help="Smoothed edges do not count.")
    ] = False,
    mask: Annotated[
        list[str] | None, typer.Option(help="A selector that does not count; may be repeated.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Viewport width in px.")] = None,
    height: Annotated[int | None, typer.Option(help="Viewport height in px.")] = None,
    device: Annotated[str | None, typer.Option(help="A device's name, as 'iPhone 15'.")] = None,
    wait_until: Annotated[
        str | None, typer.Option(help="load, domcontentloaded, networkidle or commit.")
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="How long all may take (60).")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where they differ.")
    ] = False,
) -> None:
    """Compare two pages: pictures, elements, text, timing, requests, console."""
    from agent_browser.client import reading, requests

    if picture is not None and (picture.suffix.lower() != ".png" or not picture.parent.is_dir()):
        raise Failed(f"{picture}: the name must end in .png, and its folder be there", USAGE)
    opening = {"width": width, "height": height, "device": device, "wait_until": wait_until}
    options: dict[str, Any] = {
        "what": what or None, "full_page": full_page or None, "tolerance": tolerance,
        "ignore_antialiasing": ignore_antialiasing or None, "masks": mask or None,
        "options": {name: value for name, value in opening.items() if value is not None} or None,
        "timeout": timeout,
    }  # fmt: skip
    request = reading.compare(a, b, options)
    answer = target.send(requests.raw(request), "comparing")
    output = request.parse(answer)
    if picture is not None and output.screenshot and output.screenshot.picture:
        target.client.download(output.screenshot.picture, picture)
    if target.json:
        print_json(answer)
    else:
        for text in _difference_lines(output):
            say(text)
    if exit_code and not output.same:
        raise typer.Exit(1)


def _difference_lines(output: "CompareOutput") -> Iterator[str]:
    yield f"a: {page_line(output.a.model_dump())}"
    yield f"b: {page_line(output.b.model_dump())}"
    if output.screenshot is not None:
        found = output.screenshot
        yield f"picture: {found.ratio:.4%} of {found.counted} pixels differ"
    if output.elements is not None:
        elements = output.elements
        yield (
            f"elements: {len(elements.added)} added, {len(elements.removed)} removed, "
            f"{len(elements.changed)} changed"
        )
        yield from (f"+ {line}" for line in elements.added)
        yield from (f"- {line}" for line in elements.removed)
        yield from (f"~ {one.before} -> {one.after}" for one in elements.changed)
    for name, difference in (("tree", output.tree), ("text", output.text)):
        yield from _text_lines(name, difference)
    if output.status is not None and output.status.differing:
        yield f"status: {', '.join(output.status.differing)} differ"
    for name, timing in (output.timing or {}).items():
        if timing.difference is not None:
            yield f"{name}: {timing.a} ms and {timing.b} ms ({timing.difference:+} ms)"
    if output.requests is not None:
        yield f"requests: {output.requests.a.count} and {output.requests.b.count}"
        yield from (f"- {line}" for line in output.requests.only_a)
        yield from (f"+ {line}" for line in output.requests.only_b)
    if output.console is not None:
        yield f"console: {output.console.errors_a} and {output.console.errors_b} errors"
        yield from (f"- {line}" for line in output.console.only_a)
        yield from (f"+ {line}" for line in output.console.only_b)
    yield from output.notes


def _text_lines(name: str, difference: "TextDifference | None") -> Iterator[str]:
    if difference is None:
        return
    yield f"{name}: {difference.added} lines added, {difference.removed} removed"
    if difference.diff:
        yield difference.diff
