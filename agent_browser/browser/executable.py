"""Which browser is started: looks where browsers are, and chooses one by a fixed order."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent_browser.browser.registry import Registry, registry
from agent_browser.errors import BrowserMissing
from agent_browser.settings import Settings

Kind = Literal["headless-shell", "chromium", "chrome"]

CURE = "Run 'agent-browser install', or set AGENT_BROWSER_EXECUTABLE_PATH to a Chromium."

_SYSTEM: tuple[tuple[str, Kind], ...] = (
    ("chromium-headless-shell", "headless-shell"),
    ("chrome-headless-shell", "headless-shell"),
    ("chromium", "chromium"),
    ("chromium-browser", "chromium"),
    ("google-chrome-stable", "chrome"),
    ("google-chrome", "chrome"),
)
"""Programs of a distribution in their order."""

_BINARIES = ("chromium-headless-shell", "chromium", "chromium-browser", "chrome")
_WRAPPER_LIMIT = 65_536
_SETS_LIBRARIES = re.compile(r"^\s*(?:export\s+)?LD_(?:LIBRARY_PATH|PRELOAD)=", re.M)
_ASKS_FOR_SNAP = re.compile(r"/snap/bin|snap install")


@dataclass(frozen=True)
class Executable:
    """A browser that can be started, and which rule found it."""

    path: Path
    kind: Kind
    source: str

    def version(self, timeout: float = 10.0) -> str:
        """Product and version as the program prints them, such as `Chromium 156.0.8078.79`.

        Starts the program. BrowserMissing, with what it said, if it does not run within `timeout`
        seconds.
        """
        try:
            done = subprocess.run(
                [self.path, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise BrowserMissing(f"{self.path} does not run: {exc}. {CURE}") from exc
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            reason = said[-1] if said else f"exit status {done.returncode}"
            raise BrowserMissing(f"{self.path} does not run: {reason}. {CURE}")
        return _product(done.stdout)


def find(settings: Settings) -> Executable:
    """The browser to start. BrowserMissing, with the cure, where there is none.

    A configured path first, then Playwright's own download, then the system's headless shell,
    Chromium and Chrome; without HEADLESS_SHELL the full browsers come before the shells.
    """
    if settings.executable_path is not None:
        return _configured(settings.executable_path)
    chosen = choose(look(registry(), os.environ), headless_shell=settings.headless_shell)
    if chosen is None:
        raise BrowserMissing(f"no Chromium was found on this machine. {CURE}")
    return chosen


def choose(found: Iterable[Executable], *, headless_shell: bool) -> Executable | None:
    """The first of those found that is of the preferred kind, else the first of any."""
    preferred = sorted(found, key=lambda one: (one.kind == "headless-shell") != headless_shell)
    return preferred[0] if preferred else None


def look(places: Registry, environ: Mapping[str, str]) -> tuple[Executable, ...]:
    """The browsers that are on this machine, in their order."""
    found: list[Executable] = []
    downloads: tuple[tuple[Path, Kind], ...] = (
        (places.headless_shell, "headless-shell"),
        (places.chromium, "chromium"),
    )
    for path, kind in downloads:
        if _can_run(path):
            found.append(Executable(path, kind, "Playwright's download"))
    for name, kind in _SYSTEM:
        program = shutil.which(name, path=environ.get("PATH"))
        if program is not None and not _is_snap(Path(program)):
            found.append(Executable(real_binary(Path(program)), kind, f"the system's {name}"))
    return tuple(found)


def real_binary(program: Path) -> Path:
    """The browser behind a distribution's wrapper script; the program itself where that can't be
    told.

    A wrapper stays as the parent of what it starts: killing it would leave the browser.
    """
    path = program.resolve()
    text = _script(path)
    if text is None or _SETS_LIBRARIES.search(text):
        return path
    beside = [path.parent / name for name in _BINARIES]
    for candidate in (*_named_in(text), *beside):
        if candidate.name in _BINARIES and _can_run(candidate) and _script(candidate) is None:
            return candidate
    return path


def _configured(path: Path) -> Executable:
    if not _can_run(path):
        what = "is not a program that can be run" if path.exists() else "does not exist"
        raise BrowserMissing(f"AGENT_BROWSER_EXECUTABLE_PATH: {path} {what}")
    binary = real_binary(path)
    return Executable(binary, _kind(binary), "AGENT_BROWSER_EXECUTABLE_PATH")


def _kind(path: Path) -> Kind:
    if "headless" in path.name:
        return "headless-shell"
    return "chrome" if "google" in str(path) else "chromium"


def _named_in(script: str) -> list[Path]:
    """Absolute paths that the script starts, its plain variables put in."""
    values = dict(re.findall(r"^\s*(?:export\s+)?(\w+)=[\"']?([\w./$-]+)[\"']?\s*$", script, re.M))
    lines = (line.strip() for line in script.splitlines())
    starts = [line for line in lines if line.startswith(("exec ", "/", "$", '"$', '"/'))]
    expanded = [_expand(line, values) for line in starts]
    return [Path(path) for line in expanded for path in re.findall(r"(?<![\w$])/[\w./+-]+", line)]


def _expand(text: str, values: Mapping[str, str]) -> str:
    for _ in range(3):  # a variable may be made of another
        text = re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], found[0]), text)
    return text


def _script(path: Path) -> str | None:
    """The text of a script; None of a binary, or of what can't be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_WRAPPER_LIMIT)
    except OSError:
        return None
    return head.decode(errors="replace") if head.startswith(b"#!") else None


def _is_snap(program: Path) -> bool:
    """Whether it is a snap, or the script that asks for one: confined, it can't be driven."""
    if program.resolve().name == "snap":
        return True
    return _ASKS_FOR_SNAP.search(_script(program) or "") is not None


def _can_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _product(text: str) -> str:
    """`Chromium 156.0.8078.79` of all that a --version line may say."""
    line = text.strip().splitlines()[0] if text.strip() else "unknown"
    return re.sub(r"(\d+(?:\.\d+)+).*", r"\1", line)
