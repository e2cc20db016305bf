import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent_browser.errors import ArtifactNotFound, StorageFull
from agent_browser.ids import is_artifact_id, new_session_id
from agent_browser.models.artifacts import Artifact
from agent_browser.settings import Settings
from agent_browser.store import disk
from agent_browser.store.artifacts import ArtifactStore
from tests.fakes.clock import ManualClock
from tests.store.conftest import Moved

pytestmark = pytest.mark.anyio


async def _put(store: ArtifactStore, session_id: str, data: bytes = b"picture") -> Artifact:
    return await store.put(
        data, owner="ann", session_id=session_id, content_type="image/png", filename="shot.png"
    )


def _video(store: ArtifactStore, session_id: str, name: str = "x.webm") -> Path:
    folder = store.recording_folder(session_id, owner="ann")
    path = folder / name
    path.write_bytes(b"video bytes")
    return path


async def test_what_is_put_is_found_by_its_owner(store: ArtifactStore, session_id: str) -> None:
    artifact = await _put(store, session_id)
    assert is_artifact_id(artifact.id)
    assert artifact.url == f"/v1/artifacts/{artifact.id}"
    assert artifact.sha256 == hashlib.sha256(b"picture").hexdigest()
    assert (artifact.size, artifact.filename) == (7, "shot.png")
    found = await store.find("ann", artifact.id)
    assert found.artifact == artifact
    assert found.owner == "ann"
    assert found.path.read_bytes() == b"picture"


async def test_files_and_folders_are_private(store: ArtifactStore, session_id: str) -> None:
    path = (await store.find("ann", (await _put(store, session_id)).id)).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_suffix(".meta").stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_another_owner_s_unknown_and_malformed_ids_are_not_found(
    store: ArtifactStore, session_id: str
) -> None:
    artifact = await _put(store, session_id)
    for owner, id in [
        ("bob", artifact.id),
        ("ann", "art_" + "A" * 22),
        ("ann", "../../etc/passwd"),
        ("ann", ""),
        ("ann", artifact.id + "\n"),
    ]:
        with pytest.raises(ArtifactNotFound):
            await store.find(owner, id)


async def test_the_caller_s_file_name_is_never_a_path(
    store: ArtifactStore, session_id: str
) -> None:
    artifact = await store.put(
        b"x",
        owner="ann",
        session_id=session_id,
        content_type="text/html",
        filename="../../etc/pass\r\nwd",
    )
    assert artifact.filename == "pass__wd"
    path = (await store.find("ann", artifact.id)).path
    assert path.name == f"{artifact.id}.html"


async def test_a_session_id_that_is_none_reaches_no_folder(store: ArtifactStore) -> None:
    for id in ("..", "../x", "ses_x", ""):
        with pytest.raises(ValueError, match="not a session id"):
            await _put(store, id)
        with pytest.raises(ValueError, match="not a session id"):
            store.recording_folder(id)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_storage_full_and_leaves_nothing(
    store: ArtifactStore,
    session_id: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFull, match="disk is full"):
        await _put(store, session_id)
    assert list((settings.data_dir / "artifacts" / session_id).iterdir()) == []


