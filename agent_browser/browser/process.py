"""The browser's processes: which they are, what they use, and how they are ended."""

import os
import signal
from pathlib import Path

import anyio
import anyio.to_thread
import psutil

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


def tree(process: psutil.Process) -> list[psutil.Process]:
    """The process and all below it that still run."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


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


async def kill(process: psutil.Process) -> None:
    """End the process, its group and its tree at once; bounded. Nothing to do when it is gone."""
    members = tree(process)
    if process.is_running() and process.pid != os.getpid():
        try:
            group = os.getpgid(process.pid)
            if group == process.pid:
                os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    for member in members:
        try:
            member.kill()
        except psutil.Error:
            continue
    await anyio.to_thread.run_sync(lambda: psutil.wait_procs(members, timeout=KILL_WAIT))
