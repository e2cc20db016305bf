"""`call` and `app run`: any function with its input as JSON, the answer as JSON on stdout."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_browser.cli.exits import FAILED, USAGE, Failed
from agent_browser.cli.printing import print_json
from agent_browser.cli.target import Target, client_command

APP = "agent-browser"

SessionNew = Annotated[
    str | None,
    typer.Option(
        "--session", "-s", metavar="ID", help='"new", or a session\'s id; absent: for this call.'
    ),
]
InputText = Annotated[
    str,
    typer.Option("--input", "-i", metavar="JSON", help="JSON object, @FILE, or - for stdin."),
]
SessionTimeout = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Idle timeout of a new session: 60, 90s, 30m."),
]


def register(app: typer.Typer, legacy: typer.Typer) -> None:
    """Add `call` to the program and `run` to its `app` group."""
    client_command(app, "call", without=("session", "json"), rich_help_panel="Scripts")(call)
    client_command(legacy, "run", without=("session", "json"))(run)


def call(
    target: Target,
    function: Annotated[
        str,
        typer.Argument(
            help="open, interact, read, route or another; 'commands --json' has all, with inputs."
        ),
    ],
    session: SessionNew = None,
    input: InputText = "{}",
    session_timeout: SessionTimeout = None,
    json: Annotated[bool, typer.Option("--json", help="JSON is printed in any case.")] = False,
) -> None:
    """Call any function; the answer is JSON on stdout."""
    print_json(_answer(target, function, session, input, session_timeout))


def run(
    target: Target,
    app: Annotated[str, typer.Argument(help="agent-browser, also namespace/agent-browser@version")],
    function: Annotated[str, typer.Option(help="The function to call.")] = "run",
    session: SessionNew = None,
    input: InputText = "{}",
    session_timeout: SessionTimeout = None,
    json: Annotated[bool, typer.Option("--json", help="JSON is printed in any case.")] = False,
) -> None:
    """Call a function in the form of inference.sh's command line.

    The answer is JSON on stdout. A failure is a text on stderr, nothing on stdout, and exit code 1.
    """
    if app.rpartition("/")[2].partition("@")[0] != APP:
        raise Failed(f"there is no app {app!r} here, only {APP!r}")
    from agent_browser.client.errors import ServerUnreachable

    try:
        answer = _answer(target, function, session, input, session_timeout)
    except ServerUnreachable as exc:
        raise Failed(exc.detail, FAILED) from exc
    except Failed as exc:
        raise Failed(str(exc)) from exc
    print_json(answer)


def read_input(text: str, option: str = "--input") -> dict[str, Any]:
    """The JSON object of such an option: the text itself, `@file`, or `-` for stdin. Failed."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise Failed(f"{option}: can't read {text[1:]}: {_why(exc)}", USAGE) from exc
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise Failed(f"{option} is not JSON: {exc}", USAGE) from exc
    if not isinstance(data, dict):
        raise Failed(f'{option} must be a JSON object, such as \'{{"url": "…"}}\'', USAGE)
    return data


def _answer(
    target: Target, function: str, session: str | None, input: str, timeout: str | None
) -> dict[str, Any]:
    from agent_browser.client import requests

    request = requests.call(function, read_input(input), session=session, session_timeout=timeout)
    return target.send(requests.raw(request), f"waiting for {function}")


def _why(exc: OSError | UnicodeDecodeError) -> str:
    return (exc.strerror or str(exc)) if isinstance(exc, OSError) else "it is not UTF-8 text"
