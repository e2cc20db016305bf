"""Debian's and Ubuntu's packages: what to install, whether this process may, and doing it."""

import os
import shutil
from dataclasses import dataclass

from agent_browser.browser.commands import Outcome, run

FONTS = ("fonts-liberation", "fonts-noto-color-emoji")
"""Letters in the widths that pages expect of Arial, Times and Courier, and emoji."""

DRIVER_LIBRARIES = ("libatomic1", "libstdc++6")
"""What the node that Playwright brings is linked with."""

_UPDATE_TIMEOUT = 300.0
_INSTALL_TIMEOUT = 900.0
_INSTALL = ("apt-get", "install", "-y", "--no-install-recommends")
_QUIET = ("env", "DEBIAN_FRONTEND=noninteractive")  # sudo would drop a variable given to it
_WAIT_FOR_OTHERS = ("-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Rights:
    """How a command is run as root: with nothing before it, or with sudo."""

    prefix: tuple[str, ...] = ()


def rights() -> Rights | None:
    """None where there is no apt-get, or root can't be had without a password."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return Rights()
    if shutil.which("sudo") is not None and run(["sudo", "-n", "true"], timeout=10).ok:
        return Rights(("sudo", "-n"))
    return None


def browser_packages(*, full: bool) -> tuple[str, ...]:
    """Packages that would do, the best first."""
    return ("chromium",) if full else ("chromium-headless-shell", "chromium")


def is_known(package: str) -> bool:
    """Whether the lists of packages have it."""
    return run(["apt-cache", "show", "--no-all-versions", package], timeout=60).ok


def update(installer: Rights) -> Outcome:
    """Fetch the lists of packages. One source that fails need not matter, so the outcome may be
    left.
    """
    return run([*installer.prefix, *_QUIET, "apt-get", "update"], timeout=_UPDATE_TIMEOUT)


def add(installer: Rights, *packages: str) -> Outcome:
    """Install packages with what they need, and nothing that they merely recommend."""
    command = [*installer.prefix, *_QUIET, *_INSTALL, *_WAIT_FOR_OTHERS, *packages]
    return run(command, timeout=_INSTALL_TIMEOUT)


def command(*packages: str) -> str:
    """What a person types to install them."""
    return " ".join(("sudo", *_INSTALL, *packages))
