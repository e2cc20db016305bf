"""The command `audit`: who did what."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from agent_browser.cli.printing import line, note, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.audit import AuditEntry


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    client_command(app, "audit", without=("session",), rich_help_panel="Server")(audit)


def audit(
    target: Target,
    owner: Annotated[str | None, typer.Option(help="Of this caller.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="ID", help="On this session.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="A function, or an operation: open, delete_recording.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this time on: 2026-11-20T09:30Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="Most entries.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
) -> None:
    """Show who did what, newest first: time, owner, address, action, what on, status, code; for an
    admin's key.
    """
    from agent_browser.client import requests, usage

    asked = {
        "owner": owner, "session": session, "action": action, "since": since, "until": until,
        "limit": limit, "cursor": cursor,
    }  # fmt: skip
    request = usage.audit(asked)
    answer = target.send(requests.raw(request), "asking for the audit log")
    if target.json:
        print_json(answer)
        return
    page = request.parse(answer)
    for entry in page.items:
        say("\t".join(_cells(entry)))
    if not page.items:
        say("nothing")
    if page.next_cursor is not None:
        note(f"there are more; use --limit, or --cursor {page.next_cursor}")


def _cells(entry: "AuditEntry") -> Iterator[str]:
    yield entry.at.isoformat(timespec="seconds")
    yield entry.owner or "-"
    yield entry.address or "-"
    yield entry.action
    yield line(" ".join(filter(None, (entry.session_id, entry.subject)))) or "-"
    yield f"{entry.status}" + (f" {entry.code}" if entry.code else "")
