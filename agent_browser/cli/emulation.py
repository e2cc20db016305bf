"""The commands on what a page is shown under: emulate, and set with one word for each."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.emulation import Emulation

PANEL = "Pages"
_FORMS = {
    "viewport": "WIDTH HEIGHT",
    "geo": "none | LATITUDE LONGITUDE [ACCURACY]",
    "offline": "[on|off]",
    "headers": "JSON [ORIGIN]",
    "credentials": "none | NAME PASSWORD [ORIGIN]",
    "media": "dark|light|print|screen|reduced-motion|high-contrast|forced-colors …",
    "throttle": "none|slow-2g|slow-3g|3g|fast-3g|slow-4g|4g [CPU_SLOWDOWN]",
}
_TAKEN_AWAY = {"geo": "geolocation", "credentials": "http_credentials"}
_MEDIA: dict[str, tuple[str, str]] = {
    "dark": ("color_scheme", "dark"),
    "light": ("color_scheme", "light"),
    "print": ("media", "print"),
    "screen": ("media", "screen"),
    "reduced-motion": ("reduced_motion", "reduce"),
    "high-contrast": ("contrast", "more"),
    "forced-colors": ("forced_colors", "active"),
}


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "emulate", rich_help_panel=PANEL)(emulate)
    loose = {"ignore_unknown_options": True}  # a longitude may begin with a dash
    client_command(app, "set", rich_help_panel=PANEL, context_settings=loose)(set_one)


def emulate(
    target: Target,
    input: Annotated[
        str | None,
        typer.Option("--input", "-i", help="Any fields of emulate, as JSON; @file, - is stdin."),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Viewport width in px.")] = None,
    height: Annotated[int | None, typer.Option(help="Viewport height in px.")] = None,
    user_agent: Annotated[str | None, typer.Option(help="What pages are told.")] = None,
    locale: Annotated[str | None, typer.Option(help="Such as de-CH.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/Zurich.")] = None,
    color_scheme: Annotated[str | None, typer.Option(help="light, dark or no-preference.")] = None,
    reduced_motion: Annotated[str | None, typer.Option(help="reduce or no-preference.")] = None,
    media: Annotated[str | None, typer.Option(help="screen or print.")] = None,
    offline: Annotated[
        bool | None, typer.Option("--offline/--online", help="Without or with a network.")
    ] = None,
    throttle: Annotated[
        str | None, typer.Option(help="none, slow-2g, slow-3g, 3g, fast-3g, slow-4g or 4g.")
    ] = None,
    cpu_slowdown: Annotated[float | None, typer.Option(help="How many times slower.")] = None,
) -> None:
    """Change what pages are shown under; print what is in force."""
    options = dict(read_input(input, "--input")) if input is not None else {}
    given = {
        "width": width, "height": height, "user_agent": user_agent, "locale": locale,
        "timezone": timezone, "color_scheme": color_scheme,
        "reduced_motion": reduced_motion, "media": media, "offline": offline,
        "throttle": throttle, "cpu_slowdown": cpu_slowdown,
    }  # fmt: skip
    _emulate(target, options | {name: each for name, each in given.items() if each is not None})


def set_one(
    target: Target,
    what: Annotated[str, typer.Argument(help=", ".join(_FORMS))],
    values: Annotated[list[str] | None, typer.Argument(help="Such as: viewport 800 600")] = None,
) -> None:
    """Change one thing: viewport, geo, offline, headers, credentials, media, throttle."""
    if what not in _FORMS:
        raise Failed(f"set knows {', '.join(_FORMS)}; not {what!r}", USAGE)
    try:
        options = options_of(what, values or [])
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise Failed(f"usage: set {what} {_FORMS[what]}", USAGE) from exc
    _emulate(target, options)


def options_of(what: str, values: list[str]) -> dict[str, Any]:
    """Fields of `emulate` from a word and its values. ValueError and the like for other forms."""
    if what == "viewport":
        width, height = map(int, values)
        return {"width": width, "height": height}
    if what in _TAKEN_AWAY and values == ["none"]:
        return {_TAKEN_AWAY[what]: "none"}
    if what == "geo":
        latitude, longitude, accuracy = map(float, [*values, "0"] if len(values) == 2 else values)
        place = {"latitude": latitude, "longitude": longitude, "accuracy": accuracy}
        return {"geolocation": place}
    if what == "offline":
        (word,) = values or ["on"]
        return {"offline": {"on": True, "off": False}[word]}
    if what == "media":
        return dict(_MEDIA[value] for value in [values[0], *values[1:]])
    if what == "throttle":
        preset, *rest = values
        slower = {"cpu_slowdown": float(*rest)} if rest else {}
        return {"throttle": preset, **slower}
    return _secrets(what, values)


def _secrets(what: str, values: list[str]) -> dict[str, Any]:
    if what == "headers":
        text, *origin = values
        headers = {str(name): str(value) for name, value in dict(json.loads(text)).items()}
        return {"headers_by_origin": {origin[0]: headers}} if origin else {"extra_headers": headers}
    name, password, *origin = values
    credentials = {"username": name, "password": password}
    return {"http_credentials": {**credentials, "origin": origin[0]} if origin else credentials}


def _emulate(target: Target, options: dict[str, Any]) -> None:
    from agent_browser.client import emulation, requests

    request = emulation.emulate(target.session(), options)
    answer = target.send(requests.raw(request), "changing")
    if target.json:
        print_json(answer)
        return
    for line in _lines(request.parse(answer).emulation):
        say(line)


def _lines(found: "Emulation") -> list[str]:
    """What is in force and not the browser's own."""
    said = found.model_dump(mode="json", exclude={"width", "height"})
    usual: tuple[object, ...] = (None, [], {}, False)
    lines = [f"viewport {found.width} by {found.height}"]
    for name, value in said.items():
        is_usual = value is True if name == "javascript_enabled" else value in usual
        if not is_usual and not (name == "cpu_slowdown" and value == 1):
            shown = value if isinstance(value, str) else json.dumps(value)
            lines.append(f"{name.replace('_', ' ')} {shown}")
    return lines
