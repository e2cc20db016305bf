"""Files of the command line: where an answer may be written, and small private ones, written whole
and readable by their owner alone.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from agent_browser.cli.exits import USAGE, Failed


def check_place(file: Path | None, *suffixes: str) -> None:
    """Failed for a file that can't be written to: its name does not end in one of the suffixes, if
    any are given, or there is no folder for it. To be called before anything is asked for.
    """
    if file is None:
        return
    if suffixes and file.suffix.lower() not in suffixes:
        *others, last = suffixes
        named = f"{', '.join(others)} or {last}" if others else last
        raise Failed(f"{file}: the name must end in {named}", USAGE)
    if not file.parent.is_dir():
        raise Failed(f"{file}: there is no folder {file.parent}", USAGE)


def private_folder(folder: Path) -> Path:
    """The folder, made with mode 0700 if it isn't there, and so are the ones above it."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace the file at once, with mode 0600."""
    write_text(path, json.dumps(data))


def write_text(path: Path, text: str) -> None:
    """Replace the file at once, with mode 0600."""
    private_folder(path.parent)
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file; an empty one where there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
