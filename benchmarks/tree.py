"""A tree of processes: its memory by kind of process, its processor time, how many there are."""

import os
from collections import Counter
from pathlib import Path

import psutil


class Tree:
    """The process `root` and all below it; with `client`, this process (alone) beside them."""

    def __init__(self, root: int, *, client: bool = False) -> None:
        self._root = psutil.Process(root)
        self._client = psutil.Process() if client else None

    def members(self) -> list[psutil.Process]:
        """Those that run now."""
        try:
            found = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            found = []
        return found + ([self._client] if self._client else [])

    def memory(self) -> Counter[str]:
        """Bytes (PSS: shared pages are split among those that share them) by kind of process."""
        found: Counter[str] = Counter()
        for member in self.members():
            found[_kind(member)] += _pss(member.pid)
        return found

    def counts(self) -> Counter[str]:
        """Processes by kind."""
        return Counter(_kind(member) for member in self.members())

    def processor_seconds(self) -> float:
        """Processor time until now, of children that have ended too, without the client's."""
        spent = 0.0
        for member in self.members():
            if member == self._client:
                continue
            try:
                spent += sum(member.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return spent


def _kind(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return "gone"
    for part in command:
        if part.startswith("--type="):
            return part.removeprefix("--type=")
    if "run-driver" in command:
        return "driver"
    if command and os.path.basename(command[0]).startswith("python"):
        return "python"
    return "browser" if "--remote-debugging-pipe" in command else "other"


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
