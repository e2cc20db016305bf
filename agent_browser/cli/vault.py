"""The commands on the key that states are encrypted with: `vault status`, `vault rotate`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.printing import note, print_json, say
from agent_browser.cli.progress import waiting

if TYPE_CHECKING:
    from agent_browser.store.rotation import Census, Rotated

PANEL = "Server"
_SOURCES = {
    "setting": "the key is from STATE_KEY",
    "file": "the key is in the file state.key in DATA_DIR",
    "none": "there is no key yet",
}


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    vault = typer.Typer(help="The key that states of sessions are encrypted with.")
    vault.command("status", rich_help_panel=PANEL)(status)
    vault.command("rotate", rich_help_panel=PANEL)(rotate)
    app.add_typer(vault, name="vault", rich_help_panel=PANEL)


def status(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say where the key is, and how many files of states have it.

    Nothing is changed, and the server may run.
    """
    from agent_browser.settings import load
    from agent_browser.store.rotation import census

    with waiting("looking at the states"):
        found = census(load())
    if json:
        print_json(asdict(found))
        return
    for line in _described(found):
        say(line)


def rotate(
    json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Make a new key, encrypt every state with it, and drop the old one. The server must not run.

    If it is interrupted nothing is lost: run it again. With STATE_KEY the new key is the first of
    STATE_KEY=new,old, and no file is made.
    """
    from agent_browser.settings import load
    from agent_browser.store.claim import Claim, InUse
    from agent_browser.store.rotation import OneKey
    from agent_browser.store.rotation import rotate as encrypt_anew

    try:
        settings = load()
        with waiting("encrypting the states") as progress, Claim(settings):
            done = encrypt_anew(
                settings, lambda files: progress.say(f"encrypting the states: {files} files")
            )
    except InUse as exc:
        raise Failed(f"a server uses {exc.folder}: end it first (agent-browser stop)") from exc
    except OneKey as exc:
        raise Failed(str(exc), USAGE) from exc
    if done.unusable:
        note(f"files that can't be read, and are left as they were: {done.unusable}")
    if json:
        print_json(asdict(done))
    else:
        say(_done(done))


def _done(done: "Rotated") -> str:
    files = done.rewritten + done.current
    old = "the old key is gone" if done.dropped else "the old key may be taken out of STATE_KEY now"
    return f"files of states that have the new key now: {files}; {old}"


def _described(found: "Census") -> list[str]:
    lines = [_SOURCES[found.key]]
    if found.keys > 1:
        lines.append(f"there are {found.keys} keys: vault rotate ends what was begun")
    lines.append(f"sessions, profiles and secrets that have states: {found.sessions}")
    counts = (
        ("files with the key", found.current),
        ("files with an older key that is there, for vault rotate", found.older),
        ("files with a key that is not there", found.locked),
        ("files of another program, or of a newer version", found.unreadable),
    )
    return lines + [f"{what}: {count}" for what, count in counts if count]
