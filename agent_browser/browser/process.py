"""The browser's processes: which they are, what they use, and how they are ended."""

import os
import signal
from contextlib import suppress
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


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


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


async def kill(members: list[psutil.Process]) -> None:
    """End a tree at once; bounded. As `tree` gave it: none is missed whose parent went first."""
    if members and members[0].is_running():
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(members[0].pid) == members[0].pid:
                os.killpg(members[0].pid, signal.SIGKILL)
    for member in members:
        try:
            member.kill()
        except psutil.Error:
            continue
    await anyio.to_thread.run_sync(lambda: psutil.wait_procs(members, timeout=KILL_WAIT))
