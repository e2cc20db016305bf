"""The commands on tabs and dialogs: tab list, new, switch, close; dialog accept, dismiss, …"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from agent_browser.cli.actions import PANEL, act, done
from agent_browser.cli.printing import line, print_json, say, waiting_line
from agent_browser.cli.target import Target, client_command

Tab = Annotated[str, typer.Argument(metavar="TAB", help="Its id, such as t2.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    tab = typer.Typer(help="The session's tabs: list, new, switch, close.")
    for name, command in (("list", list_), ("new", new), ("switch", switch), ("close", close)):
        client_command(tab, name)(command)
    app.add_typer(tab, name="tab", rich_help_panel=PANEL)
    dialog = typer.Typer(help="The dialog that waits: accept, dismiss, status.")
    loose = {"ignore_unknown_options": True}  # a text may begin with a dash
    client_command(dialog, "accept", context_settings=loose)(accept)
    client_command(dialog, "dismiss")(dismiss)
    client_command(dialog, "status")(status)
    app.add_typer(dialog, name="dialog", rich_help_panel=PANEL)


def tab_lines(tabs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line a tab; the active one is marked."""
    for tab in tabs:
        mark = "*" if tab.get("active") else " "
        title, url = line(str(tab.get("title") or "")), line(str(tab.get("url")))
        where = f"{title} — {url}" if title else url
        opener = f" (opened by {tab['opener']})" if tab.get("opener") else ""
        yield f"{mark} {tab.get('id')}  {where}{opener}"


def list_(target: Target) -> None:
    """List the open tabs; the one that commands act on is marked with a star."""
    answer = done(target, "tab_list", snapshot=False)
    if target.json:
        print_json(answer)
        return
    for text in tab_lines(answer.get("tabs") or []):
        say(text)
    waiting = waiting_line(answer)
    if waiting:
        say(waiting)


def new(
    target: Target,
    url: Annotated[str | None, typer.Argument(help="Where it goes; a blank tab if absent.")] = None,
    timeout: Annotated[str | None, typer.Option(help="How long it may take: 30, 90s.")] = None,
) -> None:
    """Open a tab and make it the active one."""
    act(target, "tab_new", url=url, timeout=timeout)


def switch(target: Target, tab: Tab) -> None:
    """Make a tab the active one."""
    act(target, "tab_switch", tab=tab)


def close(
    target: Target,
    tab: Annotated[str | None, typer.Argument(help="Its id; the active one if absent.")] = None,
) -> None:
    """Close a tab."""
    act(target, "tab_close", tab=tab)


def accept(
    target: Target,
    text: Annotated[str | None, typer.Argument(help="What a prompt is told.")] = None,
    tab: Annotated[str | None, typer.Option(help="The dialog of this tab, such as t2.")] = None,
) -> None:
    """Accept the dialog that waits."""
    act(target, "dialog", accept=True, text=text, tab=tab)


def dismiss(
    target: Target,
    tab: Annotated[str | None, typer.Option(help="The dialog of this tab, such as t2.")] = None,
) -> None:
    """Dismiss the dialog that waits."""
    act(target, "dialog", accept=False, tab=tab)


def status(target: Target) -> None:
    """Say which dialog waits, if one does."""
    answer = done(target, "tab_list", snapshot=False)
    if target.json:
        print_json({"dialog": answer.get("dialog")})
        return
    say(waiting_line(answer) or "no dialog waits")
