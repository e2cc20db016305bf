"""`serve`: the server in the foreground, with an option for every setting."""

import os
import sys
from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agent_browser.cli.printing import json_line
from agent_browser.settings import PREFIX, Settings, load

READY_FD = "ready_fd"
JSON = "json"


def command() -> Callable[..., None]:
    """The command's function: each of Settings' fields is an option of it, all optional texts that
    Settings itself reads and judges.
    """

    def serve(**values: Any) -> None:
        ready_fd, json = values.pop(READY_FD), values.pop(JSON)
        raise typer.Exit(run(load(**values), ready_fd, json=json))

    options = [option(name, field) for name, field in Settings.model_fields.items()]
    hidden = typer.Option("--ready-fd", hidden=True, help="Told the URL when the server listens.")
    options.append(
        Parameter(
            READY_FD,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[int | None, hidden],
        )
    )
    as_json = typer.Option(
        "--json", help="Once it listens, print its url and pid as JSON. Log lines: --log-format."
    )
    options.append(
        Parameter(JSON, Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, as_json])
    )
    serve.__doc__ = SERVE_HELP
    serve.__signature__ = Signature(options)  # type: ignore[attr-defined]
    serve.__annotations__ = {}
    return serve


SERVE_HELP = "Run the server in the foreground. Every option is also a variable of the environment."


def option(name: str, field: FieldInfo) -> Parameter:
    """A setting as an option: its name, type, default and help from its field."""
    flag = "--" + name.replace("_", "-")
    help_text = f"{field.description} ({PREFIX}{name.upper()}{_default(field)})"
    if field.annotation is bool:
        info = typer.Option(f"{flag}/--no-{flag[2:]}", help=help_text, show_default=False)
        kind: Any = bool | None
    else:
        info = typer.Option(flag, metavar=_metavar(field), help=help_text)
        kind = str | None
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, info])


def run(settings: Settings, ready_fd: int | None = None, *, json: bool = False) -> int:
    """Serve until a signal ends it; the exit code. Prints the URL on stdout once it listens, as
    JSON with the process's id where that is asked for.

    With `ready_fd` the URL is written there too, and BrowserMissing is raised at once.
    """
    import anyio

    from agent_browser.api.server import serve
    from agent_browser.browser.executable import find

    if ready_fd is not None:
        os.set_inheritable(ready_fd, False)  # the browsers must not hold it open
        find(settings)  # in the background nobody would read, for a minute, that there is none

    def ready(url: str) -> None:
        print(json_line({"url": url, "pid": os.getpid()}) if json else url, flush=True)
        if ready_fd is not None:
            os.write(ready_fd, f"{url}\n".encode())
            os.close(ready_fd)

    async def main() -> int:
        return await serve(settings, ready=ready)

    before = os.umask(0o077)  # what browsers and ffmpeg write is nobody else's either
    try:
        return anyio.run(main, backend_options={"use_uvloop": _has_uvloop()})
    finally:
        os.umask(before)


def _has_uvloop() -> bool:
    from importlib.util import find_spec

    return sys.platform != "win32" and find_spec("uvloop") is not None


def _default(field: FieldInfo) -> str:
    if field.default is None or field.default == () or field.default_factory is not None:
        return ""
    value = field.default
    if isinstance(value, bool):
        return f", default {'on' if value else 'off'}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f", default {text}"


def _metavar(field: FieldInfo) -> str:
    kind = field.annotation
    if kind is float:
        return "DURATION"
    if kind is int:
        return "N"
    if get_origin(kind) is Literal:
        return "|".join(str(value) for value in get_args(kind))
    parts = get_args(kind)
    if kind is Path or Path in parts:
        return "PATH"
    if SecretStr in parts:
        return "SECRET"
    return "TEXT"
