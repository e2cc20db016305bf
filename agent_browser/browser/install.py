"""Brings what the program needs of the system: a browser, fonts, and ffmpeg where Playwright looks.

`python -m agent_browser.browser.install [--full] [--if-missing]` does it without the command line.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent_browser.browser import apt, ffmpeg
from agent_browser.browser.commands import Outcome, run
from agent_browser.browser.executable import Executable, find
from agent_browser.browser.registry import node
from agent_browser.errors import BrowserMissing
from agent_browser.settings import Settings, SettingsError, load

Report = Callable[[str], None]

_DOWNLOAD_TIMEOUT = 900.0
_CONNECT_TIMEOUT_MS = "10000"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


@dataclass(frozen=True)
class InstallReport:
    """What is there now. `done` says what was brought, `warnings` what is still amiss."""

    executable: Executable
    version: str
    ffmpeg: Path | None
    done: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def install(
    report: Report, *, full: bool = False, settings: Settings | None = None
) -> InstallReport:
    """Bring whatever is missing; `report` is told each step. Blocks, for minutes at worst.

    Playwright's headless shell (with `full`, its Chromium) where it can be downloaded, else the
    distribution's package, as root or by a `sudo` that asks no password. What is there already is
    left alone. BrowserMissing, with what to type, where no browser could be had.
    """
    settings = settings or load()
    if full:
        settings = settings.model_copy(update={"headless_shell": False})
    done: list[str] = []
    warnings: list[str] = []
    _bring_driver(settings, report, done)
    chosen = _wanted(settings)
    if chosen is None:
        failures = _obtain(settings, report, done)
        chosen = _settle_for(settings, failures, warnings)
    version = chosen.version()
    report(f"browser: {version} at {chosen.path} ({chosen.source})")
    _bring_fonts(report, done, warnings)
    recorder = _link_ffmpeg(report, warnings)
    return InstallReport(chosen, version, recorder, tuple(done), tuple(warnings))


def is_ready(settings: Settings) -> bool:
    """Whether a browser and a driver that run are in place, and ffmpeg; takes a moment."""
    try:
        find(settings).version()
        ffmpeg.link()
    except BrowserMissing:
        return False
    return _try_driver().ok


def _try_driver() -> Outcome:
    return run([str(node()), "--version"], timeout=30)


def _bring_driver(settings: Settings, report: Report, done: list[str]) -> None:
    """Playwright's driver wants libraries that a bare Debian lacks, and nothing goes without it."""
    outcome = _try_driver()
    if outcome.ok:
        return
    installer = apt.rights()
    if installer is not None:
        report(f"installing what Playwright's driver needs: {', '.join(apt.DRIVER_LIBRARIES)}")
        apt.update(installer)
        apt.add(installer, *apt.DRIVER_LIBRARIES)
        outcome = _try_driver()
    if not outcome.ok:
        lacking = [] if _wanted(settings) else _browser_and_fonts(settings)
        cure = f"Type: {apt.command(*apt.DRIVER_LIBRARIES, *lacking)}"
        raise BrowserMissing(f"Playwright's driver does not run: {outcome.reason}\n{cure}")
    done.append("installed the libraries of Playwright's driver")


def _browser_and_fonts(settings: Settings) -> list[str]:
    return [apt.browser_packages(full=not settings.headless_shell)[0], *apt.FONTS]


def _wanted(settings: Settings) -> Executable | None:
    """The browser that is there, if it is of the kind preferred and runs.

    A configured one is taken or refused as it is: nothing is installed in its place.
    """
    if settings.executable_path is not None:
        return find(settings)
    try:
        chosen = find(settings)
        chosen.version()
    except BrowserMissing:
        return None
    of_kind = (chosen.kind == "headless-shell") == settings.headless_shell
    return chosen if of_kind else None


def _obtain(settings: Settings, report: Report, done: list[str]) -> list[str]:
    """Try Playwright's download, then the distribution; return why each that failed did."""
    failures: list[str] = []
    for way in (_download, _from_distribution):
        failure = way(settings, report, done)
        if failure is None:
            return []
        failures.append(failure)
    return failures


