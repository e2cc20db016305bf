"""The commands on a session's rules for requests: route, unroute."""

import base64
import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.calls import read_input
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.network import PANEL, Many
from agent_browser.cli.printing import print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.routing import RuleState

MAX_FILE = 4 * 2**20


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "route", rich_help_panel=PANEL)(route)
    client_command(app, "unroute", rich_help_panel=PANEL)(unroute)


def route(
    target: Target,
    url: Annotated[
        str | None, typer.Argument(help="Glob of the whole address; without one, list the rules.")
    ] = None,
    block: Annotated[bool, typer.Option("--block", help="Don't let them out.")] = False,
    status: Annotated[int | None, typer.Option(help="Answer with this status.")] = None,
    body: Annotated[str | None, typer.Option(help="Answer with this text.")] = None,
    json_body: Annotated[str | None, typer.Option(help="Answer with this JSON.")] = None,
    file: Annotated[Path | None, typer.Option(help="Answer with this file's bytes.")] = None,
    content_type: Annotated[str | None, typer.Option(help="Of the answer.")] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="'Name: value', of the answer, else of the request; more than once."),
    ] = None,
    remove_header: Annotated[
        list[str] | None, typer.Option(help="Take it from the request; more than once.")
    ] = None,
    redirect: Annotated[str | None, typer.Option(help="Send them to this address.")] = None,
    delay: Annotated[int | None, typer.Option(help="Milliseconds to wait first.")] = None,
    type: Many = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Only this method; more than once.")
    ] = None,
    times: Annotated[int | None, typer.Option(help="So often at most.")] = None,
    rules: Annotated[
        str | None, typer.Option(help="All rules, as JSON with 'rules'; @file, - is stdin.")
    ] = None,
) -> None:
    """Add a rule for requests before they leave; or list the rules there are."""
    options: dict[str, Any]
    if rules is not None:
        options = {"action": "set", **read_input(rules, "--rules")}
    elif url is None:
        options = {"action": "list"}
    else:
        answer = {
            "status": status, "body": body, "content_type": content_type,
            **_json_of(json_body), **_bytes_of(file, content_type),
        }  # fmt: skip
        rule: dict[str, Any] = {
            "url": url, "headers": _headers_of(header), "remove_headers": remove_header,
            "to": redirect, "delay_ms": delay, "resource_types": type, "methods": method,
            "times": times, **answer,
        }  # fmt: skip
        given = {name: value for name, value in rule.items() if value is not None}
        if json_body is not None:
            given["json"] = rule["json"]
        answers = given.keys() & {"status", "body", "json", "base64", "content_type"}
        given["action"] = _action(given, block=block, answers=bool(answers))
        options = {"action": "add", "rules": [given]}
    _send(target, options)


def unroute(
    target: Target,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="As listed by route: rule1.")
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Every rule.")] = False,
) -> None:
    """Take rules away."""
    if bool(ids) == all:
        raise Failed("name the rules to take away (see 'agent-browser route'), or --all", USAGE)
    options: dict[str, Any] = {"action": "clear"} if all else {"action": "remove", "ids": ids}
    _send(target, options)


def _send(target: Target, options: dict[str, Any]) -> None:
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    asked = network.route(target.session(), options)
    said = target.send(calls.raw(asked), "changing the rules")
    if target.json:
        print_json(said)
        return
    _print_rules(asked.parse(said).rules)


def _json_of(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return {"json": json.loads(text)}
    except ValueError as exc:
        raise Failed(f"--json-body is not JSON: {exc}", USAGE) from exc


def _bytes_of(file: Path | None, content_type: str | None) -> dict[str, Any]:
    if file is None:
        return {}
    if file.stat().st_size > MAX_FILE:
        raise Failed(f"{file}: larger than {MAX_FILE} bytes", USAGE)
    kind = content_type or mimetypes.guess_type(file.name)[0]
    return {"base64": base64.b64encode(file.read_bytes()).decode(), "content_type": kind}


def _headers_of(given: list[str] | None) -> dict[str, str] | None:
    headers = {}
    for text in given or []:
        name, colon, value = text.partition(":")
        if not colon:
            raise Failed(f"--header {text!r} is not of the form 'Name: value'", USAGE)
        headers[name.strip()] = value.strip()
    return headers or None


def _action(given: dict[str, Any], *, block: bool, answers: bool) -> str:
    """What the options mean; Failed where they mean nothing or two things."""
    changes = not answers and bool(given.keys() & {"headers", "remove_headers"})
    meant = [
        name
        for name, is_meant in (
            ("block", block), ("fulfil", answers), ("redirect", "to" in given),
            ("headers", changes),
        )
        if is_meant
    ]  # fmt: skip
    if len(meant) > 1:
        raise Failed(f"a rule does one thing, not {' and '.join(meant)}", USAGE)
    if not meant and "delay_ms" not in given:
        raise Failed("say what to do: --block, --body, --header, --redirect or --delay", USAGE)
    return meant[0] if meant else "delay"


def _print_rules(rules: list["RuleState"]) -> None:
    for rule in rules:
        only = [*(rule.methods or ()), *(rule.resource_types or ())]
        what = rule.action if rule.status is None else f"{rule.action} {rule.status}"
        to = f" to {rule.to}" if rule.to else ""
        told = f"{rule.id}\t{what}{to}\t{rule.url}\t{','.join(only)}\t{rule.matched} matched"
        say(told)
    if not rules:
        say("no rules")
