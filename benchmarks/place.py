"""Where it is measured: page, browser, folders, and the machine's own facts."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from agent_browser.settings import PREFIX


@dataclass(frozen=True)
class Place:
    """What both sides are given."""

    url: str
    executable: Path
    folder: Path
    """Temporary; the server writes nowhere else."""
    warm: int
    """Contexts that the server keeps ready at rest."""
    sandbox: bool = False


@dataclass(frozen=True)
class Facts:
    """What numbers have to be read with."""

    taken_at: str
    processors: int
    processor: str
    memory_gb: float
    load_before: float
    """Mean number of running processes over the last minute: well above 0 where others work too."""
    system: str
    python: str
    playwright: str
    browser: str
    sandbox: bool
    settings: dict[str, str]
    """Settings that the environment gave the server; without any it has its defaults."""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def facts(browser: str, *, sandbox: bool) -> Facts:
    """The facts of this machine now."""
    return Facts(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        processors=len(os.sched_getaffinity(0)),
        processor=_processor(),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        load_before=round(os.getloadavg()[0], 2),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        playwright=version("playwright"),
        browser=browser,
        sandbox=sandbox,
        settings=given_settings(),
    )


_OURS = ("URL", "API_KEY", "API_KEYS", "SESSION", "HOST", "PORT", "DATA_DIR", "RECORDINGS_DIR")


def given_settings() -> dict[str, str]:
    """The environment's settings that the server under test is given too."""
    named = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return {name: value for name, value in named.items() if name.removeprefix(PREFIX) not in _OURS}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