def _settle_for(settings: Settings, failures: list[str], warnings: list[str]) -> Executable:
    try:
        chosen = find(settings)
        chosen.version()
    except BrowserMissing as exc:
        cure = f"Type: {apt.command(*_browser_and_fonts(settings))}"
        lines = ("no browser could be installed:", *(failures or [exc.detail]), cure)
        raise BrowserMissing("\n".join(lines)) from exc
    if failures and (chosen.kind == "headless-shell") != settings.headless_shell:
        warnings.append(f"the preferred browser could not be installed; {chosen.path} is used")
    return chosen


def _download(settings: Settings, report: Report, done: list[str]) -> str | None:
    """Playwright's own build, and the system's libraries that it needs; None, or why not."""
    what = "headless shell" if settings.headless_shell else "Chromium"
    report(f"downloading Playwright's {what}")
    shape = "--only-shell" if settings.headless_shell else "--no-shell"
    outcome = run(
        [sys.executable, "-m", "playwright", "install", "--no-remove", shape, "chromium"],
        timeout=_DOWNLOAD_TIMEOUT,
        environ={"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": _CONNECT_TIMEOUT_MS},
    )
    if not outcome.ok:
        return f"Playwright's {what} could not be downloaded: {outcome.reason}"
    done.append(f"downloaded Playwright's {what}")
    try:
        find(settings).version()
    except BrowserMissing:
        return _bring_libraries(report, done)
    return None


def _bring_libraries(report: Report, done: list[str]) -> str | None:
    """The shared libraries of Playwright's build, by its own list of packages."""
    cure = f"sudo {sys.executable} -m playwright install-deps chromium"
    if apt.rights() is None:
        return f"Playwright's build lacks libraries of the system, which need root. Type: {cure}"
    report("installing the libraries that Playwright's build needs")
    outcome = run(
        [sys.executable, "-m", "playwright", "install-deps", "chromium"],
        timeout=_DOWNLOAD_TIMEOUT,
        environ={"DEBIAN_FRONTEND": "noninteractive"},
    )
    if not outcome.ok:
        return f"its libraries could not be installed: {outcome.reason}\n{outcome.tail}"
    done.append("installed the libraries that Playwright's build needs")
    return None


def _from_distribution(settings: Settings, report: Report, done: list[str]) -> str | None:
    """The distribution's package with fonts; None, or why not."""
    packages = apt.browser_packages(full=not settings.headless_shell)
    installer = apt.rights()
    if installer is None:
        return f"{packages[0]} by apt-get needs root, or a sudo that asks no password"
    report("updating the list of packages")
    apt.update(installer)
    known = next(filter(apt.is_known, packages), None)
    if known is None:
        return f"the distribution has no {' or '.join(packages)}"
    report(f"installing the distribution's {known}")
    outcome = apt.add(installer, known, *apt.FONTS)
    if not outcome.ok:
        return f"{known} could not be installed: {outcome.reason}\n{outcome.tail}"
    done.append(f"installed the distribution's {known} and fonts")
    return None


def _bring_fonts(report: Report, done: list[str], warnings: list[str]) -> None:
    """Without a font a page has boxes for text."""
    if _has_fonts():
        return
    installer = apt.rights()
    if installer is None:
        warnings.append(f"no font is installed; type: {apt.command(*apt.FONTS)}")
        return
    report("installing fonts")
    apt.update(installer)
    outcome = apt.add(installer, *apt.FONTS)
    if outcome.ok:
        done.append("installed fonts")
    else:
        warnings.append(f"fonts could not be installed: {outcome.reason}")


def _has_fonts() -> bool:
    return any(
        path.suffix in (".ttf", ".otf", ".ttc", ".pfb")
        for folder in _FONT_FOLDERS
        for path in Path(folder).expanduser().rglob("*")
    )


def _link_ffmpeg(report: Report, warnings: list[str]) -> Path | None:
    try:
        path = ffmpeg.link()
    except BrowserMissing as exc:
        report(exc.detail)
        warnings.append(exc.detail)
        return None
    report(f"ffmpeg for videos: {path}")
    return path


def main(arguments: list[str]) -> int:
    """Exit status 0 with a browser in place, 1 without; what happens goes to stderr."""

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    try:
        settings = load()
        if "--if-missing" in arguments and is_ready(settings):
            return 0
        outcome = install(say, full="--full" in arguments, settings=settings)
    except (BrowserMissing, SettingsError) as exc:
        say(str(exc))
        return 1
    for warning in outcome.warnings:
        say(f"warning: {warning}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
