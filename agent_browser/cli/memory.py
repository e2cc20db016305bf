"""The session that this shell used last, so that short commands need not name it."""

import os
from pathlib import Path

import platformdirs

from agent_browser.cli.files import read_json, write_json
from agent_browser.cli.process import mark


class Memory:
    """One small file for each shell, named after the leader of the terminal's (or the job's)
    process session; a later leader with the same number does not inherit it.
    """

    def __init__(self, folder: Path, leader: int) -> None:
        self._folder = folder
        self._leader = leader

    def recall(self, url: str) -> str | None:
        """The session last used with the server at `url`, or None."""
        session = self._sessions().get(url)
        return session if isinstance(session, str) else None

    def remember(self, url: str, session: str) -> None:
        """Use this session from now on; files of shells that are gone are removed on the way."""
        self._write({**self._sessions(), url: session})
        self._sweep()

    def forget(self, url: str, session: str) -> None:
        """Forget the session, if it is the one remembered."""
        sessions = self._sessions()
        if sessions.get(url) == session:
            self._write({k: v for k, v in sessions.items() if k != url})

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._leader}.json"

    def _sessions(self) -> dict[str, object]:
        data = read_json(self._path)
        sessions = data.get("sessions")
        if data.get("shell") != mark(self._leader) or not isinstance(sessions, dict):
            return {}
        return sessions

    def _write(self, sessions: dict[str, object]) -> None:
        write_json(self._path, {"shell": mark(self._leader), "sessions": sessions})

    def _sweep(self) -> None:
        for path in self._folder.glob("*.json"):
            stem = path.stem
            if stem.isdigit() and int(stem) != self._leader and mark(int(stem)) is None:
                path.unlink(missing_ok=True)


def of_this_shell() -> Memory:
    """The memory of the shell that this command was typed in."""
    folder = Path(platformdirs.user_state_dir("agent-browser", appauthor=False)) / "shells"
    return Memory(folder, os.getsid(0))
