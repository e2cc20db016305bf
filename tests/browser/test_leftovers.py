"""Browsers that a killed process left: those whose pipe did not end them are ended by the sweep."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.scratch import sweep
from agent_browser.settings import load
from tests.processes import is_alive, line_of
from tests.site import Site

pytestmark = pytest.mark.browser

OWNER = """
import sys
from pathlib import Path
import anyio, psutil
from agent_browser.browser.chromium import Chromium
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.settings import load

async def main():
    async with Chromium(load(executable_path=Path(sys.argv[1]))) as engine:
        browser = await engine.launch()
        context = await browser.new_context(ContextOptions())
        await context.open(OpenInput(url=sys.argv[2]))
        below = psutil.Process().children(recursive=True)
        print(browser.pid, *(process.pid for process in below), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder of all here; its path is short, for the full browser has a socket in
    it.
    """
    with tempfile.TemporaryDirectory(prefix="ab-") as made:
        monkeypatch.setattr(tempfile, "tempdir", made)
        monkeypatch.setenv("TMPDIR", made)
        yield Path(made)


class Owner:
    """A process with a browser that has a page."""

    def __init__(self, executable: Path, site: Site) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(executable), site.url("/clock")],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "AGENT_BROWSER_LOG_FORMAT": "json"},
        )
        assert self._process.stdout is not None
        said = b"\n"
        while said and not said.strip().replace(b" ", b"").isdigit():
            said = self._process.stdout.readline()
        browser, *below = map(int, said.split())
        self.tree = [psutil.Process(pid) for pid in below]
        self.browser = psutil.Process(browser)
        (self.driver,) = (one for one in self.tree if "run-driver" in line_of(one))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def owner(executable: Path, site: Site, folder: Path) -> Iterator[Owner]:
    made = Owner(executable, site)
    yield made
    made.kill()
    for process in made.tree:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def still(owner: Owner) -> list[str]:
    _, alive = psutil.wait_procs(owner.tree, timeout=5)
    return [line_of(process)[:80] for process in alive]


def notes(folder: Path) -> list[Any]:
    """What is noted in the scratch folders."""
    return [json.loads(n.read_text()) for n in folder.glob("agent-browser-*/.processes")]


def test_one_that_stands_still_with_its_driver_is_ended(owner: Owner, folder: Path) -> None:
    for process in owner.tree:
        process.suspend()
    owner.kill()
    assert all(map(is_alive, owner.tree))
    (profile,) = folder.glob("playwright_chromiumdev_profile-*")
    (folder / "playwright_chromiumdev_profile-other").mkdir()
    assert sweep() == 1
    assert still(owner) == []
    assert not list(folder.glob("agent-browser-*"))
    assert not profile.exists()
    assert (folder / "playwright_chromiumdev_profile-other").is_dir()


def test_renderers_that_stand_still_are_ended_after_their_browser_was_killed(
    owner: Owner,
) -> None:
    renderers = [one for one in owner.tree if "--type=renderer" in line_of(one)]
    assert renderers
    for process in [*renderers, owner.driver]:
        process.suspend()
    owner.kill()
    owner.browser.kill()
    ended = os.pidfd_open(owner.browser.pid)
    assert select.select([ended], [], [], 5)[0], "its driver, which stands still, won't reap it"
    os.close(ended)
    assert sweep() == 1
    assert still(owner) == []


def test_one_of_a_process_that_lives_is_not_touched(owner: Owner) -> None:
    assert sweep() == 0
    assert is_alive(owner.browser)
    assert is_alive(owner.driver)


@pytest.mark.anyio
async def test_a_launched_browser_is_noted_with_its_driver(
    executable: Path, site: Site, folder: Path
) -> None:
    async with Chromium(load(executable_path=executable)) as engine:
        browser = await engine.launch()
        (said,) = notes(folder)
        own, driver = said["processes"]
        assert own["pid"] == browser.pid
        assert own["argument"] == said["mark"]
        assert said["mark"] in psutil.Process(own["pid"]).cmdline()
        assert psutil.Process(own["pid"]).ppid() == driver["pid"]
        assert driver["argument"] in psutil.Process(driver["pid"]).cmdline()
        await browser.close()
        assert notes(folder) == []


@pytest.mark.anyio
async def test_no_launch_fails_because_nothing_can_be_noted(
    executable: Path, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent_browser.scratch.Scratch.note", full)
    async with Chromium(load(executable_path=executable)) as engine:
        browser = await engine.launch()
        context = await browser.new_context(ContextOptions())
        assert (await context.open(OpenInput(url=site.url("/form")))).status == 200
        await browser.close()


@pytest.mark.anyio
async def test_one_that_stands_still_is_closed_all_the_same(
    executable: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.browser.chromium.CLOSE_TIMEOUT", 0.5)
    async with Chromium(load(executable_path=executable)) as engine:
        browser = await engine.launch()
        assert browser.pid is not None
        tree = psutil.Process(browser.pid).children(recursive=True)
        os.killpg(browser.pid, signal.SIGSTOP)
        await browser.close()
        assert psutil.wait_procs(tree, timeout=5)[1] == []
        assert os.listdir(folder) == []
