"""Runs an installer's command to its end, within a bound, and keeps what it printed."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

_TAIL_LINES = 15


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `output` is stdout and stderr as they came."""

    ok: bool
    reason: str
    output: str

    @property
    def tail(self) -> str:
        """The last lines of the output, for an error message."""
        return "\n".join(self.output.splitlines()[-_TAIL_LINES:])


def run(
    command: Sequence[str],
    *,
    timeout: float,
    environ: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> Outcome:
    """Run it without a terminal, with `given` as its stdin, in a process group that ends with it.
    Never raises for what the command does; `timeout` is in seconds.
    """
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )
        except OSError as exc:
            return Outcome(ok=False, reason=f"{command[0]}: {exc.strerror}", output="")
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end_group(process)
        log.seek(0)
        output = log.read().decode(errors="replace")
    return Outcome(ok=status == 0, reason=_reason(status, timeout, output), output=output)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Nothing that the command started outlives it: a download goes on in a process of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reason(status: int | None, timeout: float, output: str) -> str:
    """In one line: the first that speaks of an error, or else the last."""
    if status is None:
        return f"not done within {timeout:g} s"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    spoken = [line for line in lines if line.startswith(("Error: ", "E: "))]
    said = (spoken or lines[-1:] or [""])[0]
    return f"{said} (exit status {status})" if status else said
