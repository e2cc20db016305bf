"""Every packet that a browser sends, in a network of its own: none but to the proxy."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser]


def sent(executable: Path, mode: str) -> list[Any]:
    """What a browser sent in that mode of `quiet`, in a namespace of its own."""
    apart = ["unshare", "--net", "--map-root-user", "--"]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no programs to make a network namespace with")
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the system lets no network namespace be made")
    program = [sys.executable, "-m", "tests.browser.quiet", str(executable), mode]
    done = subprocess.run(
        [*apart, *program], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_browser_sends_nothing_but_to_the_proxy(executable: Path) -> None:
    assert sent(executable, "ours") == []


def test_one_that_is_started_in_another_way_does(executable: Path) -> None:
    """Or the test above could not fail."""
    found = sent(executable, "raw")
    assert any(kind == "udp" and port == 53 for kind, _, port in found)
    assert any(kind == "tcp" and to == "192.0.2.8" for kind, to, _ in found)
