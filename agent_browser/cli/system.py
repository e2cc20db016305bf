"""The commands on the machine and its server: serve, stop, install, doctor, demo."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_browser.cli.exits import FAILED, Failed
from agent_browser.cli.printing import note, print_json, say
from agent_browser.cli.progress import Progress, waiting
from agent_browser.cli.target import Target, client_command

PANEL = "Server"


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.command("serve", rich_help_panel=PANEL)(serve)
    client_command(app, "stop", without=("session", "autostart"), rich_help_panel=PANEL)(stop)
    client_command(app, "drain", without=("session", "autostart"), rich_help_panel=PANEL)(drain)
    app.command("install", rich_help_panel=PANEL)(install)
    client_command(app, "doctor", without=("session", "autostart"), rich_help_panel=PANEL)(doctor)
    client_command(app, "demo", without=("session",), rich_help_panel=PANEL)(demo)


def serve() -> None:
    """Run the server in the foreground; it has an option for every setting."""
    raise AssertionError("whole_serve stands in for this before it is called")


def whole_serve() -> Any:
    """`serve` with its options, as a command of the program."""
    from agent_browser.cli import serve as module

    app = typer.Typer(add_completion=False)
    app.command("serve")(module.command())
    return typer.main.get_command(app)


def stop(target: Target) -> None:
    """End the server in the background; the next one goes on with its sessions."""
    grace = target.settings.shutdown_timeout + 10.0
    with waiting("waiting for the server to end"):
        server = target.background.stop(grace=grace)
        answers = server is None and target.client.is_alive()
    if answers:
        raise Failed(
            f"the server at {target.address.url} was not started in the background; "
            "end it where it was started"
        )
    if target.json:
        print_json({"stopped": server is not None, "pid": server.pid if server else None})
    elif server is None:
        note(f"no server runs in the background for {target.address.url}")
    else:
        say(f"stopped the server at {server.url} (process {server.pid})")


def drain(
    target: Target,
    end: Annotated[bool, typer.Option("--end", help="Take sessions again.")] = False,
) -> None:
    """Let the server take no new sessions: those that live go on, and it stays. For admins."""
    from agent_browser.client import keys, requests

    request = keys.taken_again() if end else keys.held_off()
    with waiting("telling the server"):
        answer = target.client.send(requests.raw(request))
    if target.json:
        print_json(answer)
        return
    now = request.parse(answer)
    words = "takes no new sessions" if now.draining else "takes sessions"
    say(f"the server at {target.address.url} {words}; {now.live} live, {now.opening} being opened")


def install(
    full: Annotated[bool, typer.Option("--full", help="The whole Chromium, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON.")] = False,
) -> None:
    """Bring the browser and ffmpeg, where they are missing."""
    from agent_browser.browser.install import install as bring
    from agent_browser.settings import load

    with waiting("installing") as progress:
        done = bring(_reporter(progress), full=full, settings=load())
    for warning in done.warnings:
        note(warning)
    if json:
        print_json(
            {
                "browser": str(done.executable.path),
                "version": done.version,
                "source": done.executable.source,
                "ffmpeg": str(done.ffmpeg) if done.ffmpeg else None,
                "done": list(done.done),
                "warnings": list(done.warnings),
            }
        )
    else:
        say(f"{done.version} is at {done.executable.path}")


def _reporter(progress: Progress) -> Callable[[str], None]:
    def report(words: str) -> None:
        note(words)
        progress.say(words)

    return report


def _bring_what_is_missing(target: Target) -> None:
    """A server that this command will start needs a browser on this machine."""
    from agent_browser.browser.install import install as bring
    from agent_browser.browser.install import is_ready

    if target.may_start and not target.client.is_alive() and not is_ready(target.settings):
        with waiting("installing") as progress:
            bring(_reporter(progress), settings=target.settings)


def doctor(target: Target) -> None:
    """Look at all that a server needs here, and say how to cure what is wrong."""
    from agent_browser.cli.doctor import examine, print_findings

    with waiting("examining") as progress:
        findings = examine(target, progress.say)
    if target.json:
        print_json({"checks": [vars(finding) for finding in findings]})
    else:
        print_findings(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(FAILED)


def demo(
    target: Target,
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the screenshot.")] = Path(
        "agent-browser-demo.png"
    ),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running.")] = False,
) -> None:
    """Show it all on a page of its own: open, look, fill, click, picture, video."""
    from agent_browser.cli.demo import show

    _bring_what_is_missing(target)
    try:
        shown = show(target, Path(os.path.abspath(output)))
        if target.json:
            print_json(shown)
    finally:
        if target.started_here and not keep:
            with waiting("ending the server"):
                target.background.stop(grace=target.settings.shutdown_timeout + 10.0)
