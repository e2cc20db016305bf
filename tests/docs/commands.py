"""The command line as its documentation has to have it: `serve` with its options apart."""

from agent_browser.cli import system
from agent_browser.cli.commands import (
    SHARED,
    Command,
    Parameter,
    declared_commands,
    parameter,
)
from agent_browser.cli.main import program

__all__ = ["SHARED", "Command", "Parameter", "commands", "serve_options"]


def commands() -> list[Command]:
    """Every command, in the order of the program's help."""
    return declared_commands(program())


def serve_options() -> dict[str, Parameter]:
    """The options of `serve`, which are made when it is called, by the names of their settings."""
    return {str(one.name): parameter(one) for one in system.whole_serve().params}
