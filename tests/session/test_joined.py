"""A session's videos in segments, put together in a real store by a real ffmpeg."""

import subprocess
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent_browser.browser import ffmpeg
from agent_browser.browser.engine import Video
from agent_browser.errors import ArtifactNotFound, StorageFull
from agent_browser.ids import new_session_id
from agent_browser.models.artifacts import Chapter, Recording
from agent_browser.session.keeping import adopted, joined
from agent_browser.settings import Settings
from agent_browser.store import disk, sidecar
from agent_browser.store.artifacts import ArtifactStore
from tests.browser import filming
from tests.fakes.keeping import FakeKeeping
from tests.store.conftest import Moved

pytestmark = pytest.mark.anyio
OWNER = "ann"
RED, BLUE, GREEN = (254, 0, 0), (0, 0, 254), (0, 127, 0)


def film(path: Path, colour: str, seconds: float = 1.0) -> Path:
    program = ffmpeg.find()
    source = f"color={colour}:s=160x90:d={seconds}:r=25"
    command = [str(program), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libvpx"]
    subprocess.run([*command, "-f", "webm", "-y", str(path)], check=True)
    return path


class Shop:
    """A store, and a session in it whose videos are made at successive moments."""

    def __init__(self, store: ArtifactStore, clock: Moved) -> None:
        self.store = store
        self.clock = clock
        self.session_id = new_session_id()
        self.folder = store.recording_folder(self.session_id, owner=OWNER)
        self._made = 0

    async def add(
        self,
        colour: str,
        part_of: str | None,
        *,
        fps: float | None = None,
        chapters: tuple[Chapter, ...] = (),
        seconds: float = 1.0,
    ) -> Recording:
        self._made += 1
        self.clock.move(1)
        path = film(self.folder / f"video-{self._made}.webm", colour, seconds)
        video = Video(path, 160, 90, fps, chapters, None, part_of)
        return await adopted(self.store, video, OWNER, self.session_id)

    async def joined(self, part_of: str | None = None) -> list[Recording]:
        return await joined(self.store, OWNER, self.session_id, part_of=part_of)

    async def path(self, recording: Recording) -> Path:
        return (await self.store.find(OWNER, recording.id)).path

    def files(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", recordings_dir=tmp_path / "videos", recording_retention=86_400.0
    )


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[Shop]:
    clock = Moved()
    async with ArtifactStore(settings, clock=clock) as store:
        yield Shop(store, clock)


def seen(path: Path, seconds: float) -> tuple[int, int, int]:
    return filming.colour(filming.frame(path, seconds), 0.5, 0.5)


async def test_segments_of_a_tab_become_one_video_in_their_place(
    shop: Shop, settings: Settings
) -> None:
    first = await shop.add("red", "t1")
    await shop.add("blue", "t1", seconds=1.5)
    await shop.add("green", "t1")
    (whole,) = await shop.joined()
    assert whole.segments == 3
    assert whole.duration == pytest.approx(3.5, abs=0.1)
    assert (whole.width, whole.height, whole.part_of) == (160, 90, "t1")
    assert whole.created_at > first.created_at
    path = await shop.path(whole)
    assert (whole.size, whole.sha256) == (path.stat().st_size, disk.digest(path)[0])
    for at, colour in ((0.5, RED), (1.7, BLUE), (3.2, GREEN)):
        assert filming.is_like(seen(path, at), colour), at
    assert shop.files() == sorted([path.name, sidecar.path_of(path).name])
    assert await shop.store.recordings(OWNER) == [whole]
    with pytest.raises(ArtifactNotFound):
        await shop.store.find(OWNER, first.id)
    assert await shop.joined() == [whole], "nothing is done a second time"
    await shop.store.__aexit__()
    async with ArtifactStore(settings) as again:
        assert await again.recordings(OWNER) == [whole]


async def test_a_video_that_goes_on_after_it_was_joined_is_joined_again(shop: Shop) -> None:
    await shop.add("red", "t1")
    await shop.add("blue", "t1")
    await shop.joined()
    await shop.add("green", "t1")
    (whole,) = await shop.joined()
    assert whole.segments == 3
    path = await shop.path(whole)
    for at, colour in ((0.5, RED), (1.5, BLUE), (2.5, GREEN)):
        assert filming.is_like(seen(path, at), colour), at


async def test_tabs_and_recordings_are_joined_each_for_itself_whole_tabs_first(shop: Shop) -> None:
    take = "rec_0123456789abcdef"
    chapter = Chapter(title="Two", at=0.5)
    await shop.add("green", take, fps=25, chapters=(Chapter(title="One", at=0.25),))
    await shop.add("red", "t1")
    await shop.add("blue", "t2")
    await shop.add("green", take, fps=25, chapters=(chapter,))
    await shop.add("red", "t1")
    await shop.add("blue", "t2")
    lone = await shop.add("green", "rec_aaaaaaaaaaaaaaaa", fps=25)
    videos = await shop.joined()
    assert [(v.part_of, v.segments, v.fps) for v in videos] == [
        ("t1", 2, None),
        ("t2", 2, None),
        (take, 2, 25),
        (lone.part_of, 1, 25),
    ]
    assert videos[-1] == lone
    assert [(c.title, round(c.at, 1)) for c in videos[2].chapters] == [("One", 0.2), ("Two", 1.5)]
    assert filming.titles(await shop.path(videos[2])) == ["One", "Two"]
    for video, colour in zip(videos, (RED, BLUE, GREEN), strict=False):
        path = await shop.path(video)
        assert filming.is_like(seen(path, 0.5), colour)
        assert filming.is_like(seen(path, 1.5), colour)


async def test_one_alone_is_joined_while_the_others_wait(shop: Shop) -> None:
    take = "rec_0123456789abcdef"
    for name, fps in (("t1", None), (take, 25.0), ("t1", None), (take, 25.0)):
        await shop.add("red", name, fps=fps)
    (whole,) = await shop.joined(take)
    assert (whole.part_of, whole.segments) == (take, 2)
    assert len(await shop.store.recordings(OWNER)) == 3


async def test_what_a_killed_server_left_goes_in_where_it_was_made(
    shop: Shop, settings: Settings
) -> None:
    await shop.add("red", "t1")
    await shop.add("green", "rec_0123456789abcdef", fps=25)
    film(shop.folder / "page@0123.webm", "blue")
    film(shop.folder / "rec_0123456789abcdef-01234567.webm", "green")
    await shop.store.__aexit__()
    clock = Moved()
    clock.at = datetime.fromtimestamp(4_102_444_800, clock.at.tzinfo)
    async with ArtifactStore(settings, clock=clock) as store:
        found = await store.recordings(OWNER)
        assert len(found) == 4
        shop.store, shop.clock = store, clock
        await shop.add("red", "t1")
        videos = await shop.joined()
        assert [(v.part_of, v.segments) for v in videos] == [("t1", 3), ("rec_0123456789abcdef", 2)]
        path = await shop.path(videos[0])
        for at, colour in ((0.5, RED), (1.5, BLUE), (2.5, RED)):
            assert filming.is_like(seen(path, at), colour), at


async def test_one_that_ends_early_makes_the_whole_say_so(shop: Shop) -> None:
    take = "rec_0123456789abcdef"
    await shop.add("red", take, fps=25)
    path = film(shop.folder / "video-x.webm", "blue")
    shop.clock.move(1)
    short = Video(path, 160, 90, 25, (), "storage_full", take)
    await adopted(shop.store, short, OWNER, shop.session_id)
    (whole,) = await shop.joined()
    assert (whole.partial, whole.code, whole.segments) == (True, "storage_full", 2)


async def test_one_with_nothing_in_it_stays_beside_the_whole(shop: Shop) -> None:
    await shop.add("red", "t1")
    (empty := shop.folder / "empty.webm").write_bytes(b"")
    shop.clock.move(1)
    bare = await adopted(shop.store, Video(empty, 160, 90, part_of="t1"), OWNER, shop.session_id)
    assert [v.segments for v in await shop.joined()] == [1, 1]
    await shop.add("blue", "t1")
    whole, left = await shop.joined()
    assert (whole.segments, left.id) == (2, bare.id)


async def test_the_whole_is_kept_for_as_long_as_the_sessions_videos_are(shop: Shop) -> None:
    await shop.store.retain(shop.session_id, 60.0)
    await shop.add("red", "t1")
    shop.clock.move(50)
    await shop.add("blue", "t1")
    (whole,) = await shop.joined()
    now = shop.clock.at
    assert await shop.store.sweep(now + timedelta(seconds=50)) == 0
    assert await shop.store.find(OWNER, whole.id)
    assert await shop.store.sweep(now + timedelta(seconds=61)) == 1
    assert await shop.store.recordings(OWNER) == []


async def test_without_space_they_stay_segments(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.add("red", "t1")
    await shop.add("blue", "t1")
    before = shop.files()

    def full(stored: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sidecar, "write", full)
    assert [v.segments for v in await shop.joined()] == [1, 1]
    assert shop.files() == before


async def test_one_that_is_deleted_meanwhile_leaves_the_others_as_they_are(shop: Shop) -> None:
    first = await shop.add("red", "t1")
    second = await shop.add("blue", "t1")
    path = film(shop.folder / "whole.part", "green")
    (await shop.path(first)).unlink()
    await shop.store.delete(OWNER, first.id)
    with pytest.raises(ArtifactNotFound):
        await shop.store.join(path, owner=OWNER, ids=[first.id, second.id])
    assert await shop.store.recordings(OWNER) == [second]


async def test_only_videos_of_the_same_owner_and_folder_are_joined(shop: Shop) -> None:
    mine = await shop.add("red", "t1")
    other = Shop(shop.store, shop.clock)
    foreign = await other.add("blue", "t1")
    path = film(shop.folder / "whole.part", "green")
    with pytest.raises(ValueError, match="folder"):
        await shop.store.join(path, owner=OWNER, ids=[mine.id, foreign.id])
    with pytest.raises(ArtifactNotFound):
        await shop.store.join(path, owner="bob", ids=[mine.id])
    put = await shop.store.put(
        b"x", owner=OWNER, session_id=shop.session_id, content_type="image/png", filename="a.png"
    )
    with pytest.raises(ValueError, match="not recordings"):
        await shop.store.join(path, owner=OWNER, ids=[put.id])


async def test_a_server_killed_before_it_erased_the_segments_does_it_at_the_next_start(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.add("red", "t1")
    await shop.add("blue", "t1")
    with monkeypatch.context() as patch:
        patch.setattr("agent_browser.store.artifacts._erase_files", lambda files: None)
        (whole,) = await shop.joined()
    assert len(shop.files()) == 6
    await shop.store.__aexit__()
    async with ArtifactStore(settings) as again:
        assert await again.recordings(OWNER) == [whole]
        assert len(shop.files()) == 2


async def test_a_server_killed_before_the_whole_was_taken_over_has_its_segments(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = [await shop.add("red", "t1"), await shop.add("blue", "t1")]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        patch.setattr(Path, "rename", stopped)
        assert await shop.joined() == segments
    assert len(shop.files()) == 7, "the whole under its first name, its list, and its sidecar"
    await shop.store.__aexit__()
    async with ArtifactStore(settings) as again:
        assert await again.recordings(OWNER) == segments
        assert len(shop.files()) == 4


def stopped(*_: object) -> None:
    raise OSError(5, "Input/output error")


async def test_the_fake_replaces_segments_too(tmp_path: Path) -> None:
    fake = FakeKeeping(tmp_path)
    session_id = new_session_id()
    path = fake.recording_folder(session_id, owner=OWNER) / "a.webm"
    path.write_bytes(b"a")
    video = Video(path, 160, 90, part_of="t1")
    one = await adopted(fake, video, OWNER, session_id)
    two = await adopted(fake, video, OWNER, session_id)
    whole = await fake.join(path, owner=OWNER, ids=[one.id, two.id])
    assert (whole.segments, whole.part_of) == (2, "t1")
    assert await fake.recordings(OWNER) == [whole]
    fake.full = True
    with pytest.raises(StorageFull):
        await fake.join(path, owner=OWNER, ids=[whole.id])
