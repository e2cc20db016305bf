"""The real program as a process of its own, the way a user starts it."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from tests.processes import line_of

_URL = re.compile(r"https?://[0-9A-Za-z.\[\]:-]+:\d+")
START_TIMEOUT = 60.0
STOP_TIMEOUT = 40.0
MAX_BODY = 2_000_000


class Program:
    """`agent-browser serve` on a free port, writing below `folder` only.

    `settings` are further settings by their lower-case names. RuntimeError, with what it printed,
    if it doesn't start.
    """

    def __init__(self, folder: Path, executable: Path, **settings: object) -> None:
        self.executable = executable
        self.data = folder / "data"
        self.recordings = folder / "recordings"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.base_url = ""
        given = {
            "data_dir": self.data,
            "recordings_dir": self.recordings,
            "executable_path": executable,
            "browsers": 2,
            "warm": 2,
            "min_timeout": 0.1,
            "max_body": MAX_BODY,
            **settings,
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
        self._environ = kept | {f"AGENT_BROWSER_{k.upper()}": str(v) for k, v in given.items()}
        self._environ["TMPDIR"] = str(self.temporary)
        self._lines: list[str] = []
        self._ready = threading.Event()

    def __enter__(self) -> "Program":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent_browser", "serve", "--port", "0"],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_TIMEOUT) or not self.base_url:
            self.stop()
            raise RuntimeError(f"the server did not start:\n{self.log}")
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What it printed until now."""
        return "".join(self._lines)

    @property
    def tree(self) -> list[psutil.Process]:
        """The process and all below it, while it runs."""
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    @property
    def browsers(self) -> list[psutil.Process]:
        """Its main browser processes (not their renderers and helpers)."""
        name = Path(self._environ["AGENT_BROWSER_EXECUTABLE_PATH"]).name
        found = []
        for process in self.tree:
            line = line_of(process)
            if Path(line.split(" ")[0]).name == name and "--type=" not in line:
                found.append(process)
        return found

    def stop(self) -> int:
        """SIGTERM, and wait; its exit code. Whatever is left of its tree is killed."""
        tree = [] if self._process.poll() is not None else self.tree
        if tree:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT)
        finally:
            for process in tree:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            self._reader.join(timeout=5)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            said = _URL.search(line)
            if said and not self.base_url:
                self.base_url = said[0]
                self._ready.set()
        self._ready.set()
