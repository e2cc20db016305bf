"""Recordings in the store: what is known of them stays known, and one that is still being written
is waited for.
"""

import fcntl
import os
import shutil
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from agent_browser.browser import ffmpeg
from agent_browser.models.artifacts import Chapter, EarlyEnd, Recording
from agent_browser.quotas.quotas import Quotas
from agent_browser.settings import Settings
from agent_browser.store import disk
from agent_browser.store.artifacts import ArtifactStore
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio


async def test_frame_rate_and_chapters_are_there_after_a_restart(
    settings: Settings, session_id: str
) -> None:
    chapters = [Chapter(title="One", at=1.5)]
    async with ArtifactStore(settings) as store:
        path = store.recording_folder(session_id, owner="ann") / "record-1.mp4"
        path.write_bytes(b"no film")
        kept = await store.adopt(
            path, owner="ann", session_id=session_id, width=4, height=2, fps=25, chapters=chapters
        )
        assert kept.content_type == "video/mp4"
        assert kept.filename.endswith(".mp4")
    async with ArtifactStore(settings) as store:
        again = (await store.find("ann", kept.id)).artifact
    assert isinstance(again, Recording)
    assert again == kept
    assert (again.fps, again.chapters) == (25, chapters)


@pytest.mark.parametrize("ending", [None, "size_limit"])
async def test_what_record_made_ends_early_only_where_its_maker_says_so(
    store: ArtifactStore, session_id: str, ending: EarlyEnd | None
) -> None:
    path = store.recording_folder(session_id, owner="ann") / "record-1.webm"
    path.write_bytes(b"as it was written: the file alone does not look finished")
    kept = await store.adopt(
        path, owner="ann", session_id=session_id, width=4, height=2, fps=25, ending=ending
    )
    assert (kept.partial, kept.code) == (ending is not None, ending)


async def test_one_that_another_process_still_writes_is_waited_for(
    settings: Settings, session_id: str
) -> None:
    async with ArtifactStore(settings) as store:
        path = store.recording_folder(session_id, owner="ann") / "record-1.webm"
    path.write_bytes(b"half")
    lock = os.open(path, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def finish() -> None:
        os.write(lock, b"whole")
        os.close(lock)

    timer = threading.Timer(0.3, finish)
    timer.start()
    async with ArtifactStore(settings) as store:
        (found,) = await store.recordings("ann")
    timer.join()
    assert found.size == 5


@pytest.mark.parametrize("age", ["today", "yesterday"])
async def test_a_video_that_a_killed_server_left_uses_the_quota_of_its_day_once(
    settings: Settings, session_id: str, video: Path, age: str
) -> None:
    async with ArtifactStore(settings) as store:
        place = store.recording_folder(session_id, owner="ann") / "record-1.webm"
    shutil.copyfile(video, place)
    clock = ManualClock()
    made = clock.now().replace(hour=1) - timedelta(days=age == "yesterday")
    os.utime(place, (made.timestamp(), made.timestamp()))
    quotas = Quotas(settings, clock=clock)
    for _ in range(2):  # the second time it is an own one
        async with ArtifactStore(settings, clock=clock, quotas=quotas) as store:
            (found,) = await store.recordings("ann")
            assert found.duration == pytest.approx(2, abs=0.1)
    expected = found.duration if age == "today" else 0
    assert quotas.used("recording", "ann") == expected
    assert quotas.used("recording", "bob") == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two seconds."""
    program = ffmpeg.find()
    if program is None:
        pytest.skip("there is no ffmpeg")
    path = tmp_path_factory.mktemp("video") / "x.webm"
    source = "testsrc=size=64x48:rate=5:duration=2"
    command = [str(program), "-loglevel", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:v", "libvpx", "-deadline", "realtime", str(path)], check=True)
    return path


def test_waiting_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(b"x")
    lock = os.open(path, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    disk.await_writer(path, within=0.1)
    os.close(lock)
