"""The commands that save sessions, hibernate them, bring them back, and make new ones of them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.files import check_place, write_json
from agent_browser.cli.found import session_of
from agent_browser.cli.printing import line, print_json, say
from agent_browser.cli.rows import print_rows
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.client.requests import Request
    from agent_browser.models.checkpoints import Checkpoint
    from agent_browser.models.sessions import Session

PANEL = "States"
STDIO = Path("-")


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (hibernate, resume, fork, checkpoint, checkpoints, restore):
        client_command(app, command.__name__, rich_help_panel=PANEL)(command)
    state = typer.Typer(help="Cookies, storage and tabs of the session, as a file.")
    client_command(state, "save")(state_save)
    client_command(state, "load")(state_load)
    app.add_typer(state, name="state", rich_help_panel=PANEL)


def hibernate(
    target: Target,
    force: Annotated[
        bool, typer.Option("--force", help="Also where something that can't be saved is lost.")
    ] = False,
) -> None:
    """Save the session and free what it takes; its next command brings it back."""
    from agent_browser.client import states

    request = states.hibernated(_session(target), force=force)
    _tell(target, request, "hibernating")


def resume(target: Target) -> None:
    """Bring the session back now, and not with its next command."""
    from agent_browser.client import states

    _tell(target, states.resumed(_session(target)), "bringing it back")


def fork(
    target: Target,
    name: Annotated[str | None, typer.Option(help="Name of the new session.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="From what it was then; else from what it is now.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag instead of the first one's; may be repeated.")
    ] = None,
    idle: Annotated[str | None, typer.Option(help="Idle timeout of the new one: 90s, 30m.")] = None,
    on_idle: Annotated[
        str | None, typer.Option(help="What then becomes of it: auto, hibernate, freeze or end.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="This shell goes on with the new session.")
    ] = False,
) -> None:
    """Make a new session from the session's state; both go on, and share nothing."""
    from agent_browser.client import requests, states

    timeouts = {"idle": idle, "on_idle": on_idle}
    given = {key: value for key, value in timeouts.items() if value is not None}
    options = {
        "name": name, "checkpoint": checkpoint, "tags": tag or None, "timeouts": given or None,
    }  # fmt: skip
    request = states.forked(_session(target), options)
    answer = target.send(requests.raw(request), "making a new session")
    if use:
        target.remember(request.parse(answer).id)
    _print(target, request, answer)


def checkpoint(target: Target) -> None:
    """Save the session now."""
    from agent_browser.client import requests, states

    request = states.saved(_session(target))
    answer = target.send(requests.raw(request), "saving the session")
    if target.json:
        print_json(answer)
        return
    made = request.parse(answer)
    say(f"{made.id} ({made.size} bytes; {made.written} written)")
    for loss in made.losses:
        say(line(f"not saved: {loss.what} {loss.where} ({loss.why})"))


def checkpoints(target: Target) -> None:
    """List the session's checkpoints, newest first: id, when, why, bytes, what was not saved."""
    from agent_browser.client import states

    request = states.checkpoints(_session(target))
    nothing = "no checkpoint is kept of this session"
    print_rows(target, request, "asking for the checkpoints", _cells, nothing=nothing)


def restore(
    target: Target, checkpoint: Annotated[str, typer.Argument(help="Its id, as listed.")]
) -> None:
    """Make the session what it was at a checkpoint; what it is now is given up."""
    from agent_browser.client import states

    _tell(target, states.restored(_session(target), checkpoint), "restoring the session")


def state_save(
    target: Target,
    file: Annotated[Path, typer.Argument(help="Where to; - is stdout. It has secrets in it.")],
    playwright: Annotated[
        bool, typer.Option("--playwright", help="Just what Playwright's storage_state has.")
    ] = False,
) -> None:
    """Write the session's cookies, storage and tabs to a file that only you can read."""
    from agent_browser.client import requests, states

    to_stdout = file == STDIO
    if not to_stdout:
        check_place(file)
    session = _session(target)
    request: Request[Any] = (
        states.storage_state(session) if playwright else requests.raw(states.state(session))
    )
    answer: dict[str, Any] = target.send(request, "asking for the state")
    if to_stdout:
        print_json(answer)
        return
    write_json(file, answer)
    cookies, origins = len(answer.get("cookies", ())), len(answer.get("origins", ()))
    if target.json:
        print_json({"session_id": session, "file": str(file)})
    else:
        say(f"{file} ({cookies} cookies, storage of {origins} origins)")


def state_load(
    target: Target,
    file: Annotated[
        Path, typer.Argument(help="What state save wrote, or a storage_state; - is stdin.")
    ],
    new: Annotated[
        bool, typer.Option("--new", help="Into a new session, which this shell goes on with.")
    ] = False,
) -> None:
    """Make the session what a file says, in the place of what it was."""
    from agent_browser.client import requests, states

    state = _read(file)
    if not new:
        _tell(target, states.put_state(_session(target), state), "loading the state")
        return
    made = target.send(requests.create_session({}), "making a new session").id
    try:
        _tell(target, states.put_state(made, state), "loading the state")
    except BaseException:
        target.send(requests.end_session(made, purge=True), "ending the new session")
        raise
    target.remember(made)


def _read(file: Path) -> dict[str, Any]:
    """The object in the file. Failed for what is none."""
    if file == STDIO:
        named, data = "stdin", sys.stdin.buffer.read()
    elif file.is_file():
        named, data = str(file), file.read_bytes()
    else:
        raise Failed(f"{file}: there is no such file", USAGE)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise Failed(f"{named}: not JSON", USAGE) from exc
    if not isinstance(found, dict):
        raise Failed(f"{named}: not a state, which is a JSON object", USAGE)
    return found


def _session(target: Target) -> str:
    """The session that is meant; one that is named may be named by the beginning of its id, or by
    its name.
    """
    chosen = target.choose()
    return session_of(target, None if chosen.remembered else chosen.id)


def _tell(target: Target, request: "Request[Session]", doing: str) -> None:
    from agent_browser.client import requests

    _print(target, request, target.send(requests.raw(request), doing))


def _print(target: Target, request: "Request[Session]", answer: dict[str, Any]) -> None:
    if target.json:
        print_json(answer)
        return
    from agent_browser.cli.tables import session_lines

    for text in session_lines(request.parse(answer)):
        say(text)


def _cells(one: "Checkpoint") -> tuple[str, ...]:
    from agent_browser.cli.tables import ago

    lost = ", ".join(dict.fromkeys(loss.what for loss in one.losses))
    told = (one.id, ago(one.created_at), one.cause, f"{one.size} bytes")
    return (*told, f"without {lost}") if lost else told
