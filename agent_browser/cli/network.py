"""The commands on a session's network and console."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_browser.cli.exits import Failed
from agent_browser.cli.files import check_place
from agent_browser.cli.printing import line, note, print_json, say
from agent_browser.cli.target import Target, client_command

if TYPE_CHECKING:
    from agent_browser.models.network import (
        Message,
        RequestOutput,
        Socket,
        Traffic,
    )

PANEL = "Network"

Tab = Annotated[str | None, typer.Option("--tab", help="t2 or active; all tabs if absent.")]
Clear = Annotated[bool, typer.Option("--clear", help="Forget them after printing.")]
Many = Annotated[list[str] | None, typer.Option("--type", help="Resource type; more than once.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    client_command(app, "requests", rich_help_panel=PANEL)(requests)
    client_command(app, "request", rich_help_panel=PANEL)(request)
    client_command(app, "console", rich_help_panel=PANEL)(console)
    client_command(app, "errors", rich_help_panel=PANEL)(errors)
    client_command(app, "traffic", rich_help_panel=PANEL)(traffic)
    har = typer.Typer(help="Record traffic as an HTTP archive.")
    client_command(har, "start")(har_start)
    client_command(har, "stop")(har_stop)
    app.add_typer(har, name="har", rich_help_panel=PANEL)


def requests(
    target: Target,
    filter: Annotated[
        str | None, typer.Option(help="A glob of the address, or a part of it.")
    ] = None,
    type: Many = None,
    status: Annotated[str | None, typer.Option(help="200, 4xx or 400-499.")] = None,
    method: Annotated[str | None, typer.Option(help="As POST.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    since: Annotated[str | None, typer.Option(help="After this id (r12) or time.")] = None,
    tab: Tab = None,
    limit: Annotated[int | None, typer.Option(help="At most so many (100).")] = None,
    offset: Annotated[int, typer.Option(help="Requests to leave out at the start.")] = 0,
    clear: Clear = False,
) -> None:
    """List what the session's pages asked of the network."""
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    options = {
        "url": filter, "type": type, "status": status, "method": method, "since": since,
        "failed": failed or None, "tab": tab, "limit": limit, "offset": offset or None,
        "clear": clear or None,
    }  # fmt: skip
    asked = network.listed(target.session(), options)
    answer = target.send(calls.raw(asked), "asking for the requests")
    if target.json:
        print_json(answer)
        return
    output = asked.parse(answer)
    for one in output.requests:
        say(_traffic_line(one))
    for socket in output.sockets:
        say(_socket_line(socket))
    if not output.requests:
        say("no requests" if not output.kept else f"no requests fit; {output.kept} are kept")
    shown = offset + len(output.requests)
    if shown < output.total:
        say(f"({output.total - shown} more; use --offset {shown})")
    if output.note is not None:
        note(output.note)


def traffic(target: Target) -> None:
    """Bytes that the session sent and received, by host: sent, received, refused, host."""
    from agent_browser.client import requests as calls
    from agent_browser.client import states

    asked = states.traffic(target.session())
    answer = target.send(calls.raw(asked), "asking for the traffic")
    if target.json:
        print_json(answer)
        return
    output = asked.parse(answer)
    for one in output.items:
        say("\t".join((*map(str, (one.bytes_up, one.bytes_down, one.denied)), line(one.host))))
    said = f"sent {output.bytes_up} bytes, received {output.bytes_down}"
    say(f"{said}; {output.denied} refused" if output.denied else said)


def request(
    target: Target,
    id: Annotated[str, typer.Argument(help="As listed by requests: r12.")],
    body: Annotated[bool, typer.Option("--body/--no-body", help="The answer's body too.")] = True,
    max_bytes: Annotated[int | None, typer.Option(help="Bytes of it to print (100000).")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the whole body to this file.")] = None,
    body_timeout: Annotated[
        str | None, typer.Option(help="How long to wait for a body: 10, 500ms.")
    ] = None,
) -> None:
    """Show one request: its headers, what was sent and what came."""
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    check_place(save)
    options = {
        "body": None if body or save else False, "max_bytes": max_bytes,
        "save": True if save else None, "body_timeout": body_timeout,
    }  # fmt: skip
    asked = network.whole(target.session(), id, options)
    answer = target.send(calls.raw(asked), "asking for the request")
    output = asked.parse(answer)
    if save is not None:
        if output.file is None:
            raise Failed(output.body_error or "there is no body to save")
        target.client.download(output.file, save)
    if target.json:
        print_json(answer)
        return
    for text in _request_lines(output):
        say(text)
    if save is not None and output.file is not None:
        note(f"{save} ({output.file.size} bytes)")


def console(
    target: Target,
    level: Annotated[
        list[str] | None,
        typer.Option(help="log, info, warning, error, debug or pageerror; more than once."),
    ] = None,
    query: Annotated[str | None, typer.Option(help="Only with this text.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only after this time, as 2026-11-21T10:00:00Z.")
    ] = None,
    tab: Tab = None,
    limit: Annotated[int | None, typer.Option(help="The newest so many (100).")] = None,
    clear: Clear = False,
) -> None:
    """Print what the pages wrote to their console."""
    options = {
        "level": level, "query": query, "since": since, "tab": tab, "limit": limit,
        "clear": clear or None,
    }  # fmt: skip
    _print_console(target, options, "nothing in the console")


def errors(
    target: Target,
    tab: Tab = None,
    limit: Annotated[int | None, typer.Option(help="The newest so many (100).")] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget all of the console after printing.")
    ] = False,
) -> None:
    """Print the errors of the pages: uncaught ones, and those of the console."""
    options = {
        "level": ["error", "pageerror"], "tab": tab, "limit": limit, "clear": clear or None,
    }  # fmt: skip
    _print_console(target, options, "no errors")


