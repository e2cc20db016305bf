"""A process that says on stdout where it answers, and is waited for."""

import select
import subprocess

START_SECONDS = 60.0


def first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line of its stdout. RuntimeError where it ends, or says nothing for a minute."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline().decode().strip() if readable else ""
    if not line:
        name = " ".join(
            str(part) for part in (process.args if isinstance(process.args, list) else [])
        )
        raise RuntimeError(f"{name} did not start")
    return line
