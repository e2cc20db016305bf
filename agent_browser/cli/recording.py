"""The commands that record a live session: record and trace, with a word for each step."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.files import check_place
from agent_browser.cli.printing import note, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.recording import RecordOutput

PANEL = "Recording"
_SUFFIXES = (".webm", ".mp4")

File = Annotated[Path | None, typer.Argument(help="Where to put the video; nowhere if not given.")]
Sheet = Annotated[
    Path | None, typer.Option("--contact-sheet", help="Where to put its contact sheet, a JPEG.")
]
Thumbnail = Annotated[
    Path | None, typer.Option("--thumbnail", help="Where to put one frame of it, a JPEG.")
]
Cursor = Annotated[bool, typer.Option("--cursor", help="Show the mouse.")]
Actions = Annotated[
    bool, typer.Option("--show-actions", help="Show what each action does in words.")
]
Fps = Annotated[int | None, typer.Option(help="Frames a second, 1 to 60 (25).")]
Width = Annotated[int | None, typer.Option(help="px; the viewport's if not given.")]
Height = Annotated[int | None, typer.Option(help="px; the viewport's if not given.")]
Format = Annotated[str | None, typer.Option("--format", "-f", help="webm or mp4 (webm).")]
Quality = Annotated[int | None, typer.Option(help="1 to 100 (80).")]
Overlay = Annotated[str | None, typer.Option(help="A text at the bottom of the page.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    record = typer.Typer(help="Record a video of the session while it goes on.")
    client_command(record, "start")(record_start)
    client_command(record, "stop")(record_stop)
    client_command(record, "restart")(record_restart)
    client_command(record, "chapter")(record_chapter)
    client_command(record, "status")(record_status)
    app.add_typer(record, name="record", rich_help_panel=PANEL)
    trace = typer.Typer(help="Record a Playwright trace of the session.")
    client_command(trace, "start")(trace_start)
    client_command(trace, "stop")(trace_stop)
    client_command(trace, "status")(trace_status)
    app.add_typer(trace, name="trace", rich_help_panel=PANEL)


def record_start(
    target: Target,
    cursor: Cursor = False,
    show_actions: Actions = False,
    fps: Fps = None,
    width: Width = None,
    height: Height = None,
    format: Format = None,
    quality: Quality = None,
    overlay: Overlay = None,
) -> None:
    """Begin to record the active tab; the session goes on as it is."""
    options = _of_start(cursor, show_actions, fps, width, height, format, quality, overlay)
    _print(target, _record(target, "start", options, "starting to record"))


def record_stop(
    target: Target, file: File = None, contact_sheet: Sheet = None, thumbnail: Thumbnail = None
) -> None:
    """End the recording; prints where the video is, or writes it to a file."""
    _check_places(file, contact_sheet, thumbnail)
    answer = _record(target, "stop", {}, "finishing the video")
    _save(target, answer, file, contact_sheet, thumbnail)
    _print(target, answer)


def record_restart(
    target: Target,
    file: File = None,
    contact_sheet: Sheet = None,
    thumbnail: Thumbnail = None,
    cursor: Cursor = False,
    show_actions: Actions = False,
    fps: Fps = None,
    width: Width = None,
    height: Height = None,
    format: Format = None,
    quality: Quality = None,
    overlay: Overlay = None,
) -> None:
    """End the recording as `stop` does, and begin the next; what is not given stays as it was."""
    _check_places(file, contact_sheet, thumbnail)
    options = _of_start(cursor, show_actions, fps, width, height, format, quality, overlay)
    answer = _record(target, "restart", options, "finishing the video")
    _save(target, answer, file, contact_sheet, thumbnail)
    _print(target, answer)


def record_chapter(
    target: Target,
    title: Annotated[str, typer.Argument(help="What begins now.")],
    description: Annotated[str | None, typer.Option(help="Text under the title.")] = None,
    card: Annotated[
        str | None, typer.Option(help="How long the title is shown: 1.5, 2s; 0 not at all.")
    ] = None,
) -> None:
    """Mark the beginning of a part, and show its title over the page."""
    options = {"title": title, "description": description, "card": card}
    _print(target, _record(target, "chapter", options, "showing the title"))


def record_status(target: Target) -> None:
    """Tell whether a recording runs, and for how long."""
    _print(target, _record(target, "status", {}, "asking"))


def trace_start(
    target: Target,
    screenshots: Annotated[
        bool, typer.Option("--screenshots/--no-screenshots", help="With pictures of the page.")
    ] = True,
    snapshots: Annotated[
        bool, typer.Option("--snapshots/--no-snapshots", help="With the page at each action.")
    ] = True,
    title: Annotated[str | None, typer.Option(help="Its title in the viewer.")] = None,
) -> None:
    """Begin a Playwright trace. It holds what the pages hold and what is typed into them."""
    options = {"screenshots": screenshots, "snapshots": snapshots, "title": title}
    _print_trace(target, "start", options, "starting the trace")


def trace_stop(
    target: Target,
    file: Annotated[Path | None, typer.Argument(help="Where to put the zip.")] = None,
) -> None:
    """End the trace; prints where its zip is, or writes it to a file."""
    check_place(file, ".zip")
    _print_trace(target, "stop", {}, "writing the trace", file)


def trace_status(target: Target) -> None:
    """Tell whether a trace runs, and for how long."""
    _print_trace(target, "status", {}, "asking")


def _of_start(
    cursor: bool, show_actions: bool, fps: int | None, width: int | None, height: int | None,
    format: str | None, quality: int | None, overlay: str | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "cursor": cursor or None, "show_actions": show_actions or None, "fps": fps,
        "width": width, "height": height, "format": format, "quality": quality,
        "overlay": overlay,
    }  # fmt: skip


def _record(target: Target, action: str, options: dict[str, Any], doing: str) -> dict[str, Any]:
    from agent_browser.client import recording, requests

    return target.send(requests.raw(recording.record(target.session(), action, options)), doing)


def _check_places(file: Path | None, *pictures: Path | None) -> None:
    """Before a recording is ended that could not be written."""
    check_place(file, *_SUFFIXES)
    for picture in pictures:
        check_place(picture, ".jpg", ".jpeg")


def _save(
    target: Target,
    answer: dict[str, Any],
    file: Path | None,
    contact_sheet: Path | None,
    thumbnail: Path | None,
) -> None:
    output = _read(answer)
    if file is not None and output.video is not None:
        target.client.download(output.video, file)
        if not output.video.content_type.endswith(file.suffix.lower().removeprefix(".")):
            note(f"{file} is {output.video.content_type}, not what its name says")
    if contact_sheet is not None and output.contact_sheet is not None:
        target.client.download(output.contact_sheet, contact_sheet)
    if thumbnail is not None and output.thumbnail is not None:
        target.client.download(output.thumbnail, thumbnail)


def _read(answer: dict[str, Any]) -> "RecordOutput":
    from agent_browser.models.recording import RecordOutput

    return RecordOutput.model_validate(answer)


def _print(target: Target, answer: dict[str, Any]) -> None:
    if target.json:
        print_json(answer)
        return
    output = _read(answer)
    if output.video is not None:
        size = f"{output.width} by {output.height} px, {output.fps} frames a second"
        say(f"recorded {output.seconds:.1f} s ({size})")
        say(f"video {output.video.url}")
        if output.contact_sheet is not None:
            say(f"contact sheet {output.contact_sheet.url}")
        if output.thumbnail is not None:
            say(f"thumbnail {output.thumbnail.url}")
    if output.recording and output.video is None:
        say(f"recording {output.tab}, {output.seconds:.1f} s")
    elif output.recording:
        say(f"recording {output.tab} again")
    elif output.video is None and output.message is None:
        say("not recording")
    for chapter in output.chapters:
        say(f"chapter {chapter.at:.1f} s {chapter.title}")
    if output.message is not None:
        note(output.message)


def _print_trace(
    target: Target, action: str, options: dict[str, Any], doing: str, file: Path | None = None
) -> None:
    from agent_browser.client import recording, requests

    request = recording.trace(target.session(), action, options)
    answer = target.send(requests.raw(request), doing)
    output = request.parse(answer)
    if file is not None and output.trace is not None:
        target.client.download(output.trace, file)
    if target.json:
        print_json(answer)
        return
    if output.trace is not None:
        say(f"traced {output.seconds:.1f} s")
        say(f"trace {output.trace.url}")
    else:
        say(f"tracing, {output.seconds:.1f} s" if output.tracing else "not tracing")
    if output.message is not None:
        note(output.message)
