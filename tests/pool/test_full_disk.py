"""The video of a whole session on a disk that has no room for it: real browser, real store."""

import resource
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import psutil
import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.models.artifacts import Recording
from agent_browser.models.functions import CloseInput, CloseOutput, OpenInput, OpenOutput
from agent_browser.pool.pool import Pool
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.fakes.archive import FakeArchive
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.papers import FakePapers

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

BUSY = (
    "data:text/html,<canvas id=c width=640 height=360></canvas><script>"
    "const on = c.getContext('2d'), dots = on.createImageData(640, 360);"
    "const draw = () => { for (let i = 0; i < dots.data.length; i++)"
    " dots.data[i] = Math.random() * 255;"
    " on.putImageData(dots, 0, 0); requestAnimationFrame(draw) }; draw()</script>"
)
STILL = "data:text/html,<p>still"
ROOM = 150_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with hardly any room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is not allowed here; the bound of a file is tried")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Pool, ArtifactStore]]:
    kept = FakeArchive(), FakeCheckpoints(), FakePapers()
    async with (
        ArtifactStore(settings) as store,
        Pool(Chromium(settings), settings, store, *kept) as pool,
    ):
        yield pool, store


async def opened(pool: Pool, url: str) -> str:
    options = {"record_video": True, "width": 640, "height": 360}
    output = await pool.call(
        LOCAL, "open", OpenInput.model_validate({"url": url} | options), session="new"
    )
    assert isinstance(output, OpenOutput)
    return output.session_id


async def closed(pool: Pool, session: str) -> Recording:
    output = await pool.call(LOCAL, "close", CloseInput(), session=session)
    assert isinstance(output, CloseOutput)
    assert output.success
    (video,) = output.videos
    return video


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - another program writes the file: nothing tells of it
            await anyio.sleep(0.05)


def encoders() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [one for one in found if one.is_running() and "ffmpeg" in one.name()]


async def test_a_video_that_fills_the_disk_says_that_it_is_cut_short_after_a_restart_too(
    real_settings: Settings, disk: Path, anyio_backend: str
) -> None:
    settings = real_settings.model_copy(update={"recordings_dir": disk})
    async with serving(settings) as (pool, _):
        session = await opened(pool, BUSY)
        await until(lambda: psutil.disk_usage(str(disk)).free == 0)
        video = await closed(pool, session)
    assert (video.partial, video.code) == (True, "storage_full")
    assert 0 < video.size <= ROOM * 1.1
    # Nothing could be written beside it: only the file can say it now.
    async with ArtifactStore(settings) as store:
        (again,) = await store.recordings(LOCAL.owner)
    assert (again.partial, again.code) == (True, "storage_full")
    assert again.sha256 == video.sha256


async def test_a_video_that_found_no_room_at_all_is_told_too(
    real_settings: Settings, disk: Path, anyio_backend: str
) -> None:
    settings = real_settings.model_copy(update={"recordings_dir": disk})
    async with serving(settings) as (pool, _):
        session = await opened(pool, STILL)
        with suppress(OSError):
            await anyio.Path(disk / "other").write_bytes(bytes(2 * ROOM))
        video = await closed(pool, session)
    assert (video.size, video.partial, video.code) == (0, True, "storage_full")


async def test_a_video_whose_file_may_not_grow_was_interrupted_and_one_beside_it_is_whole(
    real_settings: Settings, anyio_backend: str
) -> None:
    async with serving(real_settings) as (pool, store):
        bounded = await opened(pool, BUSY)
        (encoder,) = encoders()
        resource.prlimit(encoder.pid, resource.RLIMIT_FSIZE, (ROOM, ROOM))
        free = await opened(pool, STILL)
        await until(lambda: encoder not in encoders())
        cut, whole = await closed(pool, bounded), await closed(pool, free)
        assert (cut.partial, cut.code) == (True, "interrupted")
        assert (whole.partial, whole.code) == (False, None)
        kept = await store.recordings(LOCAL.owner)
    async with ArtifactStore(real_settings) as store:
        assert await store.recordings(LOCAL.owner) == kept == [cut, whole]
