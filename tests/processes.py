"""Which processes a test run started: they carry its mark in their environment (Linux)."""

import os
from pathlib import Path

import psutil

MARK = "PYTEST_PROCESS_MARK"


def ours() -> frozenset[int]:
    """Ids of the processes that carry this run's mark; this process itself doesn't."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environ = path.read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if mark in environ.split(b"\0"):
            found.add(int(path.parent.name))
    return frozenset(found)


def left_behind(before: frozenset[int], *, within: float) -> list[str]:
    """What was started since and is there after so many seconds, except what belongs to a process
    that was there before: a server of the whole run may start browsers when it likes.
    """
    new = [_process(pid) for pid in ours() - before]
    strangers = [one for one in new if one is not None and not _belongs(one, before)]
    _, alive = psutil.wait_procs(strangers, timeout=within)
    return [_said(one) for one in alive]


def is_alive(process: psutil.Process) -> bool:
    """Whether it still has anything: a dead one that nobody has asked about has not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def line_of(process: psutil.Process) -> str:
    """Its command line; empty if it has ended, which one just listed may have done."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _belongs(process: psutil.Process, before: frozenset[int]) -> bool:
    try:
        return any(parent.pid in before for parent in process.parents())
    except psutil.NoSuchProcess:
        return True


def _said(process: psutil.Process) -> str:
    return f"{process.pid} {line_of(process)[:200] or '(gone)'}"
