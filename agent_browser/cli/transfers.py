"""The short commands for files: what was downloaded, and what is given to the page."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agent_browser.cli.actions import Ref, Timeout, act
from agent_browser.cli.exits import USAGE, Failed
from agent_browser.cli.files import check_place
from agent_browser.cli.printing import line, print_json, say
from agent_browser.cli.rows import print_rows
from agent_browser.cli.target import Target, client_command

PANEL = "Files"


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (downloads, download, upload, uploads):
        client_command(app, command.__name__, rich_help_panel=PANEL)(command)


def downloads(
    target: Target,
    to: Annotated[Path | None, typer.Option(help="Save the files into this folder.")] = None,
    zip: Annotated[Path | None, typer.Option(help="Save all in one zip file.")] = None,
) -> None:
    """List what the session downloaded, an ended one too; save it where asked."""
    from agent_browser.client import requests, transfers

    if to is not None and not to.is_dir():
        raise Failed(f"{to}: there is no such folder", USAGE)
    check_place(zip)
    request = transfers.downloads(target.session(), {"zip": True if zip else None})
    answer = target.send(requests.raw(request), "asking for the downloads")
    output = request.parse(answer)
    if target.json:
        print_json(answer)
    elif not output.downloads:
        say("nothing was downloaded")
    for one in output.downloads:
        if not target.json:
            what = f"{one.size} bytes" if one.artifact is not None else one.error or one.state
            say(f"{one.state}\t{line(one.name)}\t{what}\t{line(one.url, longest=200)}")
    if zip is not None:
        if output.zip is None:
            raise Failed("there is nothing to put into a zip file")
        target.client.download(output.zip, zip)
    if to is not None:
        kept = [one.artifact for one in output.downloads if one.artifact is not None]
        for artifact in kept:
            target.client.download(artifact, _free(to, artifact.filename))


def download(
    target: Target,
    ref: Ref,
    file: Annotated[Path, typer.Argument(help="Where to; a folder keeps the file's own name.")],
    timeout: Annotated[
        str | None, typer.Option(help="How long each may take, the click (5) and the file (30).")
    ] = None,
) -> None:
    """Click an element and save what it downloads."""
    from agent_browser.client import requests
    from agent_browser.models.artifacts import Artifact

    if not file.is_dir():
        check_place(file)
    session = target.session()
    answer: dict[str, Any] = {}
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("click", {"ref": ref, "timeout": timeout}),
        ("wait", {"download": True, "timeout": timeout or "30"}),
    )
    for action, more in steps:
        request = requests.interact(session, action, {"snapshot": False, **more})
        answer = target.send(requests.raw(request), "waiting for the download")
        failed = [one for one in answer.get("unfinished_downloads") or () if one.get("error")]
        if failed:
            raise Failed(f"{failed[0].get('name')} was not downloaded: {failed[0]['error']}")
        if not answer.get("success"):
            raise Failed(str(answer.get("message") or f"{action} was not done"))
        if answer.get("downloads"):
            break
    else:
        raise Failed("nothing was downloaded")
    artifact = Artifact.model_validate(answer["downloads"][0])
    place = _free(file, artifact.filename) if file.is_dir() else file
    target.client.download(artifact, place)
    if target.json:
        print_json(answer)
    else:
        say(f"{place} ({artifact.size} bytes)")


def upload(
    target: Target,
    ref: Ref,
    files: Annotated[list[Path] | None, typer.Argument(help="Files of this machine.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Drop them on the element.")] = False,
    chooser: Annotated[
        bool, typer.Option("--chooser", help="Into the file chooser that waits; without REF.")
    ] = False,
    timeout: Timeout = None,
) -> None:
    """Give files to a file input, to what opens a chooser, or to where they are dropped."""
    given = [Path(ref)] if chooser else []
    given += files or []
    if not given:
        raise Failed("upload needs a file: upload REF FILE, or upload --chooser FILE", USAGE)
    if chooser and drop:
        raise Failed("--drop and --chooser don't go together", USAGE)
    _check_files(given)
    named = None if chooser else ref
    names = _send_files(target, target.session(), given)
    act(target, "upload", ref=named, file_paths=names, drop=drop or None, timeout=timeout)


def uploads(
    target: Target,
    put: Annotated[
        list[Path] | None, typer.Option(help="Put this file of this machine there; repeatable.")
    ] = None,
    delete: Annotated[list[str] | None, typer.Option(help="Erase the file of this name.")] = None,
) -> None:
    """List the files that were put into the session; put some there, or erase some."""
    from agent_browser.client import transfers

    _check_files(put or [])
    session = target.session()
    for name in delete or ():
        target.send(transfers.delete_upload(session, name), "erasing a file")
    if put:
        _send_files(target, session, put)
    print_rows(
        target,
        transfers.list_uploads(session),
        "asking for the files",
        lambda one: filter(None, (line(one.name), f"{one.size} bytes", one.content_type)),
        nothing="no file was put into this session",
    )


def _check_files(files: list[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise Failed(f"{file}: there is no such file", USAGE)


def _send_files(target: Target, session: str, files: list[Path]) -> list[str]:
    """Put them into the session; the names that they have there."""
    from agent_browser.client import transfers

    with transfers.opened(files) as parts:
        sent = target.send(transfers.upload(session, parts), "sending the files")
    return [one.name for one in sent.items]


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that is not taken. The name is the server's, but a name only."""
    plain = Path(name.replace("\\", "/")).name or "file"
    place, number = folder / plain, 1
    while place.exists():
        number += 1
        place = folder / f"{Path(plain).stem} ({number}){Path(plain).suffix}"
    return place
