"""The wheel: all of the package is in it, and what is in it does the main job by itself.

That the lock is enough for it, in an environment of its own: tests/setup/wheel.py, by hand.
"""

import sys
import zipfile
from pathlib import Path

import pytest

from tests.setup.wheel import CHECKOUT, build, demo


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_every_file_of_the_package_is_in_it_and_nothing_else_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = CHECKOUT / "agent_browser"
    assert held == {
        str(file.relative_to(CHECKOUT))
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {Path(name).suffix for name in held} >= {".py", ".js", ".css", ".typed"}


@pytest.mark.browser
def test_what_is_in_it_does_the_demo_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    place = {"PYTHONPATH": str(tmp_path / "unpacked")}
    seen = "import agent_browser.cli.main as m; print(m.__file__); m.main()"
    done = demo([sys.executable, "-c", seen], tmp_path, **place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "unpacked"))
    assert "the page says: Thank you, Ada" in done.stdout
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
    (video,) = (tmp_path / "data").rglob("*.webm")
    assert video.stat().st_size > 1000
