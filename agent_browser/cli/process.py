"""Processes of this machine: is it still the one that was started, and how it is ended."""

import os
import select
import signal
import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def mark(pid: int) -> str | None:
    """A text that no other process with this number will have: its start, in this boot. None for
    one that is gone, or dead and not yet collected.
    """
    if not _BOOT_ID.exists():
        return _mark_elsewhere(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{started}"


def _mark_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(process.create_time())
    except psutil.Error:
        return None


def end(pid: int, marked: str, *, grace: float) -> bool:
    """End a process that has this mark, and its group if it leads one; whether it is gone.

    SIGTERM and `grace` seconds, SIGTERM again and 5 seconds (the server then skips its waits), then
    SIGKILL. A process with another mark is left alone and counts as gone.
    """
    for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGTERM, 5.0)):
        if not _send(pid, marked, signum) or _is_gone_within(pid, marked, seconds):
            return True
    _kill_group(pid, marked)
    return _is_gone_within(pid, marked, 5.0)


def _send(pid: int, marked: str, signum: signal.Signals) -> bool:
    """Whether the signal was sent: to this process, not to a later one with its number."""
    if not hasattr(os, "pidfd_open"):
        if mark(pid) != marked:
            return False
        os.kill(pid, signum)
        return True
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:  # the descriptor holds the process, so the mark can't change below it
        if mark(pid) != marked:
            return False
        signal.pidfd_send_signal(descriptor, signum)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def _kill_group(pid: int, marked: str) -> None:
    try:
        if mark(pid) == marked and os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            _send(pid, marked, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_gone_within(pid: int, marked: str, seconds: float) -> bool:
    if not hasattr(os, "pidfd_open"):
        deadline = time.monotonic() + seconds
        while mark(pid) == marked:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return mark(pid) != marked or bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
