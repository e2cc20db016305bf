"""ffmpeg is put where Playwright looks, once, whole, and never over Playwright's own."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from agent_browser.browser import ffmpeg
from agent_browser.browser.registry import registry
from agent_browser.errors import BrowserMissing
from tests.setup.places import program


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    program(tmp_path / "bin" / "ffmpeg")
    return {
        "PATH": str(tmp_path / "bin"),
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "downloads"),
    }


def without_system_ffmpeg(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "PATH": "/nowhere"}


def test_the_systems_ffmpeg_is_found_first(environ: dict[str, str], tmp_path: Path) -> None:
    assert ffmpeg.find(environ) == tmp_path / "bin" / "ffmpeg"


def test_the_bundled_ffmpeg_is_found_where_the_system_has_none(environ: dict[str, str]) -> None:
    found = ffmpeg.find(without_system_ffmpeg(environ))
    assert found is not None
    assert found.parent.name == "binaries"


def test_the_bundled_ffmpeg_encodes_what_playwright_asks_for(environ: dict[str, str]) -> None:
    found = ffmpeg.find(without_system_ffmpeg(environ))
    assert found is not None
    said = subprocess.run([found, "-encoders"], capture_output=True, text=True, check=True)
    assert " libvpx " in said.stdout


def test_a_link_to_the_systems_ffmpeg_is_made_and_marked_complete(
    environ: dict[str, str], tmp_path: Path
) -> None:
    made = ffmpeg.link(environ)
    assert made == registry(environ).ffmpeg
    assert made.readlink() == tmp_path / "bin" / "ffmpeg"
    assert sorted(os.listdir(made.parent)) == ["INSTALLATION_COMPLETE", "ffmpeg-linux"]


def test_the_bundled_ffmpeg_outlives_the_environment_that_brought_it(
    environ: dict[str, str],
) -> None:
    made = ffmpeg.link(without_system_ffmpeg(environ))
    assert not made.is_symlink()
    assert os.access(made, os.X_OK)


def test_linking_again_changes_nothing(environ: dict[str, str]) -> None:
    first = ffmpeg.link(environ).lstat()
    assert ffmpeg.link(environ).lstat().st_ino == first.st_ino


def test_playwrights_own_download_is_left_alone(environ: dict[str, str]) -> None:
    own = program(registry(environ).ffmpeg, "Playwright's")
    assert ffmpeg.link(environ).read_text() == own.read_text() == "Playwright's"


def test_a_link_whose_ffmpeg_is_gone_is_made_anew(environ: dict[str, str], tmp_path: Path) -> None:
    target = registry(environ).ffmpeg
    target.parent.mkdir(parents=True)
    target.symlink_to("/nowhere/ffmpeg")
    assert ffmpeg.link(environ).resolve() == tmp_path / "bin" / "ffmpeg"


def test_many_at_once_make_one_link(environ: dict[str, str]) -> None:
    failures: list[Exception] = []
    together = threading.Barrier(8)

    def make() -> None:
        together.wait()
        try:
            ffmpeg.link(environ)
        except BrowserMissing as exc:
            failures.append(exc)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(os.listdir(registry(environ).ffmpeg.parent)) == 2


def test_a_folder_that_cant_be_written_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "downloads").write_text("a file where a folder should be")
    with pytest.raises(BrowserMissing, match=r"downloads/ffmpeg-\d+ can't be written"):
        ffmpeg.link(environ)


def test_a_machine_without_ffmpeg_is_told_the_cure(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    with pytest.raises(BrowserMissing, match="imageio-ffmpeg"):
        ffmpeg.link(without_system_ffmpeg(environ))
