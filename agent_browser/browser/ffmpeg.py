"""The ffmpeg that Playwright records with: finds one, and puts it where Playwright looks."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from agent_browser.browser.registry import registry
from agent_browser.errors import BrowserMissing

_MARKER = "INSTALLATION_COMPLETE"
_CURE = "Install the distribution's ffmpeg, or the imageio-ffmpeg package, and try again."


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The system's ffmpeg, else the binary that imageio-ffmpeg brings; None where there is
    neither.
    """
    program = shutil.which("ffmpeg", path=environ.get("PATH"))
    return Path(program) if program is not None else _bundled()


def link(environ: Mapping[str, str] = os.environ) -> Path:
    """Put ffmpeg where Playwright looks for its own, unless one that runs is there; return its
    path.

    Safe to repeat and to do from several processes at once. BrowserMissing where there is no
    ffmpeg, or the folder can't be written.
    """
    target = registry(environ).ffmpeg
    if os.access(target, os.X_OK):
        return target
    program = find(environ)
    if program is None:
        raise BrowserMissing(f"no ffmpeg was found, so no video can be recorded. {_CURE}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(program, target)
        (target.parent / _MARKER).touch()
    except OSError as exc:
        raise BrowserMissing(
            f"{target.parent} can't be written ({exc.strerror}), so no video can be recorded. "
            "Set PLAYWRIGHT_BROWSERS_PATH to a folder that can."
        ) from exc
    return target


def _place(program: Path, target: Path) -> None:
    """A link in one step: a reader sees the old file or the new, never half of one.

    The bundled binary goes when its environment does, and a link to nothing would keep Playwright
    from downloading its own; so it is a hard link, or a copy.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".link-") as folder:
        fresh = Path(folder) / target.name
        if program == _bundled():
            try:
                os.link(program, fresh)
            except OSError:
                shutil.copy2(program, fresh)
        else:
            fresh.symlink_to(program.absolute())
        fresh.replace(target)


def _bundled() -> Path | None:
    with suppress(ModuleNotFoundError):
        spec = find_spec("imageio_ffmpeg.binaries")
        for folder in (spec and spec.submodule_search_locations) or ():
            for binary in sorted(Path(folder).glob("ffmpeg-linux*")):
                if os.access(binary, os.X_OK):
                    return binary
    return None
