"""A PostgreSQL server of the tests' own: Debian's programs, a free port, a temporary folder."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

USER = "tests"
PASSWORD = "a-password-of-the-tests"
_OTHERS = ("postgres", "nobody")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
}


def programs() -> Path | None:
    """The folder of the newest installed server's programs."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda at: int(at.parts[-3])
    )
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """A server while this lasts: the URL of its cluster, to which a database's name is added."""
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="agent-browser-postgres-"))
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = folder / "data"
        access = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}"]
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        _run(user, [str(programs / "initdb"), "-D", str(data), "--no-sync", *access, *locale])
        port = _free_port()
        with _server(programs, data, folder / "log", port, user):
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(programs: Path, data: Path, log: Path, port: int, user: str | None) -> Iterator[None]:
    options = " ".join(f"-c {name}='{value}'" for name, value in _SETTINGS.items())
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    _run(user, [*control, "-l", str(log), "-o", f"-p {port} {options}", "start"])
    try:
        yield
    finally:
        _run(user, [*control, "-m", "immediate", "stop"])


def _run(user: str | None, command: Sequence[str]) -> None:
    # Not with this process's environment: what it marks its own with is for tests that start
    # browsers, and a server that serves many tests is nobody's leftover.
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    subprocess.run(
        command,
        check=True,
        user=user,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=90,
    )


def _user() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _OTHERS if name in known)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