def har_start(
    target: Target,
    content: Annotated[
        str | None, typer.Option(help="embed bodies (the default), or omit.")
    ] = None,
    filter: Annotated[
        str | None, typer.Option(help="A glob of the address, or a part of it.")
    ] = None,
) -> None:
    """Record the session's traffic from now on."""
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    asked = network.har(target.session(), "start", {"content": content, "url": filter})
    answer = target.send(calls.raw(asked), "starting the HAR")
    if target.json:
        print_json(answer)
    else:
        say("recording; 'agent-browser har stop FILE' ends it")


def har_stop(
    target: Target,
    file: Annotated[Path | None, typer.Argument(help="Where to write it.")] = None,
) -> None:
    """End the recording and get the file."""
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    check_place(file)
    asked = network.har(target.session(), "stop", {})
    answer = target.send(calls.raw(asked), "writing the HAR")
    output = asked.parse(answer)
    if output.har is not None and file is not None:
        target.client.download(output.har, file)
    if target.json:
        print_json(answer)
        return
    left_out = f", {output.omitted} bodies left out" if output.omitted else ""
    where = file if file is not None else output.har.url if output.har else "nowhere"
    say(f"{where} ({output.entries} requests{left_out})")
    if not output.complete:
        note("the recording had ended before, at its bound")


def _print_console(target: Target, options: dict[str, Any], nothing: str) -> None:
    from agent_browser.client import network
    from agent_browser.client import requests as calls

    asked = network.console(target.session(), options)
    answer = target.send(calls.raw(asked), "asking for the console")
    if target.json:
        print_json(answer)
        return
    output = asked.parse(answer)
    for message in output.messages:
        say(_message_line(message))
    if not output.messages:
        say(nothing)
    elif len(output.messages) < output.total:
        say(f"({output.total - len(output.messages)} older; use --limit)")


def _traffic_line(one: "Traffic") -> str:
    status = one.failure or (str(one.status) if one.status is not None else one.state)
    size = "cache" if one.from_cache else _amount(one.transferred)
    time = f"{one.total_ms:.0f} ms" if one.total_ms is not None else "-"
    return "\t".join((one.id, one.method, status, one.type, size, time, line(one.url)))


def _socket_line(socket: "Socket") -> str:
    frames = f"{socket.sent} sent, {socket.received} received"
    return "\t".join((socket.id, "WS", socket.state, "websocket", frames, "-", line(socket.url)))


def _request_lines(output: "RequestOutput") -> Iterator[str]:
    yield _traffic_line(output.request)
    for hop in output.redirects:
        yield f"  {hop.id or '-'} {hop.status or '-'} {line(hop.url)}"
    for mark, headers in ((">", output.request_headers), ("<", output.response_headers)):
        for header in headers:
            yield f"{mark} {header.name}: {line(header.value, longest=2_000)}"
        if mark == ">" and output.post_data is not None:
            yield output.post_data
    if output.body is not None:
        yield ""
        yield output.body
    elif output.body_base64 is not None:
        yield f"(a body of {output.body_size} bytes that is no text; use --save FILE)"
    if output.truncated and output.file is not None:
        yield f"(cut; all {output.body_size} bytes: {output.file.url})"
    if output.body_error is not None:
        yield f"(no body: {output.body_error})"


def _message_line(message: "Message") -> str:
    place = f" ({line(message.url)}:{message.line}:{message.column})" if message.url else ""
    return f"{message.level}\t{line(message.text, longest=2_000)}{place}"


def _amount(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size} B" if size < 10_000 else f"{size / 1_000:.0f} kB"
