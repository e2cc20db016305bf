"""A list on stdout: a row a line, its cells between tabs; with --json as the server gave it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from agent_browser.cli.printing import print_json, say
from agent_browser.cli.target import Target

if TYPE_CHECKING:
    from agent_browser.client.requests import Request


def print_rows(
    target: Target,
    request: "Request[Any]",
    doing: str,
    cells: Callable[[Any], Iterable[str]],
    *,
    nothing: str,
) -> None:
    """Ask for a list and print the cells of each of its items; that sentence where it has none."""
    from agent_browser.client import requests

    answer = target.send(requests.raw(request), doing)
    print_items(target, request, answer, cells, nothing=nothing)


def print_items(
    target: Target,
    request: "Request[Any]",
    answer: Any,
    cells: Callable[[Any], Iterable[str]],
    *,
    nothing: str,
) -> None:
    """The same of an answer that is there."""
    if target.json:
        print_json(answer)
        return
    items = request.parse(answer).items
    for one in items:
        say("\t".join(cells(one)))
    if not items:
        say(nothing)
