"""`doctor` and `demo`, on the real browser and the real server where it matters."""

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent_browser.browser import install
from agent_browser.browser.executable import Executable
from agent_browser.cli import checks, doctor
from agent_browser.cli.checks import Finding
from agent_browser.cli.demo_site import served
from agent_browser.cli.target import Target
from agent_browser.settings import Settings
from tests.cli.conftest import Run

if TYPE_CHECKING:
    from tests.cli.fake_server import FakeServer


def finding(check: checks.Check) -> Finding:
    target = Target(url=None, autostart=False)
    try:
        return check(target)
    finally:
        target.close()


@pytest.mark.browser
def test_doctor_starts_the_browser_and_is_well_here(run: Run) -> None:
    done = run("doctor", "--json")

    findings = {check["name"]: check for check in json.loads(done.out)["checks"]}
    assert done.code == 0, done.out
    assert findings["page"]["status"] in ("ok", "warn")
    assert "showed a page" in findings["page"]["detail"]
    assert findings["browser"]["status"] == "ok"
    assert all(check["cure"] for check in findings.values() if check["status"] != "ok")
    assert len(findings) == len(checks.CHECKS)


def test_a_browser_that_is_not_there_fails_with_the_cure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_EXECUTABLE_PATH", "/there/is/no/browser")
    monkeypatch.setattr(doctor, "CHECKS", (checks.versions, checks.browser, checks.page))
    done = run("doctor")

    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("ok   versions")
    assert lines[1].startswith("fail browser")
    assert "agent-browser install" in done.out


def test_a_check_that_breaks_does_not_stop_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_target: Target) -> Finding:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr(doctor, "CHECKS", (breaks, checks.versions))
    done = run("doctor")

    assert done.code == 1
    assert "ZeroDivisionError" in done.out
    assert "ok   versions" in done.out


def test_a_folder_that_can_not_be_written_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AGENT_BROWSER_DATA_DIR", str(tmp_path / "file" / "data"))
    found = finding(checks.folders)

    assert found.status == "fail"
    assert "AGENT_BROWSER_DATA_DIR" in found.cure


def test_folders_that_are_not_there_yet_are_not_made(tmp_path: Path) -> None:
    assert finding(checks.folders).status == "ok"
    assert not (tmp_path / "data").exists()


def test_a_port_that_another_program_holds_is_a_warning(
    fake: "FakeServer", monkeypatch: pytest.MonkeyPatch
) -> None:
    port = fake.url.rpartition(":")[2]
    monkeypatch.setenv("AGENT_BROWSER_PORT", port)
    assert finding(checks.port) == Finding(
        "port", "ok", f"127.0.0.1:{port} is held by the server that runs"
    )
    monkeypatch.setenv("AGENT_BROWSER_URL", "http://127.0.0.1:1")
    assert finding(checks.port).status == "warn"


