"""The short commands on a session: open, snapshot, screenshot, eval, close."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.files import check_place
from agent_browser.cli.printing import note, page_lines, print_json, say
from agent_browser.cli.target import Chosen, Target, client_command

PANEL = "Pages"
_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "open", rich_help_panel=PANEL)(open)
    client_command(app, "snapshot", rich_help_panel=PANEL)(snapshot)
    client_command(app, "screenshot", rich_help_panel=PANEL)(screenshot)
    loose = {"ignore_unknown_options": True}
    client_command(app, "eval", rich_help_panel=PANEL, context_settings=loose)(evaluate)
    client_command(app, "close", rich_help_panel=PANEL)(close)


def open(
    target: Target,
    url: Annotated[str, typer.Argument(help="Address; https:// is put before a bare host.")],
    new: Annotated[bool, typer.Option("--new", help="In a new session in any case.")] = False,
    width: Annotated[int | None, typer.Option(help="Viewport width in px.")] = None,
    height: Annotated[int | None, typer.Option(help="Viewport height in px.")] = None,
    user_agent: Annotated[str | None, typer.Option(help="User agent.")] = None,
    record_video: Annotated[bool, typer.Option("--record-video", help="Record a video.")] = False,
    show_cursor: Annotated[bool, typer.Option("--show-cursor", help="Show the mouse.")] = False,
    proxy_url: Annotated[str | None, typer.Option(help="Proxy of a new session.")] = None,
    device: Annotated[str | None, typer.Option(help="A device's name, as 'iPhone 15'.")] = None,
    locale: Annotated[str | None, typer.Option(help="Language, as de-CH.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Time zone, as Europe/Zurich.")] = None,
    color_scheme: Annotated[str | None, typer.Option(help="light, dark or no-preference.")] = None,
    geo: Annotated[
        str | None, typer.Option(help="LATITUDE,LONGITUDE; pages need --permission geolocation.")
    ] = None,
    permission: Annotated[
        list[str] | None, typer.Option(help="Grant it to pages; may be repeated.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="'Name: value' of each request; may be repeated.")
    ] = None,
    credentials: Annotated[
        str | None, typer.Option(help="NAME:PASSWORD for HTTP authentication.")
    ] = None,
    dialogs: Annotated[
        str | None, typer.Option(help="What confirm and prompt get: ask, accept or dismiss (ask).")
    ] = None,
    boundaries: Annotated[
        bool, typer.Option("--boundaries", help="Lines around what is the page's text.")
    ] = False,
    input: Annotated[
        str | None,
        typer.Option("--input", "-i", help="Any fields of open, as JSON; @file, - is stdin."),
    ] = None,
    wait_until: Annotated[
        str | None, typer.Option(help="domcontentloaded, load, networkidle or commit.")
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="How long it may take: 30, 90s.")] = None,
    session_timeout: Annotated[
        str | None, typer.Option(help="Idle timeout of a new session: 90s, 30m.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Start a new session from this profile: a saved login.")
    ] = None,
) -> None:
    """Go to a page: in this shell's session, or in a new one where there is none."""
    given = {
        "width": width, "height": height, "user_agent": user_agent, "proxy_url": proxy_url,
        "record_video": record_video or None, "show_cursor": show_cursor or None,
        "device": device, "locale": locale, "timezone": timezone, "color_scheme": color_scheme,
        "geolocation": _place(geo), "permissions": permission or None,
        "extra_headers": _headers(header), "http_credentials": _credentials(credentials),
        "dialogs": dialogs, "wait_until": wait_until, "timeout": timeout,
        "boundaries": boundaries or None, "profile": profile,
    }  # fmt: skip
    options = dict(read_input(input, "--input")) if input is not None else {}
    if "url" in options:
        raise Failed("--input: the url is the command's argument", USAGE)
    options |= {name: value for name, value in given.items() if value is not None}
    chosen = Chosen(None, remembered=True) if new else target.choose()
    answer = _open(target, chosen, url, session_timeout, options)
    _print(target, answer)


def snapshot(
    target: Target,
    query: Annotated[str | None, typer.Option(help="Only elements with this text.")] = None,
    root: Annotated[str | None, typer.Option(help="A ref or selector to look below.")] = None,
    limit: Annotated[int | None, typer.Option(help="Elements at most (200).")] = None,
    offset: Annotated[int, typer.Option(help="Elements to leave out at the start.")] = 0,
    tree: Annotated[bool, typer.Option("--tree", help="The page's accessibility tree.")] = False,
    delta: Annotated[bool, typer.Option("--delta", help="Only what changed since.")] = False,
    boxes: Annotated[bool, typer.Option("--boxes", help="Where each is, with --json.")] = False,
    max_chars: Annotated[int | None, typer.Option(help="Characters at most (500000).")] = None,
    boundaries: Annotated[
        bool, typer.Option("--boundaries", help="Lines around what is the page's text.")
    ] = False,
) -> None:
    """Print the page and the elements that can be acted on, each with its ref."""
    from agent_browser.client import requests

    options = {
        "query": query, "root": root, "limit": limit, "offset": offset or None,
        "tree": tree or None, "delta": "only" if delta else None, "boxes": boxes or None,
        "max_chars": max_chars, "boundaries": boundaries or None,
    }  # fmt: skip
    answer = target.send(requests.raw(requests.snapshot(target.session(), options)), "looking")
    _print(target, answer, offset=offset)


