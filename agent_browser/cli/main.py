"""The program `agent-browser`: its commands, and how it ends."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent_browser import __version__
from agent_browser.cli import (
    actions,
    audit,
    calls,
    commands,
    emulation,
    gestures,
    keys,
    links,
    network,
    pages,
    profiles,
    reading,
    recording,
    routing,
    scrape,
    secrets,
    sessions,
    states,
    storage,
    system,
    tabs,
    transfers,
    usage,
    vault,
)
from agent_browser.cli.exits import INTERRUPTED, MEANINGS, report

NAME = "agent-browser"


class Commands(TyperGroup):
    """Makes the options of `serve` when it is called, not before: they need all the settings."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] == "serve":
            self.add_command(system.whole_serve(), "serve")
        return super().resolve_command(ctx, args)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"{NAME} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """A pool of isolated headless-browser sessions. Commands talk to a server (AGENT_BROWSER_URL)
    and start one in the background where none answers on this machine.
    """


def program() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        name=NAME,
        cls=Commands,
        callback=_root,
        epilog=MEANINGS,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    legacy = typer.Typer(help="Scripts written for inference.sh's command line: app run.")
    pages.register(app)
    actions.register(app)
    transfers.register(app)
    links.register(app)
    gestures.register(app)
    tabs.register(app)
    emulation.register(app)
    reading.register(app)
    recording.register(app)
    network.register(app)
    routing.register(app)
    storage.register(app)
    sessions.register(app)
    states.register(app)
    profiles.register(app)
    secrets.register(app)
    calls.register(app, legacy)
    app.add_typer(legacy, name="app", rich_help_panel="Scripts")
    scrape.register(app)
    commands.register(app)
    system.register(app)
    keys.register(app)
    usage.register(app)
    audit.register(app)
    vault.register(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _quiet()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; the exit code. Says on stderr what went wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    command = typer.main.get_command(program())
    try:
        result = command.main(arguments or ["--help"], prog_name=NAME, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:
        _quiet()
        return 1
    except Exception as exc:
        return report(exc)
    if result == INTERRUPTED and sys.stderr.isatty():
        print(file=sys.stderr)  # the terminal's own ^C, or a question, stands on the line
    return result if isinstance(result, int) else 0


def _quiet() -> None:
    """The reader of stdout is gone: what is left goes nowhere, and the interpreter ends quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
