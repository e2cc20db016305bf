"""Builds the wheel, installs it into a fresh environment from the lock, and runs its demo: by hand.

    python -m tests.setup.wheel FOLDER

FOLDER must not exist. The environment is made by this Python, and has nothing of the checkout.
"""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DEMO_TIMEOUT = 120.0


def build(folder: Path) -> Path:
    """The wheel of this checkout, built into the folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(folder: Path, wheel: Path) -> Path:
    """A new environment with what the lock of users has, and the wheel; its program."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    lock = CHECKOUT / "requirements" / "run.txt"
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    # Nothing is fetched any more: what the lock lacks, pip says here.
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)
    return folder / "bin" / "agent-browser"


def demo(
    program: Sequence[str | Path], folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """The demo, done by the program outside the checkout, all it writes below the folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AGENT_BROWSER_")}
    places = {
        "AGENT_BROWSER_URL": f"http://127.0.0.1:{free_port()}",
        "AGENT_BROWSER_DATA_DIR": str(folder / "data"),
        "AGENT_BROWSER_BROWSERS": "1",
        "XDG_STATE_HOME": str(folder / "state"),
    }
    return subprocess.run(
        [*program, "demo", "--output", "shot.png"],
        cwd=folder,
        env=kept | places | environ,
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.setup.wheel")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.resolve()
    (folder / "demo").mkdir(parents=True)
    done = demo([install(folder / "venv", build(folder))], folder / "demo")
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