def screenshot(
    target: Target,
    file: Annotated[Path, typer.Argument(help="Where to; .png, .jpg or .webp is the format.")],
    full_page: Annotated[bool, typer.Option("--full-page", help="The whole document.")] = False,
    ref: Annotated[str | None, typer.Option(help="A ref or selector: only that.")] = None,
    quality: Annotated[int | None, typer.Option(help="0 to 100, for jpg and webp.")] = None,
    annotate: Annotated[bool, typer.Option("--annotate", help="Number the elements.")] = False,
    clip: Annotated[str | None, typer.Option(help="Only X,Y,WIDTH,HEIGHT, in CSS px.")] = None,
    mask: Annotated[
        list[str] | None, typer.Option(help="A ref or selector to paint over; may be repeated.")
    ] = None,
    css_scale: Annotated[
        bool, typer.Option("--css-scale", help="One pixel for each CSS pixel.")
    ] = False,
    omit_background: Annotated[
        bool, typer.Option("--omit-background", help="Transparent where the page is empty.")
    ] = False,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Write nothing if the last one shows the same.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="With --if-changed: share of pixels that may differ (0).")
    ] = None,
    animations: Annotated[
        str | None, typer.Option(help="allow, or disabled: ended or at their beginning (allow).")
    ] = None,
) -> None:
    """Take a picture of the page and write it to a file."""
    from agent_browser.client import requests

    check_place(file, *_TYPES)
    options = {
        "type": _TYPES[file.suffix.lower()], "full_page": full_page or None, "ref": ref,
        "quality": quality, "annotate": annotate or None, "clip": _clip(clip), "mask": mask or None,
        "scale": "css" if css_scale else None, "omit_background": omit_background or None,
        "if_changed": if_changed or None, "threshold": threshold, "animations": animations,
    }  # fmt: skip
    request = requests.screenshot(target.session(), options)
    answer = target.send(requests.raw(request), "taking a picture")
    output = request.parse(answer)
    if output.changed is not False or not file.exists():
        target.client.download(output.screenshot, file)
    if target.json:
        print_json(answer)
    elif output.changed is False:
        say("nothing has changed since the last picture")
    else:
        say(f"{file} ({output.width} by {output.height} px, {output.screenshot.size} bytes)")
        if output.note:
            note(output.note)
        for mark in output.legend:
            say(mark.desc)


def _clip(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise Failed("--clip is four numbers: X,Y,WIDTH,HEIGHT", USAGE) from None
    return {"x": x, "y": y, "width": width, "height": height}


def evaluate(
    target: Target,
    code: Annotated[str, typer.Argument(help="JavaScript; - reads it from stdin.")],
    timeout: Annotated[str | None, typer.Option(help="How long it may take: 30, 90s.")] = None,
) -> None:
    """Run JavaScript in the page and print what it comes to."""
    from agent_browser.client import requests

    text = sys.stdin.read() if code == "-" else code
    request = requests.execute(target.session(), text, {"timeout": timeout})
    answer = target.send(requests.raw(request), "running the code")
    if target.json:
        print_json(answer)
    if answer.get("error"):
        raise Failed(str(answer["error"]))
    if not target.json:
        say("null" if answer.get("result") is None else str(answer["result"]))


def close(target: Target) -> None:
    """End this shell's session; prints where its videos are."""
    from agent_browser.client import requests
    from agent_browser.errors import Gone, SessionNotFound

    chosen = target.choose()
    if chosen.id is None:
        note("nothing to close: this shell has no session")
        return
    request = requests.close(chosen.id)
    try:
        answer = target.send(requests.raw(request), "closing")
    except (SessionNotFound, Gone):
        if not chosen.remembered:
            raise
        note(f"{chosen.id} had ended before")
        answer = {"success": True, "video": None, "videos": [], "session_id": chosen.id}
    target.memory.forget(target.address.url, chosen.id)
    if target.json:
        print_json(answer)
        return
    say(f"closed {chosen.id}")
    for video in request.parse(answer).videos:
        say(f"video {video.url}")
        if video.partial:
            note(f"{video.filename} ends before the session did: {video.code}")


def _place(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise Failed("--geo is two numbers: LATITUDE,LONGITUDE", USAGE) from None
    return {"latitude": latitude, "longitude": longitude}


def _headers(lines: list[str] | None) -> dict[str, str] | None:
    headers = {}
    for line in lines or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Failed("--header is 'Name: value'", USAGE)
        headers[name.strip()] = value.strip()
    return headers or None


def _credentials(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    name, colon, password = text.partition(":")
    if not colon:
        raise Failed("--credentials is NAME:PASSWORD", USAGE)
    return {"username": name, "password": password}


def _open(
    target: Target, chosen: Chosen, url: str, timeout: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Open in the session chosen; in a new one where there is none, or a remembered one is gone."""
    from agent_browser.client import requests
    from agent_browser.errors import BrowserLost, Gone, SessionNotFound

    doing = f"opening {url}"
    try:
        request = requests.open(url, chosen.id or "new", timeout, options)
        answer = target.send(requests.raw(request), doing)
    except (SessionNotFound, Gone, BrowserLost) as exc:
        if chosen.id is None or not chosen.remembered:
            raise
        note(f"{exc.detail}; opening a new session")
        answer = target.send(requests.raw(requests.open(url, "new", timeout, options)), doing)
    session = str(answer.get("session_id"))
    if session != chosen.id:
        note(f"session {session}")
        target.remember(session)
    return answer


def _print(target: Target, answer: dict[str, Any], *, offset: int = 0) -> None:
    if target.json:
        print_json(answer)
        return
    for text in page_lines(answer, offset=offset):
        say(text)
