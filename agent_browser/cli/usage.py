"""The commands on what owners have and may have: `usage` and `quotas`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.usage import Quota

PANEL = "Server"
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "usage", without=("session",), rich_help_panel=PANEL)(usage)
    client_command(app, "quotas", without=("session",), rich_help_panel=PANEL)(quotas)


def usage(
    target: Target,
    owner: Annotated[str | None, typer.Option(help="Another's; for an admin's key.")] = None,
) -> None:
    """Show what is used of each quota: name, used, limit, when it counts anew."""
    from agent_browser.client import requests, usage

    request = usage.usage(owner)
    answer = target.send(requests.raw(request), "asking for the usage")
    if target.json:
        print_json(answer)
        return
    for quota in request.parse(answer).quotas:
        say("\t".join(_cells(quota)))


def quotas(
    target: Target,
    owner: Annotated[str, typer.Argument(help="The owner.")],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=LIMIT",
            help="Give the owner this limit, 0 for none; those not named are the server's again.",
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="All are the server's again.")] = False,
) -> None:
    """Show an owner's limits, or give it others; for an admin's key."""
    from agent_browser.client import requests, usage

    limits = dict(_limit(text) for text in sets or ())
    if limits and reset:
        raise Failed("--set and --reset do not go together", USAGE)
    request = usage.given(owner, limits) if limits or reset else usage.quotas(owner)
    answer = target.send(requests.raw(request), "asking for the quotas")
    if target.json:
        print_json(answer)
        return
    told = request.parse(answer)
    for name, limit in told.limits.items():
        whose = "given" if name in told.given else "server's"
        say(f"{name}\t{'none' if limit is None else limit}\t{whose}")


def _limit(text: str) -> tuple[str, int]:
    from agent_browser.models.usage import QUOTAS

    name, equals, value = text.partition("=")
    if name not in QUOTAS or not equals or not value.isdecimal():
        raise Failed(f"--set {text}: it is NAME=LIMIT, with one of {', '.join(QUOTAS)}", USAGE)
    return name, int(value)


def _cells(quota: "Quota") -> tuple[str, str, str, str]:
    limit = "no limit" if quota.limit is None else f"of {_amount(quota, quota.limit)}"
    when = quota.resets_at
    return (
        quota.name,
        _amount(quota, quota.used),
        limit,
        "" if when is None else f"anew {when.isoformat(timespec='seconds')}",
    )


def _amount(quota: "Quota", count: Any) -> str:
    if quota.unit == "bytes":
        for size, unit in _SIZES:
            if count >= size:
                return f"{count / size:.1f} {unit}"
        return f"{count} bytes"
    return f"{count} s" if quota.unit == "seconds" else str(count)
