"""The command line as it is: each command with its arguments and options, read from the program."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from agent_browser.cli import system
from agent_browser.cli.main import NAME, program

SHARED = ("--session", "--json", "--url", "--autostart")
"""Options that most commands have, with one meaning in all."""


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command; `names` as they are typed."""

    field: str
    names: tuple[str, ...]
    help: str
    is_option: bool
    takes_value: bool
    kind: str
    """What its value is called, where the program says it."""
    required: bool
    hidden: bool


@dataclass(frozen=True)
class Command:
    """A command by its full name, without the program's: `open`, `app run`."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Its options, but for those that are hidden."""
        return tuple(one for one in self.parameters if one.is_option and not one.hidden)

    @property
    def usage(self) -> str:
        """How it is typed, options left out."""
        words = [
            one.names[0].upper() if one.required else f"[{one.names[0].upper()}]"
            for one in self.parameters
            if not one.is_option
        ]
        return " ".join([NAME, self.name, *words])


def commands() -> list[Command]:
    """Every command, in the order of the program's help."""
    return list(_walk("", typer.main.get_command(program())))


def serve_options() -> dict[str, Parameter]:
    """The options of `serve`, which are made when it is called, by the names of their settings."""
    return {str(one.name): _parameter(one) for one in system.whole_serve().params}


def _walk(name: str, found: Any) -> Iterator[Command]:
    below = getattr(found, "commands", None)
    if below:
        for word, command in below.items():
            yield from _walk(f"{name} {word}".strip(), command)
        return
    yield Command(name, str(found.help or ""), tuple(map(_parameter, found.params)))


def _parameter(found: Any) -> Parameter:
    is_option = found.param_type_name == "option"
    name = (found.metavar or found.name).lower()
    return Parameter(
        str(found.name),
        (*found.opts, *found.secondary_opts) if is_option else (name,),
        str(getattr(found, "help", None) or ""),
        is_option,
        is_option and not found.is_flag,
        str(found.metavar or ""),
        bool(found.required),
        bool(getattr(found, "hidden", False)),
    )
