"""The commands on secrets: what sessions type by name, and nobody reads. A value comes from stdin
or is asked for; command lines are seen by others.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import line, print_json, say
from agent_browser.cli.rows import print_rows
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.secrets import Secret

PANEL = "States"
Name = Annotated[str, typer.Argument(help="The secret's name.")]
SecretOption = Annotated[
    str | None, typer.Option("--secret", help="Type the secret of this name; nobody sees it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    group = typer.Typer(help="Passwords and codes that sessions type by name.")
    for name, command in (("set", put), ("list", listed), ("delete", delete)):
        client_command(group, name, without=("session",))(command)
    app.add_typer(group, name="secrets", rich_help_panel=PANEL)


def put(
    target: Target,
    name: Name,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Where it may be typed: https://acme.example, acme.example, *.acme.example; may "
            "be repeated."
        ),
    ] = None,
    any_origin: Annotated[
        bool, typer.Option("--any-origin", help="It may be typed anywhere.")
    ] = False,
    totp: Annotated[
        bool, typer.Option("--totp", help="It is an otpauth:// address, or its key: codes.")
    ] = False,
    description: Annotated[str | None, typer.Option(help="In words.")] = None,
) -> None:
    """Keep a secret: its value is the first line of stdin, or asked for on a terminal."""
    from agent_browser.client import requests, secrets

    if any_origin == bool(origin):
        raise Failed("say where it may be typed: --origin, or --any-origin", USAGE)
    value = _value("address or key" if totp else "value")
    fields = {
        "totp" if totp else "value": value,
        "origins": origin or [],
        "any_origin": any_origin,
        "description": description,
    }
    request = secrets.kept(name, fields)
    answer = target.send(requests.raw(request), "keeping the secret")
    if target.json:
        print_json(answer)
    else:
        say("\t".join(_cells(request.parse(answer))))


def listed(target: Target) -> None:
    """List secrets: name, kind, where they may be typed, when they were last, description."""
    from agent_browser.client import secrets

    request = secrets.listed()
    print_rows(target, request, "asking for the secrets", _cells, nothing="no secrets")


def delete(target: Target, name: Name) -> None:
    """Erase a secret; what was typed of it stays where it is."""
    from agent_browser.client import secrets

    target.send(secrets.deleted(name), "deleting the secret")
    if target.json:
        print_json({"secret": name, "deleted": True})
    else:
        say(f"deleted {line(name)}")


def typed(text: str | None, secret: str | None) -> str | dict[str, str]:
    """What an action is to type. Failed for both, or neither."""
    if (text is None) == (secret is None):
        raise Failed("give a text, or --secret NAME", USAGE)
    return {"secret": secret} if secret is not None else str(text)


def _value(what: str) -> str:
    if sys.stdin.isatty():
        value: str = typer.prompt(f"The secret's {what}", hide_input=True, err=True)
        return value
    try:
        text = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise Failed("stdin is not UTF-8 text", USAGE) from None
    value = text.rstrip("\r\n")
    if not value:
        raise Failed("there is no value on stdin", USAGE)
    return value


def _cells(one: "Secret") -> tuple[str, ...]:
    from agent_browser.cli.tables import ago

    places = "anywhere" if one.any_origin else ", ".join(one.origins)
    used = ago(one.last_used_at) if one.last_used_at is not None else "never typed"
    told = (one.name, one.kind, places, used)
    return (*told, line(one.description)) if one.description else told
