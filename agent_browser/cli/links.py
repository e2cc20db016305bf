"""The command `link`: an address that leads to one file, for a while, without a key."""

from typing import Annotated

import typer

from agent_browser.cli.printing import note, print_json, say
from agent_browser.cli.target import Target, client_command


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    client_command(app, "link", without=("session",), rich_help_panel="Files")(link)


def link(
    target: Target,
    artifact: Annotated[
        str, typer.Argument(metavar="ID", help="Of an artifact or a recording: art_….")
    ],
    expires: Annotated[
        str | None, typer.Option(help="How long it lasts, 7d at most: 10m; an hour if not given.")
    ] = None,
) -> None:
    """Print a link to a file. Whoever has it can fetch the file, without a key, until it is over;
    it can't be taken back.
    """
    from agent_browser.client import requests, usage

    request = usage.link(artifact, expires)
    answer = target.send(requests.raw(request), "making the link")
    if target.json:
        print_json(answer)
        return
    made = request.parse(answer)
    say(made.url)
    note(f"it leads there until {made.expires_at.isoformat(timespec='seconds')}")
