"""A process that is killed at each call that it makes to the system, in turn, while it saves or
changes the key: what it left is read, and gone on with. Exits 0 where nothing was ever lost; prints
how many calls those were.

Run as a program, which has one thread: it forks.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent_browser.errors import CheckpointNotFound
from agent_browser.models.checkpoints import State
from agent_browser.settings import Settings
from agent_browser.store import keys
from agent_browser.store.blobs import blobs_of
from agent_browser.store.checkpoints import opened
from agent_browser.store.drawer import Drawer
from agent_browser.store.rotation import census, rotate
from tests.store.states import large, same, state

KEY = "ses_killed"
STATES = [state(n=n, big=large(n), same=large(99)) for n in range(5)]
CALLS = {"posix", "_io"}


def drawer(folder: Path) -> Drawer:
    settings = Settings(data_dir=folder)
    blobs = blobs_of(settings)
    return Drawer(blobs, opened(settings, blobs), KEY)


def save(folder: Path, n: int) -> None:
    drawer(folder).save(STATES[n], cause="activity", keep=2, at=datetime.now(UTC))


def until_killed(work: Callable[[], object], step: int) -> bool:
    """Whether the work was over before its call of that number."""
    child = os.fork()
    if child == 0:
        left = step

        def count(frame: Any, event: str, called: Any) -> None:
            nonlocal left
            owner = (
                getattr(called, "__module__", None)
                or type(getattr(called, "__self__", None)).__module__
            )
            if event == "c_call" and owner in CALLS:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        threading.setprofile(count)
        sys.setprofile(count)
        work()
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, status
    return not os.WIFSIGNALED(status)


def loaded(folder: Path) -> State | None:
    try:
        return drawer(folder).load()
    except CheckpointNotFound:
        return None


def has_no_leftovers(folder: Path) -> bool:
    """Whether the files are those of the kept manifests, and nothing else."""
    here = drawer(folder)
    names = here.names()
    named = {blob for name in names.manifests for blob in here._manifest(name).blobs}
    states = folder / "states"
    return names.blobs == named and not list((states / ".partial").iterdir())


def saving(root: Path, saved: int) -> int:
    """Killed in the save after so many."""
    template = root / "template"
    for n in range(saved):
        save(template, n)
    drawer(template)
    step = 0
    while True:
        step += 1
        folder = root / f"{saved}-{step}"
        shutil.copytree(template, folder)
        over = until_killed(lambda: save(folder, saved), step)  # noqa: B023 - used at once
        found = loaded(folder)
        before = STATES[saved - 1] if saved else None
        if found is None:
            assert before is None
            assert not over
        else:
            assert same(found, STATES[saved]) or (before and not over and same(found, before)), step
        save(folder, saved + 1)
        latest = loaded(folder)
        assert latest is not None
        assert same(latest, STATES[saved + 1])
        assert has_no_leftovers(folder), step
        shutil.rmtree(folder)
        if over:
            return step


def rotating(root: Path) -> int:
    """Killed while the key is changed."""
    template = root / "template"
    for n in range(3):
        save(template, n)
    old = keys.present(Settings(data_dir=template))
    step = 0
    while True:
        step += 1
        folder = root / str(step)
        shutil.copytree(template, folder)
        settings = Settings(data_dir=folder)
        over = until_killed(lambda: rotate(settings), step)  # noqa: B023 - used at once
        found = loaded(folder)
        assert found is not None
        assert same(found, STATES[2]), step
        assert over or set(old) <= set(keys.present(settings)) or census(settings).older == 0, step
        rotate(settings)
        counted = census(settings)
        assert (counted.keys, counted.older, counted.locked, counted.unreadable) == (1, 0, 0, 0)
        assert not set(old) & set(keys.present(settings))
        found = loaded(folder)
        assert found is not None
        assert same(found, STATES[2]), step
        shutil.rmtree(folder)
        if over:
            return step


if __name__ == "__main__":
    place = Path(sys.argv[2])
    steps = rotating(place) if sys.argv[1] == "rotate" else saving(place, int(sys.argv[1]))
    sys.stdout.write(f"{steps}\n")
