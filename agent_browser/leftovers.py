"""Processes that may outlive the one which started them: noted while it lives, and ended, by who
finds the note, when it is gone.

A process id alone may be a stranger's by now. So one is ended only where its id, its start and an
argument of its command line are all as noted, in the same boot and the same namespace of ids.
"""

import json
import os
import select
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

TIMEOUT = 5.0
"""Seconds that what was killed has to be gone."""
LEAVE = 2.0
"""Seconds of them for what ends by itself without its parent: an encoder writes its last frames."""
_ENDED = ("Z", "X")
_TYPE = "--type="
"""An argument of each of a browser's processes but the first begins so."""
_PROFILE = "--user-data-dir="
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Seen:
    """A process as the system has it. `started` is in ticks since the machine's start."""

    pid: int
    parent: int
    group: int
    session: int
    started: int


@dataclass(frozen=True)
class _Noted:
    """A process that was noted to run."""

    pid: int
    started: int
    argument: str
    program: str

    def is_it(self, seen: _Seen) -> bool:
        """Whether the process that has its id now is the same one."""
        is_same = seen.pid == self.pid and seen.started == self.started
        return is_same and self.argument in _arguments(seen.pid) and _is_ours(seen.pid)

    def is_orphan(self, seen: _Seen) -> bool:
        """Whether it is one of its group's that is left, now that itself is gone: nobody else gets
        its id as long as there are some.
        """
        is_of_it = seen.session == seen.group == self.pid and seen.started >= self.started
        line = " ".join(_arguments(seen.pid)) if is_of_it else ""
        return line.startswith(f"{self.program} ") and f" {_TYPE}" in line


@dataclass(frozen=True)
class Note:
    """What a process had started: those that are known, and one that was about to be, with the
    argument `mark` and the note's folder as its TMPDIR.
    """

    here: str
    mark: str
    since: int
    processes: tuple[_Noted, ...]
    profiles: tuple[str, ...] = ()
    """Names of the folders in which they keep what is theirs."""

    def browsers(self, folder: Path, table: Mapping[int, _Seen]) -> set[_Seen]:
        """The processes with the mark, or what is left of their groups."""
        marked = [noted for noted in self.processes if noted.argument == self.mark]
        found = {seen for noted in marked for seen in table.values() if noted.is_it(seen)}
        found |= {seen for seen in table.values() if self._is_started(seen, folder)}
        gone = [noted for noted in marked if noted.pid not in table]
        return found | {s for noted in gone for s in table.values() if noted.is_orphan(s)}

    def others(self, table: Mapping[int, _Seen]) -> set[_Seen]:
        """The noted ones without it."""
        rest = [noted for noted in self.processes if noted.argument != self.mark]
        return {seen for noted in rest for seen in table.values() if noted.is_it(seen)}

    def _is_started(self, seen: _Seen, folder: Path) -> bool:
        if seen.started < self.since or self.mark not in _arguments(seen.pid):
            return False
        return _is_ours(seen.pid) and _temporary(seen.pid) == str(folder)


def noted(mark: str, running: Mapping[int, str]) -> str:
    """A note of processes that run, by their ids, each with an argument that it has; and of one
    about to be started.
    """
    own = _look(os.getpid())
    seen = [(found, argument) for pid, argument in running.items() if (found := _look(pid))]
    said = {
        "here": _here(),
        "mark": mark,
        "since": own.started if own is not None else 0,
        "processes": [
            {
                "pid": found.pid,
                "started": found.started,
                "argument": argument,
                "program": next(iter(_arguments(found.pid)), ""),
            }
            for found, argument in seen
        ],
        "profiles": [name for found, _ in seen for name in _profiles(found.pid)],
    }
    return json.dumps(said)


def read(text: str) -> Note:
    """The note. ValueError for what is none."""
    try:
        said = json.loads(text)
        processes = tuple(
            _Noted(int(p["pid"]), int(p["started"]), str(p["argument"]), str(p["program"]))
            for p in said["processes"]
        )
        here, mark, since = str(said["here"]), str(said["mark"]), int(said["since"])
        note = Note(here, mark, since, processes, tuple(map(str, said["profiles"])))
    except (TypeError, KeyError, ValueError, RecursionError) as exc:
        raise ValueError("no note of processes") from exc
    if not note.mark or not all(process.argument for process in processes):
        raise ValueError("a note of processes without a mark")
    return note