async def test_a_sidecar_that_can_t_be_written_takes_its_file_along(
    store: ArtifactStore, session_id: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = disk.write

    def only_data(path: Path, data: bytes) -> None:
        if path.suffix == ".meta":
            raise OSError(errno.EIO, "no")
        write(path, data)

    monkeypatch.setattr(disk, "write", only_data)
    with pytest.raises(StorageFull) as said:
        await _put(store, session_id)
    assert str(settings.data_dir) not in said.value.detail
    assert list((settings.data_dir / "artifacts" / session_id).iterdir()) == []


async def test_all_is_there_again_after_a_restart(
    settings: Settings, clock: Moved, session_id: str
) -> None:
    clock.move(0.123456)
    async with ArtifactStore(settings, clock=clock) as store:
        picture = await _put(store, session_id)
        video = await store.adopt(
            _video(store, session_id), owner="ann", session_id=session_id, width=640, height=480
        )
    async with ArtifactStore(settings, clock=clock) as store:
        assert (await store.find("ann", picture.id)).artifact == picture
        assert (await store.find("ann", video.id)).artifact == video
        assert await store.recordings("ann") == [video]


async def test_the_right_to_read_a_file_is_there_again_after_a_restart(
    settings: Settings, session_id: str
) -> None:
    facts: dict[str, Any] = {"owner": "ann", "session_id": session_id, "content_type": "a/zip"}
    async with ArtifactStore(settings) as store:
        trace = await store.put(b"x", filename="trace.zip", right="state", **facts)
        download = await store.put(b"x", filename="trace.zip", **facts)
        video = await store.adopt(
            _video(store, session_id), owner="ann", session_id=session_id, width=1, height=1
        )
    async with ArtifactStore(settings) as store:
        rights = [(await store.find("ann", one.id)).right for one in (trace, download, video)]
    assert rights == ["state", "watch", "recordings"]
    for path in settings.data_dir.rglob("*.meta"):  # as an earlier version wrote them
        said = json.loads(path.read_text())
        del said["right"]
        path.write_text(json.dumps(said))
    async with ArtifactStore(settings) as store:
        rights = [(await store.find("ann", one.id)).right for one in (trace, download, video)]
    assert rights == ["state", "state", "recordings"]


async def test_damaged_sidecars_are_skipped_and_leftovers_removed(
    settings: Settings, clock: Moved, session_id: str
) -> None:
    async with ArtifactStore(settings, clock=clock) as store:
        good, bad, moved = [await _put(store, session_id) for _ in range(3)]
        folder = (await store.find("ann", good.id)).path.parent
    (folder / f"{bad.id}.meta").write_bytes(b'{"version": 1, "owner"')
    (folder / f"{moved.id}.meta").write_text(
        (folder / f"{good.id}.meta").read_text().replace(f"{good.id}.png", "../../x.png")
    )
    (folder / "half.png.part").write_bytes(b"half")
    secret = folder.parent.parent / "secret"
    secret.write_bytes(b"secret")
    (folder / "secret").symlink_to(secret)
    async with ArtifactStore(settings, clock=clock) as store:
        assert (await store.find("ann", good.id)).artifact == good
        for gone in (bad, moved):
            with pytest.raises(ArtifactNotFound):
                await store.find("ann", gone.id)
    assert not (folder / "half.png.part").exists()
    assert not (folder / "secret").is_symlink()
    assert secret.exists()


async def test_an_adopted_video_gets_the_store_s_own_name(
    store: ArtifactStore, session_id: str
) -> None:
    path = _video(store, session_id)
    video = await store.adopt(path, owner="ann", session_id=session_id, width=1280, height=720)
    stored = await store.find("ann", video.id)
    assert not path.exists()
    assert stored.path.name == f"{video.id}.webm" == video.filename
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert (video.session_id, video.width, video.height) == (session_id, 1280, 720)
    assert video.duration is None
    assert video.sha256 == hashlib.sha256(b"video bytes").hexdigest()


async def test_only_files_of_the_session_s_folder_are_adopted(
    store: ArtifactStore, session_id: str, tmp_path: Path
) -> None:
    outside = tmp_path / "x.webm"
    outside.write_bytes(b"x")
    with pytest.raises(ValueError, match="not in the session"):
        await store.adopt(outside, owner="ann", session_id=session_id, width=1, height=1)
    link = store.recording_folder(session_id, owner="ann") / "link.webm"
    link.symlink_to(outside)
    with pytest.raises(ArtifactNotFound):
        await store.adopt(link, owner="ann", session_id=session_id, width=1, height=1)
    assert outside.exists()


async def test_videos_of_a_killed_server_are_listed_for_their_owner(
    settings: Settings, clock: Moved, session_id: str
) -> None:
    other = new_session_id()
    async with ArtifactStore(settings, clock=clock) as store:
        _video(store, session_id)
        (settings.recordings_folder / other).mkdir()
        (settings.recordings_folder / other / "y.webm").write_bytes(b"y")
    async with ArtifactStore(settings, clock=clock) as store:
        (mine,) = await store.recordings("ann")
        (anybody_s,) = await store.recordings("local")
        assert (mine.session_id, anybody_s.session_id) == (session_id, other)
        assert (mine.partial, mine.code) == (True, "interrupted")
    async with ArtifactStore(settings, clock=clock) as store:
        assert await store.recordings("ann") == [mine]


async def test_a_second_server_leaves_the_first_one_s_files_alone(
    settings: Settings, store: ArtifactStore, clock: Moved, session_id: str
) -> None:
    being_written = _video(store, session_id)
    picture = await _put(store, session_id)
    async with ArtifactStore(settings, clock=clock) as second:
        own = await _put(second, new_session_id())
        await second.find("ann", own.id)
        with pytest.raises(ArtifactNotFound):
            await second.find("ann", picture.id)
        clock.move(1_000_000)
        assert await second.sweep() == 1
    assert being_written.exists()
    assert (await store.find("ann", picture.id)).path.exists()


async def test_purging_a_session_erases_all_of_it_and_nothing_else(
    store: ArtifactStore, settings: Settings, session_id: str
) -> None:
    picture = await _put(store, session_id)
    other = await _put(store, new_session_id())
    await store.adopt(
        _video(store, session_id), owner="ann", session_id=session_id, width=1, height=1
    )
    _video(store, session_id, "never-adopted.webm")
    await store.purge(session_id)
    with pytest.raises(ArtifactNotFound):
        await store.find("ann", picture.id)
    assert await store.recordings("ann") == []
    assert not (settings.data_dir / "artifacts" / session_id).exists()
    assert not (settings.recordings_folder / session_id).exists()
    assert (await store.find("ann", other.id)).path.exists()


async def test_sweeping_deletes_by_age_artifacts_before_recordings(
    store: ArtifactStore, settings: Settings, session_id: str, clock: Moved
) -> None:
    await _put(store, session_id)
    video = await store.adopt(
        _video(store, session_id), owner="ann", session_id=session_id, width=1, height=1
    )
    assert await store.sweep() == 0
    clock.move(3_601)
    assert await store.sweep() == 1
    assert await store.recordings("ann") == [video]
    clock.move(86_400)
    assert await store.sweep() == 1
    assert not (settings.recordings_folder / session_id).exists()
    assert repr(store) == "<ArtifactStore 0 files of 0 sessions>"


async def test_a_sessions_own_videos_are_kept_for_less_over_a_restart_and_a_kill_too(
    settings: Settings, session_id: str, clock: Moved
) -> None:
    async with ArtifactStore(settings, clock=clock) as store:
        folder = store.recording_folder(session_id, owner="ann", retention=600.0)
        for name in ("one.webm", "left.webm"):
            (folder / name).write_bytes(b"x")
            os.utime(folder / name, (clock.now().timestamp(),) * 2)
        await store.adopt(folder / "one.webm", owner="ann", session_id=session_id)
        other = _video(store, new_session_id())
        await store.adopt(other, owner="ann", session_id=other.parent.name)
        clock.move(500)
        assert await store.sweep() == 0
    async with ArtifactStore(settings, clock=clock) as store:
        assert len(await store.recordings("ann")) == 3
        assert await store.sweep() == 0
        clock.move(101)
        assert await store.sweep() == 2
        (kept,) = await store.recordings("ann")
        assert kept.session_id == other.parent.name
        assert not folder.exists(), "nor are its notes"
        await store.retain(kept.session_id, 300.0)
        await store.retain(session_id, 300.0)
        assert not folder.exists()
        assert await store.sweep() == 1
        assert store._retentions == {}


async def test_a_retention_can_be_taken_back(
    settings: Settings, store: ArtifactStore, session_id: str, clock: Moved
) -> None:
    video = _video(store, session_id)
    await store.adopt(video, owner="ann", session_id=session_id)
    await store.retain(session_id, 60.0)
    await store.retain(session_id, None)
    clock.move(61)
    assert await store.sweep() == 0
    await store.retain(session_id, 60.0)
    await store.purge(session_id)
    assert not video.parent.exists()


async def test_a_clock_set_forward_deletes_nothing(settings: Settings, session_id: str) -> None:
    clock = ManualClock()
    async with ArtifactStore(settings, clock=clock) as store:
        picture = await _put(store, session_id)
        clock.set_by(400 * 86_400)
        clock.advance(3_000)
        assert await store.sweep() == 0
        clock.advance(601)
        assert await store.sweep() == 1
        with pytest.raises(ArtifactNotFound):
            await store.find("ann", picture.id)


async def test_the_oldest_go_as_soon_as_the_bytes_are_over_the_bound(
    store: ArtifactStore, session_id: str, clock: Moved
) -> None:
    kept = []
    for _ in range(5):
        clock.move(1)
        kept.append(await _put(store, session_id, b"x" * 300))
    with pytest.raises(ArtifactNotFound):
        await store.find("ann", kept[0].id)
    assert (await store.find("ann", kept[-1].id)).path.exists()


async def test_a_folder_that_is_a_link_is_not_read_through(
    store: ArtifactStore, session_id: str, tmp_path: Path
) -> None:
    artifact = await _put(store, session_id)
    path = (await store.find("ann", artifact.id)).path
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        disk.open_regular(path)


@pytest.mark.parametrize("what", ["artifact", "video", "retention"])
async def test_nothing_is_written_to_a_session_s_folder_that_is_a_link(
    store: ArtifactStore, session_id: str, settings: Settings, tmp_path: Path, what: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = settings.data_dir / "artifacts" if what == "artifact" else settings.recordings_folder
    (root / session_id).symlink_to(outside)

    async def write() -> None:
        if what == "artifact":
            await _put(store, session_id)
        elif what == "video":
            store.recording_folder(session_id, owner="ann")
        else:
            await store.retain(session_id, 60.0)

    with pytest.raises(StorageFull):
        await write()
    assert list(outside.iterdir()) == []


async def test_a_fifo_in_a_file_s_place_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileNotFoundError):
        disk.open_regular(tmp_path / "fifo")


async def test_folders_are_for_this_user_alone_the_data_folder_too(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    async with ArtifactStore(Settings(data_dir=data, recordings_dir=data / "videos")):
        made = [data.parent, data, data / "artifacts"]
        assert [folder.stat().st_mode & 0o777 for folder in made] == [0o700] * 3
