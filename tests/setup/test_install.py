"""What the installer does on machines that lack this or that.

apt-get and sudo are pretended, and the driver too where it would only fail to download.
"""

import functools
import http.server
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_browser.browser import install as installing
from agent_browser.browser.install import install, is_ready
from agent_browser.browser.registry import registry
from agent_browser.errors import BrowserMissing
from agent_browser.settings import Settings
from tests.setup.places import program

BROWSER = "#!/bin/sh\necho Chromium 156.0.1.2\n"
BROKEN_DRIVER = "#!/bin/sh\necho node: cannot open libatomic.so.1 >&2\nexit 127\n"
APT_GET = """#!/bin/sh
echo "$@" >>{folder}/apt-get.log
case "$*" in
    *install*chromium-headless-shell*)
        printf '#!/bin/sh\\necho Chromium 156.0.1.2\\n' >{folder}/chromium-headless-shell
        chmod 755 {folder}/chromium-headless-shell ;;
    *install*libatomic1*) printf '#!/bin/sh\\n' >{folder}/node; chmod 755 {folder}/node ;;
esac
"""
OFFLINE_DRIVER = """#!/bin/sh
[ "$1" = --version ] && exit 0
echo 'Error: getaddrinfo ENOTFOUND builds.example'
exit 1
"""


