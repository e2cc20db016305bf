"""A shell in which the documentation's examples run: in a folder of its own, with the program on
its path, talking to a server that is there.
"""

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.docs.markdown import ROOT

WRITTEN_SERVER = "http://127.0.0.1:7070"
WRITTEN_PAGES = "127.0.0.1:8000"
SECONDS = 60


class Shell:
    """Runs what a page says to type, with the page's two addresses replaced by those that are."""

    def __init__(self, folder: Path, server: str, pages: str) -> None:
        self.folder = folder
        self._server = server
        self._pages = pages
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "agent-browser"
        program.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m agent_browser "$@"\n',
            encoding="utf-8",
        )
        program.chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
        self._environ = kept | {
            "AGENT_BROWSER_URL": server,
            "AGENT_BROWSER_DATA_DIR": str(folder / "data"),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PATH": os.pathsep.join([str(folder / ".local/bin"), str(programs), kept["PATH"]]),
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *blocks: str) -> str:
        """What the blocks print, one after the other in one shell. AssertionError with all that was
        said where a command fails.
        """
        return self._do(["sh", "-eu", "-c", self._replaced("\n".join(blocks))])

    def python(self, code: str) -> str:
        """What the program prints."""
        return self._do([sys.executable, "-c", self._replaced(code)])

    def _replaced(self, text: str) -> str:
        return text.replace(WRITTEN_SERVER, self._server).replace(WRITTEN_PAGES, self._pages)

    def _do(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Host and port at which the folder's files are served, as `python3 -m http.server` does it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
