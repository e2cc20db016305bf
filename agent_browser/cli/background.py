"""The server that commands start in the background: started once, found again, ended by its pid."""

import fcntl
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import agent_browser
from agent_browser.cli.exits import UNREACHABLE, Failed
from agent_browser.cli.files import private_folder, read_json, write_json
from agent_browser.cli.process import end, mark
from agent_browser.client.address import Address

START_DEADLINE = 90.0
"""Seconds that a server may take to be ready."""


@dataclass(frozen=True)
class Server:
    """A server in the background. `started` is its process's mark; `log` the file of its output."""

    pid: int
    started: str
    url: str
    log: str


class Background:
    """The background server of one address, with its files below the data folder."""

    def __init__(self, address: Address, data_dir: Path) -> None:
        name = f"server-{address.host}-{address.port}".replace(":", "_")
        self._address = address
        self._record = data_dir / "run" / f"{name}.json"
        self._lock = data_dir / "run" / f"{name}.lock"
        self._log = data_dir / "logs" / f"{name}.log"

    def find(self) -> Server | None:
        """The server that was started here and still runs, or None."""
        data = read_json(self._record)
        try:
            server = Server(int(data["pid"]), data["started"], data["url"], data["log"])
        except (KeyError, TypeError, ValueError):
            return None
        return server if mark(server.pid) == server.started else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock, so that of several commands one starts the server. The wait is bounded by
        the holder's own deadline, and the system frees the lock of one that dies.
        """
        private_folder(self._lock.parent)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def start(self) -> Server:
        """Start it and wait until it listens. Failed, with the end of its log, where it doesn't;
        then nothing of it is left.
        """
        reading, writing = os.pipe()
        try:
            try:
                server = self._spawn(writing)
            finally:
                os.close(writing)
            try:
                self._await(reading, server)
            except BaseException:
                self.stop(grace=10.0)
                raise
        finally:
            os.close(reading)
        return server

    def stop(self, *, grace: float) -> Server | None:
        """End it, with `grace` seconds for its sessions; the server that was ended, or None."""
        server = self.find()
        if server is not None and not end(server.pid, server.started, grace=grace):
            raise Failed(f"the server (process {server.pid}) does not end; see {server.log}")
        self._record.unlink(missing_ok=True)
        return server

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        try:
            text = self._log.read_bytes()[-8192:].decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _spawn(self, ready: int) -> Server:
        private_folder(self._log.parent)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        log = os.open(self._log, flags, 0o600)
        try:
            process = subprocess.Popen(
                _command(self._address, ready),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                pass_fds=(ready,),
                start_new_session=True,
            )
        finally:
            os.close(log)
        started = mark(process.pid) or "gone"
        _children.append(process)
        server = Server(process.pid, started, self._address.url, str(self._log))
        write_json(self._record, asdict(server))
        return server

    def _await(self, reading: int, server: Server) -> None:
        """Wait for the line that the server writes when it listens; its end means that it died."""
        deadline = time.monotonic() + START_DEADLINE
        heard = b""
        while not heard.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([reading], [], [], left)[0]:
                raise self.failed(f"the server was not ready within {START_DEADLINE:g} s")
            piece = os.read(reading, 4096)
            if not piece:
                raise self.failed("the server did not start")
            heard += piece

    def failed(self, what: str) -> Failed:
        """What to say of a server that is of no use, with the end of its log."""
        tail = self.tail()
        return Failed(f"{what}; the end of {self._log}:\n{tail}", UNREACHABLE)


_children: list[subprocess.Popen[bytes]] = []
"""Servers that this process started. Keeping them keeps `subprocess` from warning when this process
ends before them, as it is meant to.
"""


def collect() -> None:
    """Take the exit status of servers started here that have ended, so that none stays a zombie."""
    for process in _children:
        if process.poll() is None:
            process.returncode = 0  # it goes on without us; the system's init will collect it
    _children.clear()


def _command(address: Address, ready: int) -> list[str]:
    # -P: what lies in the current folder is not imported.
    return [
        *(sys.executable, "-P", "-m", "agent_browser", "serve"),
        *("--host", address.host, "--port", str(address.port), "--ready-fd", str(ready)),
    ]


def _environment() -> dict[str, str]:
    """This process's variables; where the package runs from a checkout, with the way to it."""
    variables = dict(os.environ)
    root = Path(agent_browser.__file__).resolve().parent.parent
    if (root / "pyproject.toml").is_file():
        paths = [str(root), *filter(None, [variables.get("PYTHONPATH")])]
        variables["PYTHONPATH"] = os.pathsep.join(paths)
    return variables