def test_the_server_is_ready_or_not_or_not_there(
    fake: "FakeServer", monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finding(checks.server) == Finding("server", "ok", f"{fake.url} is ready (Fake/1)")
    fake.is_ready = False
    assert finding(checks.server).status == "fail"
    monkeypatch.setenv("AGENT_BROWSER_URL", "http://127.0.0.1:1")
    assert finding(checks.server).status == "ok"
    monkeypatch.setenv("AGENT_BROWSER_URL", "http://server.invalid:1")
    assert finding(checks.server).status == "fail"


@pytest.mark.parametrize(("mebibytes", "status"), [(100, "fail"), (1024, "warn"), (8192, "ok")])
def test_memory_is_judged(monkeypatch: pytest.MonkeyPatch, mebibytes: int, status: str) -> None:
    monkeypatch.setattr(checks, "_free_memory", lambda: mebibytes * 1024 * 1024)

    assert finding(checks.memory).status == status


def test_install_says_what_it_did(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def bring(report: install.Report, *, full: bool, settings: Settings) -> install.InstallReport:
        asked.append(full)
        report("fetching")
        shell = Executable(Path("/b/shell"), "headless-shell", "here")
        return install.InstallReport(shell, "Chromium 1", None, ("fetched",), ("no ffmpeg",))

    monkeypatch.setattr(install, "install", bring)
    done, as_json = run("install"), run("install", "--full", "--json")

    assert (done.code, done.out) == (0, "Chromium 1 is at /b/shell\n")
    assert done.err.splitlines() == ["agent-browser: fetching", "agent-browser: no ffmpeg"]
    assert json.loads(as_json.out)["done"] == ["fetched"]
    assert asked == [False, True]


def test_the_demos_site_repeats_what_it_is_told_as_text() -> None:
    with served() as site:
        with urllib.request.urlopen(f"{site}order?guest=%3Cb%3EAda&drink=Tea") as answer:
            page = answer.read().decode()
        with urllib.request.urlopen(site) as answer:
            form = answer.read().decode()

    assert "Thank you, &lt;b&gt;Ada" in page
    assert "<b>" not in page
    assert '<form action="/order"' in form


@pytest.mark.browser
def test_the_demo_does_the_main_job_and_leaves_nothing_running(
    run: Run, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("AGENT_BROWSER_RECORDINGS_DIR", str(tmp_path / "recordings"))
    monkeypatch.setenv("AGENT_BROWSER_BROWSERS", "1")
    done = run("demo", "--output", str(tmp_path / "shot.png"))

    assert done.code == 0, done.err
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
    assert "the page says: Thank you, Ada" in done.out
    (video,) = (tmp_path / "recordings").rglob("*.webm")
    assert str(video) in done.out
    assert video.stat().st_size > 1000
    assert run("stop").err.startswith("agent-browser: no server runs")


@pytest.mark.browser
def test_the_short_commands_do_the_job_on_the_real_thing(
    run: Run, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("AGENT_BROWSER_RECORDINGS_DIR", str(tmp_path / "recordings"))
    monkeypatch.setenv("AGENT_BROWSER_BROWSERS", "1")
    try:
        with served() as site:
            opened = run("open", site)
            assert opened.code == 0, opened.err
            refs = {
                word: next(line for line in opened.out.splitlines() if word in line).split()[0]
                for word in ("Your name", '"Order"')
            }
            assert run("fill", refs["Your name"], "Ada").code == 0
            clicked = run("click", refs['"Order"'])
            assert "Thank you" in clicked.out, clicked
            assert "Order something else" in clicked.out
            assert run("eval", "document.title").out == "Thank you\n"
            stale = run("click", refs['"Order"'])
            assert (stale.code, stale.out) == (1, "")
            assert "Stale ref" in stale.err
            assert run("screenshot", str(tmp_path / "a.webp")).code == 0
            assert (tmp_path / "a.webp").read_bytes()[8:12] == b"WEBP"
            still = ("--if-changed", "--threshold", "0.1", "--animations", "disabled")
            assert "px" in run("screenshot", str(tmp_path / "b.png"), *still).out
            assert "nothing has changed" in run("screenshot", str(tmp_path / "b.png"), *still).out
            touched = "window.at = `${e.touches[0].clientX} ${e.touches[0].clientY}`"
            listen = f"document.addEventListener('touchstart', e => {{ {touched} }})"
            assert run("eval", listen).code == 0
            assert run("tap", "12,34").code == 0
            assert run("eval", "window.at").out == "12 34\n"
            assert run("eval", "setInterval(() => fetch('/often'), 100); 1").code == 0
            assert run("wait", "--response", "**/often").code == 0
            assert "'/never'" in run("wait", "--response", "/never", "--timeout", "200ms").err
            put = run("uploads", "--put", str(tmp_path / "a.webp")).out
            assert put.startswith(f"a.webp\t{(tmp_path / 'a.webp').stat().st_size} bytes")
            assert run("record", "start").code == 0
            assert run("record", "stop", "--thumbnail", str(tmp_path / "frame.jpg")).code == 0
            assert (tmp_path / "frame.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
            assert run("close").code == 0
    finally:
        stopped = run("stop")
    assert stopped.out.startswith("stopped the server")
