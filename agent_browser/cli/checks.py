"""What `doctor` looks at. Each check gives one finding; none of them changes anything."""

import importlib.metadata
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import psutil

from agent_browser import __version__
from agent_browser.browser import executable, ffmpeg
from agent_browser.browser.engine import Engine
from agent_browser.cli.target import Target
from agent_browser.client.errors import ServerUnreachable
from agent_browser.errors import AgentBrowserError, BrowserMissing
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.settings import Settings

Status = Literal["ok", "warn", "fail"]

BROWSER_DEADLINE = 60.0
_MIB = 1024 * 1024
_INSTALL = "run 'agent-browser install'"


@dataclass(frozen=True)
class Finding:
    """What a check found. `cure` says what to do where the status is not ok."""

    name: str
    status: Status
    detail: str
    cure: str = ""


Check = Callable[[Target], Finding]


def versions(_target: Target) -> Finding:
    """Python, Playwright and this program."""
    detail = (
        f"agent-browser {__version__}, Python {platform.python_version()}, "
        f"Playwright {importlib.metadata.version('playwright')}, "
        f"{platform.system()} {platform.release()} {platform.machine()}"
    )
    return Finding("versions", "ok", detail)


def browser(target: Target) -> Finding:
    """The browser that would be started."""
    try:
        found = executable.find(target.settings)
        version = found.version()
    except BrowserMissing as exc:
        return Finding("browser", "fail", exc.detail, _INSTALL)
    return Finding("browser", "ok", f"{version} at {found.path} ({found.source})")


def page(target: Target) -> Finding:
    """A browser is really started and shows a page."""
    from agent_browser.browser.chromium import Chromium

    try:
        seconds, warnings = anyio.run(_show, Chromium(target.settings))
    except AgentBrowserError as exc:
        return Finding("page", "fail", exc.detail, _INSTALL)
    except TimeoutError:
        return Finding(
            "page", "fail", f"the browser showed no page within {BROWSER_DEADLINE:g} s", _INSTALL
        )
    detail = f"started, showed a page and closed in {seconds:.1f} s"
    if warnings:
        cure = "run the server as a user of its own, who is not root"
        return Finding("page", "warn", f"{detail}; {'; '.join(warnings)}", cure)
    return Finding("page", "ok", f"{detail}; sandbox on")


async def _show(engine: Engine) -> tuple[float, tuple[str, ...]]:
    began = anyio.current_time()
    with anyio.fail_after(BROWSER_DEADLINE):
        async with engine:
            started = await engine.launch()
            try:
                context = await started.new_context(ContextOptions())
                shown = await context.open(OpenInput(url="data:text/html,<title>well</title>"))
                await context.close()
            finally:
                await started.close()
    if shown.title != "well":
        raise BrowserMissing(f"the browser showed {shown.title!r} and not the page it was given")
    return anyio.current_time() - began, engine.warnings


def video(_target: Target) -> Finding:
    """The ffmpeg that videos need."""
    found = ffmpeg.find()
    if found is None:
        return Finding("ffmpeg", "warn", "none found: videos can't be recorded", _INSTALL)
    return Finding("ffmpeg", "ok", str(found))


def memory(_target: Target) -> Finding:
    """Memory that is free for browsers."""
    free = _free_memory() // _MIB
    detail = f"{free} MiB free"
    if free < 512:
        return Finding("memory", "fail", detail, "give the machine or container 1 GiB or more")
    if free < 1536:
        return Finding("memory", "warn", detail, "give it more for more than a few sessions")
    return Finding("memory", "ok", detail)


def _free_memory() -> int:
    """Bytes, by the container's own limit where there is one."""
    free = psutil.virtual_memory().available
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        return free if limit == "max" else min(free, int(limit) - used)
    except (OSError, ValueError):
        return free


def shared_memory(_target: Target) -> Finding:
    """/dev/shm, which Chromium draws in."""
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return Finding("shared memory", "ok", f"{folder} is not used on this system")
    free = shutil.disk_usage(folder).free // _MIB
    detail = f"{free} MiB free in {folder}"
    if free < 128:
        return Finding(
            "shared memory", "warn", detail, "start the container with --shm-size=1g or --ipc=host"
        )
    return Finding("shared memory", "ok", detail)


def port(target: Target) -> Finding:
    """The port that `serve` would bind."""
    settings = target.settings
    address = f"{settings.host}:{settings.port}"
    try:
        with socket.create_server((settings.host, settings.port), family=_family(settings.host)):
            return Finding("port", "ok", f"{address} is free")
    except OSError as exc:
        reason = exc.strerror or str(exc)
    try:
        if settings.port == target.address.port and target.client.is_alive():
            return Finding("port", "ok", f"{address} is held by the server that runs")
    except AgentBrowserError:
        reason += ", by another program"
    return Finding(
        "port", "warn", f"{address}: {reason}", "end what holds it, or set AGENT_BROWSER_PORT"
    )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def folders(target: Target) -> Finding:
    """Where state and videos are written."""
    settings = target.settings
    free = 0
    for name, folder in _folders(settings).items():
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"x")
        except OSError as exc:
            return Finding(
                "folders",
                "fail",
                f"{folder} can't be written: {exc.strerror}",
                f"make it writable, or set AGENT_BROWSER_{name}",
            )
        free = shutil.disk_usage(there).free // _MIB
        if free < 512:
            return Finding(
                "folders", "warn", f"{free} MiB free for {folder}", "make room on that disk"
            )
    places = ", ".join(str(folder) for folder in _folders(settings).values())
    return Finding("folders", "ok", f"{places} ({free} MiB free)")


def _folders(settings: Settings) -> dict[str, Path]:
    return {
        "DATA_DIR": Path(os.path.abspath(settings.data_dir)),
        "RECORDINGS_DIR": Path(os.path.abspath(settings.recordings_folder)),
    }


def server(target: Target) -> Finding:
    """The server that the commands talk to."""
    url = target.address.url
    try:
        readiness = target.client.readiness()
    except ServerUnreachable as exc:
        if target.address.is_loopback:
            return Finding("server", "ok", f"none runs at {url}; commands start it when needed")
        return Finding("server", "fail", exc.detail, "start it there, or set AGENT_BROWSER_URL")
    except AgentBrowserError as exc:
        return Finding(
            "server", "fail", exc.detail, "set AGENT_BROWSER_URL and AGENT_BROWSER_API_KEY"
        )
    if not readiness.ready:
        return Finding("server", "fail", f"{url}: {readiness.detail}", "see the server's log")
    return Finding("server", "ok", f"{url} is ready ({readiness.browser})")


CHECKS: tuple[Check, ...] = (
    versions,
    browser,
    page,
    video,
    memory,
    shared_memory,
    port,
    folders,
    server,
)
