"""Playwright's folder of downloads: where it is and which revisions the installed driver looks for.

Read from the driver's own list, without importing Playwright.
"""

import functools
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_ARCHITECTURE = "linux-arm64" if platform.machine() in ("aarch64", "arm64") else "linux64"


@dataclass(frozen=True)
class Registry:
    """One driver's view of the folder; every path is where something would be, not that it is."""

    folder: Path
    revisions: Mapping[str, str]

    @property
    def headless_shell(self) -> Path:
        """The headless shell that Playwright downloads."""
        name = "chrome-headless-shell"
        return self._home("chromium-headless-shell") / f"{name}-{_ARCHITECTURE}" / name

    @property
    def chromium(self) -> Path:
        """The full browser that Playwright downloads."""
        return self._home("chromium") / f"chrome-{_ARCHITECTURE}" / "chrome"

    @property
    def ffmpeg(self) -> Path:
        """The ffmpeg that Playwright records with."""
        return self._home("ffmpeg") / "ffmpeg-linux"

    def _home(self, name: str) -> Path:
        return self.folder / f"{name.replace('-', '_')}-{self.revisions[name]}"


def registry(environ: Mapping[str, str] = os.environ) -> Registry:
    """The registry that a driver started with these environment variables uses."""
    package = driver_package()
    return Registry(folder=_folder(environ, package), revisions=_revisions(package))


def driver_package() -> Path:
    """The folder of the driver's own files in the installed Playwright."""
    spec = find_spec("playwright")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the playwright package is not installed", name="playwright")
    return Path(spec.submodule_search_locations[0]) / "driver" / "package"


def node(environ: Mapping[str, str] = os.environ) -> Path:
    """The program that the driver runs in."""
    return Path(environ.get("PLAYWRIGHT_NODEJS_PATH") or driver_package().parent / "node")


def _folder(environ: Mapping[str, str], package: Path) -> Path:
    given = environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    if given == "0":
        return package / ".local-browsers"
    cache = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    here = Path(environ.get("INIT_CWD") or Path.cwd())
    return here / (given or Path(cache) / "ms-playwright")


@functools.cache
def _revisions(package: Path) -> Mapping[str, str]:
    listed = json.loads((package / "browsers.json").read_text())["browsers"]
    return {entry["name"]: entry["revision"] for entry in listed}
