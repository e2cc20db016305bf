"""Which browser is taken of those that are there, and what is behind a wrapper."""

from pathlib import Path

import pytest

from agent_browser.browser.executable import Executable, choose, find, look, real_binary
from agent_browser.errors import BrowserMissing
from agent_browser.settings import Settings
from tests.setup.places import empty_registry, program

DEBIAN_CHROMIUM = """#!/bin/sh
APPNAME=chromium
GDB=/usr/bin/gdb
LIBDIR={folder}/$APPNAME
CHROMIUM_FLAGS=""
  echo "#     LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
    exec $LIBDIR/$APPNAME $CHROMIUM_FLAGS "$@"
"""


def sources(found: tuple[Executable, ...]) -> list[str]:
    return [one.source for one in found]


def shell(source: str) -> Executable:
    return Executable(Path("/shell"), "headless-shell", source)


def full(source: str) -> Executable:
    return Executable(Path("/full"), "chromium", source)


def test_a_shell_is_chosen_before_a_full_browser_that_was_found_first() -> None:
    assert choose([full("first"), shell("second")], headless_shell=True) == shell("second")


def test_a_full_browser_is_chosen_before_a_shell_without_headless_shell() -> None:
    assert choose([shell("first"), full("second")], headless_shell=False) == full("second")


def test_the_other_kind_is_taken_where_the_preferred_one_is_not_there() -> None:
    assert choose([full("only")], headless_shell=True) == full("only")
    assert choose([shell("only")], headless_shell=False) == shell("only")


def test_of_one_kind_the_first_found_is_chosen() -> None:
    found = [shell("Playwright's download"), shell("the system's")]
    assert choose(found, headless_shell=True) == found[0]


def test_nothing_is_chosen_of_nothing() -> None:
    assert choose([], headless_shell=True) is None


def test_downloads_are_found_before_the_systems_browsers(tmp_path: Path) -> None:
    places = empty_registry(tmp_path / "downloads")
    program(places.headless_shell)
    program(places.chromium)
    for name in ("chromium-headless-shell", "chromium", "google-chrome"):
        program(tmp_path / "bin" / name)
    found = look(places, {"PATH": str(tmp_path / "bin")})
    assert sources(found) == [
        "Playwright's download",
        "Playwright's download",
        "the system's chromium-headless-shell",
        "the system's chromium",
        "the system's google-chrome",
    ]
    assert [one.kind for one in found] == [
        "headless-shell", "chromium", "headless-shell", "chromium", "chrome",
    ]  # fmt: skip


def test_an_empty_machine_has_no_browser(tmp_path: Path) -> None:
    assert look(empty_registry(tmp_path), {"PATH": str(tmp_path)}) == ()


def test_a_file_that_may_not_be_run_is_not_found(tmp_path: Path) -> None:
    places = empty_registry(tmp_path)
    program(places.headless_shell).chmod(0o644)
    assert look(places, {"PATH": str(tmp_path)}) == ()


@pytest.mark.parametrize("line", ["exec /snap/bin/chromium", "echo type: snap install chromium"])
def test_a_snap_is_passed_over(tmp_path: Path, line: str) -> None:
    program(tmp_path / "bin" / "chromium-browser", f"#!/bin/sh\n{line}\n")
    assert look(empty_registry(tmp_path), {"PATH": str(tmp_path / "bin")}) == ()


def test_the_binary_behind_debians_headless_shell_wrapper_is_started(tmp_path: Path) -> None:
    binary = program(tmp_path / "lib" / "chromium" / "chromium-headless-shell")
    wrapper = program(
        tmp_path / "bin" / "chromium-headless-shell", f'#!/bin/sh -e\n\n{binary} "$@"\n'
    )
    assert real_binary(wrapper) == binary


def test_the_binary_behind_debians_chromium_wrapper_is_started(tmp_path: Path) -> None:
    binary = program(tmp_path / "lib" / "chromium" / "chromium")
    text = DEBIAN_CHROMIUM.format(folder=tmp_path / "lib")
    assert real_binary(program(tmp_path / "bin" / "chromium", text)) == binary


def test_the_binary_beside_chromes_wrapper_is_started(tmp_path: Path) -> None:
    binary = program(tmp_path / "opt" / "google" / "chrome" / "chrome")
    wrapper = program(binary.parent / "google-chrome", '#!/bin/bash\nexec "$HERE/chrome" "$@"\n')
    link = tmp_path / "google-chrome-stable"
    link.symlink_to(wrapper)
    assert real_binary(link) == binary


def test_a_wrapper_that_sets_libraries_is_kept(tmp_path: Path) -> None:
    binary = program(tmp_path / "lib" / "chromium")
    text = f'#!/bin/sh\nexport LD_LIBRARY_PATH=/opt/lib\nexec {binary} "$@"\n'
    wrapper = program(tmp_path / "bin" / "wrapper", text)
    assert real_binary(wrapper) == wrapper


def test_a_wrapper_that_names_no_binary_is_kept(tmp_path: Path) -> None:
    wrapper = program(tmp_path / "bin" / "wrapper", '#!/bin/sh\nexec somewhere "$@"\n')
    assert real_binary(wrapper) == wrapper


def test_a_configured_browser_goes_before_all_others(tmp_path: Path) -> None:
    path = program(tmp_path / "my-headless-browser")
    found = find(Settings(executable_path=path))
    assert found == Executable(path, "headless-shell", "AGENT_BROWSER_EXECUTABLE_PATH")


def test_a_configured_browser_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing, match="does not exist"):
        find(Settings(executable_path=tmp_path / "nothing"))


def test_a_configured_browser_that_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("no program")
    with pytest.raises(BrowserMissing, match="is not a program that can be run"):
        find(Settings(executable_path=path))


def test_a_machine_without_browser_is_told_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(BrowserMissing, match="agent-browser install"):
        find(Settings(executable_path=None))


def test_the_version_is_product_and_number(tmp_path: Path) -> None:
    text = "#!/bin/sh\necho 'Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)'\n"
    path = program(tmp_path / "browser", text)
    assert Executable(path, "chromium", "test").version() == "Chromium 156.0.8078.79"


def test_a_browser_that_does_not_run_says_why(tmp_path: Path) -> None:
    text = "#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n"
    path = program(tmp_path / "browser", text)
    with pytest.raises(BrowserMissing, match=r"libnss3\.so"):
        Executable(path, "chromium", "test").version()


def test_a_browser_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    path = program(tmp_path / "browser", "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(BrowserMissing, match="timed out"):
        Executable(path, "chromium", "test").version(timeout=0.2)
