"""The browser's processes: which they are, what they use, and how they are ended."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import anyio
import psutil

EXIT_GRACE = 0.5
"""Seconds that the processes of a closed browser may take to exit."""
_LEAVING = 0x4 | 0x400
"""PF_EXITING and PF_SIGNALED of the kernel's flags of a process."""
_DRIVER = "run-driver"
"""An argument that Playwright starts its driver with."""
KILL_WAIT = 2.0
"""Seconds that a killed process group may take to be gone."""


def find(marker: str) -> psutil.Process | None:
    """The browser's main process among our descendants: the one with this argument and no type."""
    for process in psutil.Process().children(recursive=True):
        try:
            arguments = process.cmdline()
        except psutil.Error:
            continue
        if marker in arguments and not any(a.startswith("--type=") for a in arguments):
            if arguments[0].endswith(("/sh", "/bash")):
                continue
            return process
    return None


def noted(process: psutil.Process, marker: str) -> dict[int, str]:
    """The browser's process and the driver's that started it, by id, each with an argument by which
    it is known again.
    """
    found = {process.pid: marker}
    with suppress(psutil.Error):
        for parent in process.parents():
            if _DRIVER in parent.cmdline():
                return {**found, parent.pid: _DRIVER}
    return found


def tree(process: psutil.Process) -> list[psutil.Process]:
    """The process and all below it that still run."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs and will: a zombie does not, nor one that is being killed or is exiting."""
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        status = Path(f"/proc/{process.pid}/status").read_text()
        flags = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[6])
    except (psutil.Error, OSError):
        return False
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    pending = int(lines.get("SigPnd", "0"), 16) | int(lines.get("ShdPnd", "0"), 16)
    is_being_killed = bool(pending & 1 << (signal.SIGKILL - 1)) or bool(flags & _LEAVING)
    return "VmSize" in lines and not is_being_killed


def memory(process: psutil.Process) -> int:
    """Bytes of the whole tree: PSS where the kernel tells it, else RSS. 0 when gone."""
    return sum(_memory_of(member) for member in tree(process))


def _memory_of(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


async def end(members: list[psutil.Process]) -> None:
    """See a tree out that was told to end; what is not gone soon is killed, its group too. Bounded.

    The tree is as `tree` gave it: none is missed whose parent went first.
    """
    await _exited(members, within=EXIT_GRACE)
    left = [member for member in members if is_alive(member)]
    if left and left[0] is members[0]:
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(left[0].pid) == left[0].pid:
                os.killpg(left[0].pid, signal.SIGKILL)
    for member in left:
        with suppress(psutil.Error):
            member.kill()
    await _exited(left, within=KILL_WAIT)


async def _exited(members: list[psutil.Process], *, within: float) -> None:
    """Wait until each has exited; whether somebody reaps it is not waited for."""
    with anyio.move_on_after(within):
        for member in members:
            await _exit_of(member)


async def _exit_of(member: psutil.Process) -> None:
    try:
        descriptor = os.pidfd_open(member.pid)
    except ProcessLookupError:
        return
    try:
        await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)
