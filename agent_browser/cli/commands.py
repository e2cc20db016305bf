"""The command line as it is: each command with its arguments and options, read from the program;
and `commands`, which prints that.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from agent_browser.cli.printing import print_json, say

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
    type: str
    """text, integer, number, boolean, path, and so on."""
    required: bool
    repeatable: bool
    hidden: bool
    default: Any
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command by its full name, without the program's: `open`, `app run`."""

    name: str
    help: str
    group: str
    parameters: tuple[Parameter, ...]

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Its options, but for those that are hidden."""
        return tuple(one for one in self.parameters if one.is_option and not one.hidden)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """What it takes without a name."""
        return tuple(one for one in self.parameters if not one.is_option)

    @property
    def usage(self) -> str:
        """How it is typed, options left out."""
        words = [
            (one.names[0].upper() if one.required else f"[{one.names[0].upper()}]")
            + ("..." if one.repeatable else "")
            for one in self.arguments
        ]
        return " ".join(["agent-browser", self.name, *words])

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "name": self.name,
            "usage": self.usage,
            "help": self.help,
            "group": self.group,
            "arguments": [_as_json(one) for one in self.arguments],
            "options": [_as_json(one) for one in self.options],
        }


def register(app: typer.Typer) -> None:
    """Add `commands` to the program."""
    app.command("commands", rich_help_panel="Scripts")(commands)


def commands(
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="All arguments and options, and the inputs of functions, compare and scrape.",
        ),
    ] = False,
) -> None:
    """List every command; with --json, all that can be typed and every call's input."""
    from agent_browser.cli.main import program

    found = every_command(program())
    if json:
        listed = [one.as_json() for one in found]
        print_json({"commands": listed, "functions": _functions(), "requests": _requests()})
        return
    width = max(len(one.usage) for one in found)
    for one in found:
        say(f"{one.usage:<{width}}  {_first_sentence(one.help)}")


def every_command(app: typer.Typer) -> list[Command]:
    """Every command of a program, in the order of its help."""
    from agent_browser.cli.system import whole_serve

    found = []
    for command in _walk("", typer.main.get_command(app)):
        whole = _command("serve", whole_serve()) if command.name == "serve" else command
        found.append(whole)
    return found


def declared_commands(app: typer.Typer) -> list[Command]:
    """The same, but for the options that `serve` makes when it is called."""
    return list(_walk("", typer.main.get_command(app)))


def parameter(found: Any) -> Parameter:
    """What is known of one argument or option of the command line's parser."""
    is_option = found.param_type_name == "option"
    name = (found.metavar or found.name).lower()
    return Parameter(
        str(found.name),
        (*found.opts, *found.secondary_opts) if is_option else (name,),
        str(getattr(found, "help", None) or ""),
        is_option,
        is_option and not found.is_flag,
        str(found.metavar or ""),
        _type_of(found),
        bool(found.required),
        bool(getattr(found, "multiple", False)) or found.nargs == -1,
        bool(getattr(found, "hidden", False)),
        _default(found),
        tuple(map(str, getattr(getattr(found, "type", None), "choices", ()))),
    )


def _walk(name: str, found: Any) -> Iterator[Command]:
    below = getattr(found, "commands", None)
    if below:
        for word, command in below.items():
            yield from _walk(f"{name} {word}".strip(), command)
        return
    yield _command(name, found)


def _command(name: str, found: Any) -> Command:
    group = getattr(found, "rich_help_panel", None)
    return Command(
        name,
        str(found.help or ""),
        group if isinstance(group, str) else "",
        tuple(map(parameter, found.params)),
    )


_TYPES = {str: "text", int: "integer", float: "number", bool: "boolean", Path: "path"}


def _type_of(found: Any) -> str:
    """What a value of it is; releases of typer differ in where they keep that."""
    descriptor = getattr(found, "type_descriptor", None)
    if descriptor is None:
        return str(found.type.name)
    annotation = descriptor.annotation
    (of,) = get_args(annotation)[:1] or (annotation,)
    return _TYPES.get(of, getattr(of, "__name__", str(of)).lower())


def _default(found: Any) -> Any:
    value = found.default
    if isinstance(value, str | int | float | bool):
        return value
    return list(value) if isinstance(value, list | tuple) else None


def _as_json(one: Parameter) -> dict[str, Any]:
    said = asdict(one)
    for name in ("is_option", "hidden", "field"):
        del said[name]
    if not one.is_option:
        del said["takes_value"]
    return said


def _functions() -> dict[str, Any]:
    """The input of every function, as JSON Schema."""
    from agent_browser.models.catalogue import INPUTS

    return {name: input.model_json_schema() for name, input in INPUTS.items()}


def _requests() -> dict[str, Any]:
    """The bodies of the requests that are no function of a session, as JSON Schema."""
    from agent_browser.models.base import Input
    from agent_browser.models.comparing import CompareInput
    from agent_browser.models.scraping import ScrapeInput

    inputs: dict[str, type[Input]] = {"compare": CompareInput, "scrape": ScrapeInput}
    return {name: input.model_json_schema() for name, input in inputs.items()}


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
