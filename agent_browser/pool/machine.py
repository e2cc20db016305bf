"""What the machine has: memory and processors, within the limits of the container. It only reads;
`policy` decides.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_UNLIMITED = 2**60
"""Control groups of version 1 write a number near 2**63 where there is no limit."""


@dataclass(frozen=True)
class Machine:
    """Bytes of memory and numbers of processors that this process may use."""

    memory: int
    memory_source: str
    available: int
    """Bytes that can be had now without swapping."""
    processors: float
    processors_source: str


def read_machine(root: Path = Path("/")) -> Machine:
    """The machine as it is now; `root` is where /proc and /sys are."""
    host = psutil.virtual_memory()
    memory, available = _meminfo(root) or (host.total, host.available)
    memory_source = "the machine's memory"
    for group in _groups(root, "memory"):
        limit, used = _memory_of(group)
        if limit is None:
            continue
        if limit < memory:
            memory, memory_source = limit, "the container's limit"
        available = min(available, max(0, limit - used))
    processors, source = float(len(os.sched_getaffinity(0))), "processors of this process"
    for group in _groups(root, "cpu"):
        quota = _processors_of(group)
        if quota is not None and quota < processors:
            processors, source = quota, "the container's quota"
    return Machine(memory, memory_source, available, processors, source)


def _meminfo(root: Path) -> tuple[int, int] | None:
    lines = (line.split() for line in (_text(root / "proc/meminfo") or "").splitlines())
    values = {line[0]: int(line[1]) * 1024 for line in lines if len(line) >= 2}
    if "MemTotal:" not in values or "MemAvailable:" not in values:
        return None
    return values["MemTotal:"], values["MemAvailable:"]


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the control groups that hold this process, up to their root; both versions."""
    mount = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            tops = [mount, mount / "unified"]
        elif controller in controllers.split(","):
            tops = [mount / controllers, mount / controller]
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for top in tops:
            for depth in range(len(parts), -1, -1):
                yield top.joinpath(*parts[:depth])


def _memory_of(group: Path) -> tuple[int | None, int]:
    """Limit and bytes in use (without file cache that can be dropped) of one control group."""
    if (limit := _number(group / "memory.max")) is not None:
        used = _number(group / "memory.current") or 0
        return limit, used - _stat(group, "inactive_file")
    limit = _number(group / "memory.limit_in_bytes")
    if limit is None or limit >= _UNLIMITED:
        return None, 0
    used = _number(group / "memory.usage_in_bytes") or 0
    return limit, used - _stat(group, "total_inactive_file")


def _processors_of(group: Path) -> float | None:
    quota, _, period = (_text(group / "cpu.max") or "").partition(" ")
    if quota.isdigit() and period.strip().isdigit() and int(period):
        return int(quota) / int(period)
    old_quota = _number(group / "cpu.cfs_quota_us")
    old_period = _number(group / "cpu.cfs_period_us")
    if old_quota is not None and old_period and old_quota > 0:
        return old_quota / old_period
    return None


def _stat(group: Path, name: str) -> int:
    for line in (_text(group / "memory.stat") or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
