"""The commands on sessions as a whole: found, named, kept alive, followed, ended."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.found import session_of
from agent_browser.cli.printing import json_line, line, note, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.client.requests import Request
    from agent_browser.models.actions import Action
    from agent_browser.models.events import Event
    from agent_browser.models.sessions import Session, SessionList

PANEL = "Sessions"
AGAIN = 1.0
"""Seconds between two looks at a log that is followed: no event tells of each call."""
Which = Annotated[
    str | None, typer.Argument(help="Its id, the beginning of it, or its name; else this shell's.")
]
Needed = Annotated[str, typer.Argument(help="Its id, the beginning of it, or its name.")]


class Listing(TyperGroup):
    """Lists where no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    group = typer.Typer(
        cls=Listing,
        help="Sessions: list, find, name, keep alive, follow, end. Alone it lists them.",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    for name, command in (
        ("list", list_), ("search", search), ("show", show), ("rename", rename), ("pin", pin),
        ("unpin", unpin), ("tag", tag), ("renew", renew), ("keepalive", keepalive),
        ("timeout", timeout), ("log", log), ("events", events), ("end", end), ("purge", purge),
    ):  # fmt: skip
        client_command(group, name, without=("session",), rich_help_panel=PANEL)(command)
    app.add_typer(group, name="sessions", rich_help_panel=PANEL)


def list_(
    target: Target,
    state: Annotated[str | None, typer.Option(help="live, hibernated, ended or expired.")] = None,
    phase: Annotated[
        str | None, typer.Option(help="active, near_expiration, expired or ended.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only those with this tag; may be repeated.")
    ] = None,
    pinned: Annotated[
        bool | None, typer.Option("--pinned/--not-pinned", help="Only those that are, or are not.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="The next_cursor of the page before.")] = None,
) -> None:
    """List sessions, pinned ones first, then the most recently used; * marks this shell's, ^ pinned
    ones, ~ hibernated ones.
    """
    query = {"state": state, "phase": phase, "tag": tag or None, "pinned": pinned}
    _print_list(target, {**query, "limit": limit, "cursor": cursor})


def search(
    target: Target,
    words: Annotated[list[str], typer.Argument(help="What to find.")],
    state: Annotated[str | None, typer.Option(help="live, hibernated, ended or expired.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
) -> None:
    """Find sessions by names, tags, addresses, titles, log and page text; the best finds first."""
    _print_list(target, {"q": " ".join(words), "state": state, "limit": limit})


def show(target: Target, session: Which = None) -> None:
    """Show a session: name, state, page, timeouts, tags."""
    from agent_browser.client import requests

    _tell(target, requests.get_session(session_of(target, session)), "asking for the session")


def rename(
    target: Target,
    session: Needed,
    name: Annotated[str, typer.Argument(help="The new name; '' takes it away.")],
) -> None:
    """Give a session a name."""
    _change(target, session, {"name": name or None})


def pin(target: Target, session: Which = None) -> None:
    """Pin a session: it is listed first, and kept."""
    _change(target, session, {"pinned": True})


def unpin(target: Target, session: Which = None) -> None:
    """Take the pin away."""
    _change(target, session, {"pinned": False})


def tag(
    target: Target,
    session: Needed,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A tag to take away; may be repeated.")
    ] = None,
) -> None:
    """Add tags to a session, or take some away."""
    from agent_browser.client import requests

    if not tags and not remove:
        raise Failed("name tags to add, or --remove some", USAGE)
    id = session_of(target, session)
    had = target.send(requests.get_session(id), "asking for the session").tags
    left = [one for one in dict.fromkeys([*had, *(tags or ())]) if one not in (remove or ())]
    _change(target, id, {"tags": left})


def renew(target: Target, session: Which = None) -> None:
    """Let a session's idle time count from now."""
    from agent_browser.client import directory

    _tell(target, directory.renewed(session_of(target, session)), "renewing")


def keepalive(target: Target, session: Which = None) -> None:
    """Keep a session alive without counting as its use."""
    from agent_browser.client import directory

    _tell(target, directory.kept_alive(session_of(target, session)), "keeping it alive")


def timeout(
    target: Target,
    session: Which = None,
    idle: Annotated[str | None, typer.Option(help="Unused so long it is idle: 90s, 30m.")] = None,
    max_duration: Annotated[str | None, typer.Option(help="Ends so long after it began.")] = None,
    warning: Annotated[str | None, typer.Option(help="Warned so long before.")] = None,
    retention: Annotated[str | None, typer.Option(help="Remembered so long after.")] = None,
    auto_renew: Annotated[
        bool | None, typer.Option("--auto-renew/--no-auto-renew", help="Whether use renews it.")
    ] = None,
    on_idle: Annotated[
        str | None, typer.Option(help="What becomes of it then: auto, hibernate, freeze or end.")
    ] = None,
) -> None:
    """Change a session's timeouts."""
    from agent_browser.client import directory

    asked = {
        "idle": idle, "max_duration": max_duration, "warning": warning, "retention": retention,
        "auto_renew": auto_renew, "on_idle": on_idle,
    }  # fmt: skip
    if all(value is None for value in asked.values()):
        raise Failed("name a timeout, such as --idle 2h", USAGE)
    _tell(target, directory.timed(session_of(target, session), asked), "changing the timeouts")


def log(
    target: Target,
    session: Which = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is done, until it ends.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Entries asked for at a time.")] = 200,
) -> None:
    """Print what was done in a session, oldest first; with --json an entry a line."""
    from agent_browser.client import requests

    id = session_of(target, session)
    cursor, last = _print_log(target, id, limit, None, 0)
    while follow and target.send(requests.get_session(id)).state in ("live", "hibernated"):
        time.sleep(AGAIN)
        cursor, last = _print_log(target, id, limit, cursor, last)
    if follow:
        _print_log(target, id, limit, cursor, last)  # what was done last, just before its end
        note(f"{id} has ended")


def _print_log(
    target: Target, id: str, limit: int, cursor: str | None, last: int
) -> tuple[str | None, int]:
    """Print the entries after `last`, and say where to go on: the cursor of the last page."""
    from agent_browser.client import directory

    while True:
        page = target.send(directory.actions(id, limit, cursor), "reading the log")
        if page.dropped and not last:
            note(f"{page.dropped} older entries are not kept")
        for entry in page.items:
            if entry.id > last:
                last = entry.id
                _print_entry(target, entry)
        if page.next_cursor is None:
            return cursor, last
        cursor = page.next_cursor


def events(
    target: Target,
    session: Annotated[
        str | None, typer.Argument(help="Its id, the beginning of it, or its name; else all.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Then go on with what comes.")
    ] = False,
    type: Annotated[
        list[str] | None, typer.Option(help="Only of this type; may be repeated.")
    ] = None,
    after: Annotated[int | None, typer.Option(help="Only those after this id.")] = None,
) -> None:
    """Print the events that are held; with --json one a line. Comes back where it was when the
    connection is lost.
    """
    from agent_browser.models.events import EVENT_TYPES

    chosen = [one for one in EVENT_TYPES if one in (type or ())]
    if len(chosen) < len(set(type or ())):
        raise Failed(f"--type is one of {', '.join(EVENT_TYPES)}", USAGE)
    target.reach()
    id = None if session is None else session_of(target, session)
    begin = 0 if after is None and follow else after
    stream = target.client.events(id, types=chosen, after=begin, follow=follow)
    missed = 0
    for event in stream:
        if stream.missed > missed:
            note(f"{stream.missed - missed} events were missed")
            missed = stream.missed
        _print_event(target, event, with_session=id is None)


def end(target: Target, session: Needed) -> None:
    """End a session; its record, log and videos stay for a time."""
    from agent_browser.client import requests

    id = session_of(target, session)
    target.send(requests.end_session(id), "ending the session")
    _say_done(target, id, "ended")


def purge(
    target: Target,
    session: Needed,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End a session and erase all that is kept of it, at once."""
    from agent_browser.client import requests

    id = session_of(target, session)
    if not yes:
        if not sys.stdin.isatty():
            raise Failed("it can't be undone: say --yes", USAGE)
        if not typer.confirm(f"Erase {_told(target, id)}, its log and its videos?", err=True):
            raise Failed("nothing was erased")
    target.send(requests.end_session(id, purge=True), "erasing the session")
    _say_done(target, id, "purged")


def _told(target: Target, id: str) -> str:
    """The id, and what it is of, for who has to be sure."""
    from agent_browser.client import requests
    from agent_browser.errors import Gone

    try:
        found = target.send(requests.get_session(id), "asking for the session")
    except Gone:  # expired: only its record is left
        return id
    what = line(found.name or found.title or found.url, longest=60)
    return f"{id} ({what})" if what else id


def _print_list(target: Target, query: dict[str, Any]) -> None:
    from agent_browser.client import directory, requests

    request: Request[SessionList] = directory.listed(query)
    answer = target.send(requests.raw(request), "asking for the sessions")
    if target.json:
        print_json(answer)
        return
    from agent_browser.cli.tables import print_sessions

    print_sessions(request.parse(answer), mine=target.choose().id)


def _change(target: Target, session: str | None, changes: dict[str, Any]) -> None:
    from agent_browser.client import directory

    _tell(target, directory.updated(session_of(target, session), changes), "changing the session")


def _tell(target: Target, request: "Request[Session]", doing: str) -> None:
    from agent_browser.client import requests

    answer = target.send(requests.raw(request), doing)
    if target.json:
        print_json(answer)
        return
    from agent_browser.cli.tables import session_lines

    for text in session_lines(request.parse(answer)):
        say(text)


def _say_done(target: Target, id: str, what: str) -> None:
    chosen = target.choose()
    if chosen.remembered and chosen.id == id:
        target.memory.forget(target.address.url, id)
    if target.json:
        print_json({"session_id": id, what: True})
    else:
        say(f"{what} {id}")


def _print_entry(target: Target, entry: "Action") -> None:
    if target.json:
        print(json_line(entry.model_dump(mode="json")), flush=True)
        return
    what = " ".join(filter(None, (entry.function, entry.action)))
    came = entry.outcome if entry.code is None else f"{entry.outcome} ({entry.code})"
    at = entry.at.isoformat(timespec="seconds")
    said = line(json_line(entry.input), longest=200) if entry.input else ""
    why = f"({line(entry.message, longest=100)})" if entry.message and entry.code else ""
    say(line(f"{at} {came} {entry.milliseconds:.0f} ms {what} {said} {entry.url} {why}"))
    sys.stdout.flush()


def _print_event(target: Target, event: "Event", *, with_session: bool) -> None:
    if target.json:
        print(json_line(event.model_dump(mode="json")), flush=True)
        return
    at = event.at.isoformat(timespec="seconds")
    whose = f" {event.session_id}" if with_session else ""
    say(line(f"{at} {event.type}{whose} {json_line(event.data)}"))
    sys.stdout.flush()
