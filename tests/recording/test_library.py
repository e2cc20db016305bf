from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import ArtifactNotFound, InvalidRequest
from agent_browser.ids import new_session_id
from agent_browser.models.artifacts import Recording
from agent_browser.recording.library import Library
from agent_browser.recording.sweeper import HOUR, sweep_by_the_hour
from agent_browser.service import Caller
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore

pytestmark = pytest.mark.anyio
ANN, BOB = Caller("ann"), Caller("bob")


class _Ticking:
    """A clock that moves on a second with each reading."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at.timestamp()

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    settings = Settings(data_dir=tmp_path, recordings_dir=tmp_path / "videos")
    async with ArtifactStore(settings, clock=_Ticking()) as opened:
        yield opened


async def _record(store: ArtifactStore, owner: str = "ann") -> Recording:
    session_id = new_session_id()
    path = store.recording_folder(session_id, owner=owner) / "video.webm"
    path.write_bytes(b"video")
    return await store.adopt(path, owner=owner, session_id=session_id)


async def test_pages_go_from_newest_to_oldest_without_gap_or_repeat(store: ArtifactStore) -> None:
    library = Library(store)
    made = [await _record(store) for _ in range(5)]
    await _record(store, "bob")
    first = await library.list(ANN, limit=2)
    await library.delete(ANN, made[3].id)  # the last of the page: the cursor holds all the same
    await _record(store)  # newer than all pages to come
    second = await library.list(ANN, limit=2, cursor=first.next_cursor)
    third = await library.list(ANN, limit=2, cursor=second.next_cursor)
    listed = first.items + second.items + third.items
    assert [video.id for video in listed] == [video.id for video in reversed(made)]
    assert third.next_cursor is None


async def test_a_full_last_page_has_no_cursor(store: ArtifactStore) -> None:
    await _record(store)
    assert (await Library(store).list(ANN, limit=1)).next_cursor is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "%%%", "MTIz", "é", "OTk5OTk5OTk5OTk5OTk5OTk5LmFydF94", "A" * 500]
)
async def test_a_made_up_cursor_is_an_invalid_request(store: ArtifactStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as said:
        await Library(store).list(ANN, limit=2, cursor=cursor)
    assert said.value.fields["errors"][0]["field"] == "cursor"


async def test_another_owner_s_recording_and_a_picture_are_not_found(store: ArtifactStore) -> None:
    library = Library(store)
    video = await _record(store)
    picture = await store.put(
        b"x",
        owner="ann",
        session_id=video.session_id,
        content_type="image/png",
        filename="x.png",
    )
    assert await library.get(ANN, video.id) == video
    for caller, id in [(BOB, video.id), (ANN, picture.id), (ANN, "../x")]:
        with pytest.raises(ArtifactNotFound):
            await library.get(caller, id)
        with pytest.raises(ArtifactNotFound):
            await library.delete(caller, id)
    assert await library.get(ANN, video.id) == video


async def test_deleting_erases_the_file_and_its_empty_folder(store: ArtifactStore) -> None:
    library = Library(store)
    video = await _record(store)
    path = (await store.find("ann", video.id)).path
    await library.delete(ANN, video.id)
    assert not path.parent.exists()
    with pytest.raises(ArtifactNotFound):
        await library.get(ANN, video.id)


async def test_the_sweeper_sweeps_at_once_and_each_hour_though_one_sweep_fails(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps, slept = 0, []

    async def sweep() -> int:
        nonlocal sweeps
        sweeps += 1
        if sweeps == 1:
            raise OSError("the disk is away")
        return 1

    async with anyio.create_task_group() as tasks:

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                tasks.cancel_scope.cancel()
            await anyio.lowlevel.checkpoint()

        monkeypatch.setattr(store, "sweep", sweep)
        await sweep_by_the_hour(store, sleep=sleep)
    assert sweeps == 3
    assert slept == [HOUR] * 3