class Machine:
    """A machine of which only `bin` is on the PATH, and a download fails unless arranged."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("sh", "env", "chmod", "true"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        program(self.bin / "ffmpeg")
        self._patch = monkeypatch
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(folder / "downloads"))
        monkeypatch.setattr(installing, "_FONT_FOLDERS", (str(folder / "fonts"),))
        program(folder / "fonts" / "dejavu" / "sans.ttf")
        self.has_driver(OFFLINE_DRIVER)
        self.become(user=1000)

    def become(self, user: int) -> None:
        self._patch.setattr(os, "geteuid", lambda: user)

    def download_from(self, address: str) -> None:
        self._patch.delenv("PLAYWRIGHT_NODEJS_PATH")
        self._patch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", address)
        for name in ("NO_PROXY", "no_proxy"):
            self._patch.setenv(name, "127.0.0.1")

    def has(self, name: str, text: str) -> None:
        program(self.bin / name, text)

    def has_apt(self, *, knows: bool = True) -> None:
        self.has("apt-get", APT_GET.format(folder=self.bin))
        self.has("apt-cache", f"#!/bin/sh\nexit {0 if knows else 100}\n")

    def has_sudo(self, *, password: bool) -> None:
        self.has("sudo", "#!/bin/sh\nexit 1\n" if password else '#!/bin/sh\nshift\nexec "$@"\n')

    def has_driver(self, text: str) -> None:
        self.has("node", text)
        self._patch.setenv("PLAYWRIGHT_NODEJS_PATH", str(self.bin / "node"))

    @property
    def apt_calls(self) -> str:
        log = self.bin / "apt-get.log"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def downloads() -> Iterator[str]:
    """The address of a server that has whatever build Playwright asks for."""

    class Builds(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _archive("ffmpeg-linux" if "ffmpeg" in self.path else "chrome-headless-shell")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the test's stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Builds) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.01))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _archive(name: str) -> bytes:
    places = registry({"HOME": "/"})
    path = places.headless_shell if name == places.headless_shell.name else places.ffmpeg
    inside = f"{path.parent.name}/{name}" if path == places.headless_shell else name
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(inside, BROWSER)
    return packed.getvalue()


def test_a_browser_that_is_there_is_left_as_it_is(machine: Machine) -> None:
    machine.has_apt()
    machine.become(user=0)
    machine.has("chromium-headless-shell", BROWSER)
    said: list[str] = []
    outcome = install(said.append, settings=Settings())
    assert outcome.version == "Chromium 156.0.1.2"
    assert outcome.done == outcome.warnings == ()
    assert outcome.ffmpeg == registry().ffmpeg
    assert any(str(machine.bin / "chromium-headless-shell") in line for line in said)
    assert machine.apt_calls == ""


def test_playwrights_shell_is_taken_where_it_can_be_downloaded(
    machine: Machine, downloads: str
) -> None:
    machine.has_apt()
    machine.become(user=0)
    machine.download_from(downloads)
    outcome = install(lambda _: None, settings=Settings())
    assert outcome.executable.path == registry().headless_shell
    assert outcome.done == ("downloaded Playwright's headless shell",)
    assert machine.apt_calls == ""


def test_a_download_that_is_refused_says_so(machine: Machine) -> None:
    machine.download_from("http://127.0.0.1:9")
    with pytest.raises(BrowserMissing, match=r"could not be downloaded: Error: .*ECONNREFUSED"):
        install(lambda _: None, settings=Settings())


@pytest.mark.parametrize("user", [0, 1000])
def test_the_distributions_shell_is_taken_where_nothing_can_be_downloaded(
    machine: Machine, user: int
) -> None:
    machine.has_apt()
    machine.has_sudo(password=False)
    machine.become(user)
    outcome = install(lambda _: None, settings=Settings())
    assert outcome.executable.source == "the system's chromium-headless-shell"
    assert "fonts-liberation" in machine.apt_calls
    assert not is_ready(Settings(executable_path=machine.bin / "nothing"))
    assert is_ready(Settings())


def test_without_rights_the_reason_and_what_to_type_are_said(machine: Machine) -> None:
    machine.has_apt()
    machine.has_sudo(password=True)
    with pytest.raises(BrowserMissing) as raised:
        install(lambda _: None, settings=Settings())
    assert "could not be downloaded" in raised.value.detail
    assert "sudo apt-get install -y --no-install-recommends chromium-headless-shell" in str(
        raised.value
    )
    assert machine.apt_calls == ""


def test_a_distribution_without_the_package_says_so(machine: Machine) -> None:
    machine.has_apt(knows=False)
    machine.become(user=0)
    with pytest.raises(BrowserMissing, match="has no chromium-headless-shell or chromium"):
        install(lambda _: None, settings=Settings())


def test_another_browser_is_used_with_a_warning_where_the_preferred_cant_be_had(
    machine: Machine,
) -> None:
    machine.has("google-chrome", BROWSER)
    outcome = install(lambda _: None, settings=Settings())
    assert outcome.executable.kind == "chrome"
    assert "preferred browser could not be installed" in outcome.warnings[0]


def test_the_drivers_libraries_are_brought_first(machine: Machine) -> None:
    machine.has_apt()
    machine.become(user=0)
    machine.has("chromium-headless-shell", BROWSER)
    machine.has_driver(BROKEN_DRIVER)
    assert not is_ready(Settings())
    outcome = install(lambda _: None, settings=Settings())
    assert outcome.done == ("installed the libraries of Playwright's driver",)
    assert "libatomic1" in machine.apt_calls


def test_all_that_lacks_is_in_one_line_to_type(machine: Machine) -> None:
    machine.has_driver(BROKEN_DRIVER)
    with pytest.raises(BrowserMissing) as raised:
        install(lambda _: None, settings=Settings())
    last = raised.value.detail.splitlines()[-1]
    assert last.endswith(
        "libatomic1 libstdc++6 chromium-headless-shell fonts-liberation fonts-noto-color-emoji"
    )


def test_a_configured_browser_that_does_not_run_is_not_replaced(machine: Machine) -> None:
    machine.has_apt()
    machine.become(user=0)
    machine.has("mine", "#!/bin/sh\nexit 1\n")
    with pytest.raises(BrowserMissing, match="does not run"):
        install(lambda _: None, settings=Settings(executable_path=machine.bin / "mine"))
    assert machine.apt_calls == ""


def test_a_machine_without_a_font_gets_some(machine: Machine, tmp_path: Path) -> None:
    machine.has("chromium-headless-shell", BROWSER)
    shutil.rmtree(tmp_path / "fonts")
    assert "no font is installed" in install(lambda _: None, settings=Settings()).warnings[0]
    machine.has_apt()
    machine.become(user=0)
    assert install(lambda _: None, settings=Settings()).done == ("installed fonts",)


def test_the_exit_status_tells_whether_there_is_a_browser(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installing.main([]) == 1
    assert "no browser could be installed" in capsys.readouterr().err
    machine.has("chromium-headless-shell", BROWSER)
    assert installing.main([]) == 0
    assert "Chromium 156.0.1.2" in capsys.readouterr().err
    assert installing.main(["--if-missing"]) == 0
    assert capsys.readouterr().err == ""
