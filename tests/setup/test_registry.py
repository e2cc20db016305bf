"""Where the installed driver looks for its downloads."""

from pathlib import Path

import pytest

from agent_browser.browser.registry import driver_package, node, registry


def test_downloads_are_in_the_users_cache() -> None:
    assert registry({"HOME": "/home/joe"}).folder == Path("/home/joe/.cache/ms-playwright")


def test_the_cache_may_be_elsewhere() -> None:
    assert registry({"XDG_CACHE_HOME": "/c"}).folder == Path("/c/ms-playwright")


def test_downloads_may_be_elsewhere() -> None:
    assert registry({"PLAYWRIGHT_BROWSERS_PATH": "/b"}).folder == Path("/b")


def test_a_relative_folder_is_relative_to_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert registry({"PLAYWRIGHT_BROWSERS_PATH": "b"}).folder == tmp_path / "b"


def test_zero_stands_for_the_package_itself() -> None:
    folder = registry({"PLAYWRIGHT_BROWSERS_PATH": "0"}).folder
    assert folder == driver_package() / ".local-browsers"


def test_the_driver_looks_for_what_is_named_here() -> None:
    bundle = (driver_package() / "lib" / "coreBundle.js").read_text()
    places = registry({"HOME": "/home/joe"})
    for path in (places.headless_shell, places.chromium):
        assert f'"{path.parent.name}", "{path.name}"' in bundle
    assert f'"{places.ffmpeg.name}"' in bundle
    assert places.headless_shell.parent.parent.name.startswith("chromium_headless_shell-")


def test_the_node_that_the_driver_runs_in_can_be_replaced() -> None:
    assert node({}).is_file()
    assert node({"PLAYWRIGHT_NODEJS_PATH": "/n"}) == Path("/n")
