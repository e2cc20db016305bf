"""The commands on profiles: saved states that sessions start from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.files import check_place, write_json, write_text
from agent_browser.cli.found import session_of
from agent_browser.cli.printing import json_line, line, print_json, say
from agent_browser.cli.rows import print_rows
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.profiles import Profile

PANEL = "States"
STDOUT = Path("-")
Name = Annotated[str, typer.Argument(help="The profile's name.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "profiles", without=("session",), rich_help_panel=PANEL)(profiles)
    group = typer.Typer(help="One profile: a saved login that sessions start from.")
    client_command(group, "save")(save)
    for name, command in (("show", show), ("export", export), ("delete", delete)):
        client_command(group, name, without=("session",))(command)
    app.add_typer(group, name="profile", rich_help_panel=PANEL)


def profiles(target: Target) -> None:
    """List profiles: name, cookies, origins, bytes, when it was saved, description."""
    from agent_browser.client import profiles

    request = profiles.listed()
    print_rows(target, request, "asking for the profiles", _cells, nothing="no profiles")


def save(
    target: Target,
    name: Name,
    file: Annotated[
        str | None,
        typer.Option(
            help="From this file: Playwright's storage_state, or of state save; - is stdin."
        ),
    ] = None,
    cookies: Annotated[
        str | None, typer.Option(help="From this cookies.txt, of curl's form; - is stdin.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="From what the session was at this checkpoint.")
    ] = None,
    keep_state: Annotated[
        bool, typer.Option("--keep-state", help="From nothing: change only what is given.")
    ] = False,
    description: Annotated[str | None, typer.Option(help="In words; '' takes it away.")] = None,
    options: Annotated[
        str | None,
        typer.Option(
            help="Options of open that sessions from it have, as JSON; @file, - is stdin."
        ),
    ] = None,
    idle: Annotated[str | None, typer.Option(help="Idle timeout of its sessions: 90s.")] = None,
    max_duration: Annotated[
        str | None, typer.Option(help="How long its sessions live at most.")
    ] = None,
    warning: Annotated[
        str | None, typer.Option(help="Its sessions are warned so long before.")
    ] = None,
    retention: Annotated[
        str | None, typer.Option(help="Its sessions are remembered so long after.")
    ] = None,
    on_idle: Annotated[
        str | None, typer.Option(help="What its idle ones become: auto, hibernate, freeze, end.")
    ] = None,
    auto_renew: Annotated[
        bool | None, typer.Option("--auto-renew/--no-auto-renew", help="Whether use renews them.")
    ] = None,
) -> None:
    """Save the session's login under a name, or a file's: cookies, storage, passkeys, no tabs. What
    is not given stays as it was.
    """
    from agent_browser.client import profiles, requests

    fields = _source(target, file, cookies, checkpoint, keep_state=keep_state)
    timeouts = {
        "idle": idle, "max_duration": max_duration, "warning": warning, "retention": retention,
        "on_idle": on_idle, "auto_renew": auto_renew,
    }  # fmt: skip
    asked = {key: value for key, value in timeouts.items() if value is not None}
    if asked:
        fields["timeouts"] = asked
    if options is not None:
        fields["options"] = read_input(options, "--options")
    if description is not None:
        fields["description"] = description or None
    request = profiles.saved(name, fields)
    answer = target.send(requests.raw(request), "saving the profile")
    if target.json:
        print_json(answer)
        return
    _tell(request.parse(answer))


def show(target: Target, name: Name) -> None:
    """Show a profile: what it has, how much it holds; secrets masked."""
    from agent_browser.client import profiles, requests

    request = profiles.shown(name)
    answer = target.send(requests.raw(request), "asking for the profile")
    if target.json:
        print_json(answer)
        return
    _tell(request.parse(answer))


def export(
    target: Target,
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="Where to; - is stdout. It has secrets in it.")
    ] = STDOUT,
    playwright: Annotated[
        bool, typer.Option("--playwright", help="Just what Playwright's storage_state has.")
    ] = False,
    cookies: Annotated[
        bool, typer.Option("--cookies", help="Only cookies, as a cookies.txt of curl's form.")
    ] = False,
) -> None:
    """Write what a profile holds to a file that only you can read; Playwright takes it in any case,
    and so does profile save.
    """
    from agent_browser.client import profiles, requests

    if playwright and cookies:
        raise Failed("--playwright and --cookies don't go together", USAGE)
    if file != STDOUT:
        check_place(file)
    if cookies:
        document = target.send(profiles.state(name), "asking for its cookies")
        _write_cookies(file, document.cookies)
        held = len(document.cookies)
    else:
        whole = requests.raw(profiles.state(name))
        request = profiles.storage_state(name) if playwright else whole
        answer: dict[str, Any] = target.send(request, "asking for its state")
        held = len(answer.get("cookies", ()))
        if file == STDOUT:
            print_json(answer)
        else:
            write_json(file, answer)
    if file == STDOUT:
        return
    if target.json:
        print_json({"profile": name, "file": str(file)})
    else:
        say(f"{file} ({held} cookies)")


def delete(target: Target, name: Name) -> None:
    """Erase a profile; sessions that started from it stay as they are."""
    from agent_browser.client import profiles

    target.send(profiles.deleted(name), "deleting the profile")
    if target.json:
        print_json({"profile": name, "deleted": True})
    else:
        say(f"deleted {line(name)}")


def _source(
    target: Target,
    file: str | None,
    cookies: str | None,
    checkpoint: str | None,
    *,
    keep_state: bool,
) -> dict[str, Any]:
    """Where its state comes from: the session, if no file is named."""
    if sum((file is not None, cookies is not None, keep_state)) > 1:
        raise Failed("--file, --cookies and --keep-state don't go together", USAGE)
    if checkpoint is not None and (file is not None or cookies is not None or keep_state):
        raise Failed("--checkpoint is one of a session's", USAGE)
    if file is not None:
        return {"storage_state": read_input(file if file == "-" else f"@{file}", "--file")}
    if cookies is not None:
        return {"cookies": _read_text(cookies)}
    if keep_state:
        return {}
    chosen = target.choose()
    session = session_of(target, None if chosen.remembered else chosen.id)
    return {"session_id": session, "checkpoint": checkpoint}


def _read_text(file: str) -> str:
    import sys

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode()
    except (OSError, UnicodeDecodeError) as exc:
        why = (exc.strerror or str(exc)) if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise Failed(f"--cookies: can't read {file}: {why}", USAGE) from exc


def _write_cookies(file: Path, cookies: list[Any]) -> None:
    from agent_browser.models import cookiefile

    try:
        text = cookiefile.written(cookies)
    except ValueError as exc:
        raise Failed(f"--cookies: {exc}") from exc
    if file == STDOUT:
        print(text, end="")
    else:
        write_text(file, text)


def _cells(one: "Profile") -> tuple[str, ...]:
    from agent_browser.cli.tables import ago

    held = (f"{one.cookies} cookies", f"{len(one.origins)} origins", f"{one.size} bytes")
    told = (one.name, *held, ago(one.updated_at))
    return (*told, line(one.description)) if one.description else told


def _tell(one: "Profile") -> None:
    rows = {
        "profile": one.name,
        "about": line(one.description or ""),
        "saved": one.updated_at.isoformat(timespec="seconds"),
        "holds": f"{one.cookies} cookies, {one.passkeys} passkeys, {one.size} bytes",
        "origins": ", ".join(one.origins),
        "timeouts": json_line(one.timeouts) if one.timeouts else "",
        "options": json_line(one.options) if one.options else "",
    }
    for head, text in rows.items():
        if text:
            say(f"{head:<9} {text}")
    for loss in one.losses:
        say(line(f"not saved: {loss.what} {loss.where} ({loss.why})"))