def end(notes: Mapping[Path, Note]) -> frozenset[Path]:
    """End what the writers of these notes, by folder, have left; the folders of those that did not
    end in time. Blocking, bounded.
    """
    here = _here()
    notes = {folder: note for folder, note in notes.items() if here and note.here == here}
    if not notes:
        return frozenset()
    table = _table()
    prompt: set[_Seen] = set()
    patient: set[_Seen] = set()
    of_folder: dict[Path, set[_Seen]] = {}
    for folder, note in notes.items():
        browsers, others = note.browsers(folder, table), note.others(table)
        below, beside = _below(browsers, table), _below(others, table)
        prompt |= below | others
        patient |= beside
        of_folder[folder] = below | others
    held = {seen: fd for seen in prompt | patient if (fd := _hold(seen)) is not None}
    try:
        left = _killed(held, patient - prompt)
    finally:
        for fd in held.values():
            os.close(fd)
    return _told(of_folder, held, left)


def _told(
    of_folder: Mapping[Path, set[_Seen]], held: Collection[_Seen], left: Collection[_Seen]
) -> frozenset[Path]:
    stuck = set()
    for folder, members in of_folder.items():
        ended = sorted(seen.pid for seen in members if seen in held and seen not in left)
        remaining = sorted(seen.pid for seen in members if seen in left)
        if ended:
            _log.warning("ended what a killed server left", folder=folder.name, pids=ended)
        if remaining:
            _log.error("what a killed server left does not end", pids=remaining)
            stuck.add(folder)
    return frozenset(stuck)


def _killed(held: Mapping[_Seen, int], patient: Collection[_Seen]) -> set[_Seen]:
    """Kill them, those that are patient a little later; who is still there after the timeout."""
    began = time.monotonic()
    for seen, fd in held.items():
        if seen not in patient:
            _kill(seen, fd)
    left = _waited(held, began + LEAVE, patient) if patient else set(held)
    for seen in left & set(patient):
        _kill(seen, held[seen])
    return _waited({seen: held[seen] for seen in left}, began + TIMEOUT, held)


def _kill(seen: _Seen, fd: int) -> None:
    """Kill it, and at once the whole group that it leads: nothing that it starts meanwhile is
    missed.
    """
    with suppress(ProcessLookupError, PermissionError):
        if seen.group == seen.pid:
            os.killpg(seen.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        signal.pidfd_send_signal(fd, signal.SIGKILL)


def _waited(held: Mapping[_Seen, int], until: float, whom: Collection[_Seen]) -> set[_Seen]:
    """Those that are there when the time has come, or when none of `whom` is any more."""
    left = {fd: seen for seen, fd in held.items()}
    poll = select.poll()
    for fd in left:
        poll.register(fd, select.POLLIN)
    while any(seen in whom for seen in left.values()):
        rest = until - time.monotonic()
        for fd, _ in poll.poll(max(0.0, rest) * 1000):
            poll.unregister(fd)
            del left[fd]
        if rest <= 0:
            break
    return set(left.values())


def _hold(seen: _Seen) -> int | None:
    """A descriptor of that process; None where it is gone, whoever has its id now."""
    try:
        fd = os.pidfd_open(seen.pid)
    except OSError:
        return None
    now = _look(seen.pid)
    if now is not None and now.started == seen.started:
        return fd
    os.close(fd)
    return None


def _below(roots: Iterable[_Seen], table: Mapping[int, _Seen]) -> set[_Seen]:
    """These, all that they started, and the groups that they lead."""
    found = set(roots)
    groups = {seen.pid for seen in found if seen.group == seen.pid}
    found |= {seen for seen in table.values() if seen.group in groups}
    size = 0
    while size < len(found):
        size = len(found)
        pids = {seen.pid for seen in found}
        found |= {seen for seen in table.values() if seen.parent in pids}
    return found


def _table() -> dict[int, _Seen]:
    """All processes that run."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    return {pid: seen for pid in pids if (seen := _look(pid)) is not None}


def _look(pid: int) -> _Seen | None:
    """The process with that id, unless it has ended."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if said[0] in _ENDED:
            return None
        return _Seen(pid, int(said[1]), int(said[2]), int(said[3]), int(said[19]))
    except (OSError, ValueError, IndexError):
        return None


def _arguments(pid: int) -> list[str]:
    return _strings(pid, "cmdline")


def _profiles(pid: int) -> list[str]:
    said = [line for line in _arguments(pid) if line.startswith(_PROFILE)]
    return [os.path.basename(line.removeprefix(_PROFILE)) for line in said]


def _temporary(pid: int) -> str:
    """Its TMPDIR."""
    named = [said for said in _strings(pid, "environ") if said.startswith("TMPDIR=")]
    return named[0].removeprefix("TMPDIR=") if named else ""


def _strings(pid: int, name: str) -> list[str]:
    try:
        data = Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in data.split(b"\0") if part]


def _is_ours(pid: int) -> bool:
    """Whether it runs as this process's user."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    except OSError:
        return False


def _here() -> str:
    """This boot of the machine and this namespace of process ids; empty where neither is told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
