"""The watch over processes finds those that a test left behind, orphans too."""

import os
import signal
import subprocess
import sys

from tests import processes


def test_an_orphan_is_found_and_a_finished_process_is_not() -> None:
    before = processes.ours()
    subprocess.run(["sleep", "0"], check=True)
    assert processes.left_behind(before, within=0.5) == []
    code = (
        "import subprocess, sys;"
        "print(subprocess.Popen(['sleep', '60'], start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    orphan = int(said.stdout)
    try:
        assert processes.left_behind(before, within=0.1) == [f"{orphan} sleep 60"]
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_what_a_process_of_before_starts_is_its_own() -> None:
    code = (
        "import subprocess; input(); child = subprocess.Popen(['sleep', '60']); print();"
        "input(); child.kill(); child.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        before = processes.ours()
        parent.stdin.write("start\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "\n"
        assert processes.left_behind(before, within=0.1) == []
        parent.stdin.write("stop\n")
        parent.stdin.flush()
