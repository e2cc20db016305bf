"""The store of states on a disk: what damage, attacks, kills, a full disk and other keys do."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import fsspec
import pytest
from pydantic import SecretStr

from agent_browser.errors import CheckpointUnusable, StateLocked, StorageFull, Unavailable
from agent_browser.ids import new_session_id
from agent_browser.models.checkpoints import VERSION, Part, State
from agent_browser.settings import Settings
from agent_browser.store import checkpoints, keys, manifests
from agent_browser.store.blobs import LocalBlobs
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.remote import RemoteBlobs
from agent_browser.store.vault import FORMAT, MAGIC
from tests.store.states import large, same, state

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[CheckpointStore]:
    async with CheckpointStore(settings) as made:
        yield made


@pytest.fixture
def key() -> str:
    return new_session_id()


def folder_of(settings: Settings, key: str) -> Path:
    (place,) = (settings.data_dir / "states").glob(f"??/{key}")
    return place


def manifests_of(settings: Settings, key: str) -> list[Path]:
    """Newest first."""
    return sorted(folder_of(settings, key).glob("*.state"), reverse=True)


def files_of(settings: Settings, key: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder_of(settings, key).iterdir()}


async def saved(store: CheckpointStore, key: str, *values: int) -> None:
    for n in values:
        await store.save(key, state(n=n), cause="activity")


# What is written.


async def test_a_usual_session_with_three_checkpoints_is_small(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    entries = [{"name": f"k{n}", "value": large(n, 300)} for n in range(60)]
    for n in range(5):
        await store.save(key, state(n=n, entries=entries), cause="activity")
    place = folder_of(settings, key)
    assert len(list(place.iterdir())) == 3
    used = sum(path.stat().st_blocks * 512 for path in [place, *place.iterdir()])
    assert used <= 150_000


async def test_nothing_of_a_state_can_be_read_on_the_disk(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await store.save(key, state(big="needle " * 9_000, random=large()), cause="activity")
    await store.save("profile-x", state(), cause="import")
    for path in (settings.data_dir / "states").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(word in content for word in (b"needle", b"s3cr3t", b"example.com"))
        assert "example" not in path.name


async def test_a_large_part_is_written_once_while_it_does_not_change(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await store.save(key, state(n=0, big=large(1), other=large(2)), cause="activity")
    blobs = {path: path.stat().st_mtime_ns for path in folder_of(settings, key).glob("*.blob")}
    assert len(blobs) == 2
    for n in range(1, 4):
        await store.save(key, state(n=n, big=large(1), other=large(2)), cause="activity")
    after = {path: path.stat().st_mtime_ns for path in folder_of(settings, key).glob("*.blob")}
    assert after == blobs


async def test_a_blob_goes_when_no_kept_checkpoint_names_it(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    counts = []
    for n in range(6):
        await store.save(key, state(n=n, big=large(n)), cause="activity")
        counts.append(len(list(folder_of(settings, key).glob("*.blob"))))
    assert counts == [1, 2, 3, 3, 3, 3]
    await saved(store, key, 1, 2, 3)
    assert list(folder_of(settings, key).glob("*.blob")) == []


async def test_many_small_parts_do_not_make_a_manifest_large(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    many = {f"local https://{n}.example.com": large(n, 12_000) for n in range(30)}
    await store.save(key, state(n=1, **many), cause="activity")
    checkpoint = await store.save(key, state(n=2, **many), cause="activity")
    assert checkpoint.written < manifests.INLINE_ALL + 4_000
    assert same(await store.load(key), state(n=2, **many))


async def test_an_unchanged_part_is_not_compressed_again(
    store: CheckpointStore, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save(key, state(n=1, big=large()), cause="activity")
    compressed: list[bytes] = []
    real = manifests._compressed

    def noted(data: bytes) -> bytes:
        compressed.append(data)
        return real(data)

    monkeypatch.setattr(manifests, "_compressed", noted)
    await store.save(key, state(n=2, big=large()), cause="activity")
    assert compressed == [Part.of("n", 2).data]


async def test_a_blob_that_is_missing_is_written_again(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await store.save(key, state(big=large()), cause="activity")
    (blob,) = folder_of(settings, key).glob("*.blob")
    blob.unlink()
    with pytest.raises(CheckpointUnusable, match="missing"):
        await store.load(key)
    await store.save(key, state(big=large()), cause="activity")
    assert same(await store.load(key), state(big=large()))


async def test_it_is_there_after_a_restart(settings: Settings, key: str) -> None:
    async with CheckpointStore(settings) as store:
        made = await store.save(key, state(big=large()), cause="shutdown")
    async with CheckpointStore(settings) as store:
        assert await store.listed(key) == [made]
        assert same(await store.load(key), state(big=large()))


async def test_nothing_is_kept_in_memory_of_a_key(store: CheckpointStore) -> None:
    for _ in range(20):
        one = new_session_id()
        await saved(store, one, 1)
        await store.load(one)
    assert store._turns == {}


async def test_a_caller_that_is_cancelled_leaves_a_whole_state_and_no_lock(
    store: CheckpointStore, key: str
) -> None:
    await saved(store, key, 0)
    for n in range(1, 30):
        with anyio.move_on_after(n / 20_000):
            await store.save(key, state(n=n, big=large(n)), cause="activity")
        assert (await store.load(key)).value("n") in (n, n - 1, 0)
        await saved(store, key, 0)
    assert store._turns == {}


async def test_listing_keys_opens_no_file(
    store: CheckpointStore, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved(store, key, 1)
    monkeypatch.setattr(LocalBlobs, "read", None)
    monkeypatch.setattr(LocalBlobs, "names", None)
    assert list(await store.keys()) == [key]


# Damage and attacks.


Harm = Callable[[bytes], bytes]
HARMS: dict[str, Harm] = {
    "flipped": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "foreign": lambda data: b"SQLite format 3\0" * 100,
    "newer": lambda data: MAGIC + bytes([FORMAT + 1]) + data[8:],
    "of another key": lambda data: data[:8] + bytes(8) + data[16:],
}


def _harm(path: Path, harm: Harm) -> bytes:
    path.write_bytes(harm(path.read_bytes()))
    return path.read_bytes()


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
async def test_the_one_before_is_taken_where_the_newest_is_harmed(
    store: CheckpointStore, settings: Settings, key: str, harm: Harm
) -> None:
    await saved(store, key, 1, 2, 3)
    newest, *others = await store.listed(key)
    path = manifests_of(settings, key)[0]
    harmed = _harm(path, harm)
    assert (await store.load(key)).value("n") == 2
    with pytest.raises((CheckpointUnusable, StateLocked)):
        await store.load(key, newest.id)
    assert await store.listed(key) == others
    # It is left alone, and neither stands in the way of the next nor pushes a good one out.
    await saved(store, key, 4)
    assert (await store.load(key)).value("n") == 4
    assert path.read_bytes() == harmed
    assert [one.id for one in others[:2]] == [one.id for one in await store.listed(key)][1:]


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
async def test_where_all_are_harmed_that_is_told_and_a_save_goes_on(
    store: CheckpointStore, settings: Settings, key: str, harm: Harm
) -> None:
    await saved(store, key, 1, 2, 3)
    for path in manifests_of(settings, key):
        _harm(path, harm)
    before = files_of(settings, key)
    for call in (store.load, store.listed):
        with pytest.raises((CheckpointUnusable, StateLocked)):
            await call(key)
    assert files_of(settings, key) == before
    await saved(store, key, 4)
    assert (await store.load(key)).value("n") == 4
    assert before.items() <= files_of(settings, key).items()


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
async def test_a_harmed_blob_makes_its_checkpoints_unusable_and_no_other(
    store: CheckpointStore, settings: Settings, key: str, harm: Harm
) -> None:
    await store.save(key, state(n=1, big=large(1)), cause="activity")
    (first,) = folder_of(settings, key).glob("*.blob")
    await store.save(key, state(n=2, big=large(2)), cause="activity")
    (second,) = set(folder_of(settings, key).glob("*.blob")) - {first}
    _harm(second, harm)
    assert same(await store.load(key), state(n=1, big=large(1)).older())
    newest = (await store.listed(key))[0]
    with pytest.raises((CheckpointUnusable, StateLocked)):
        await store.load(key, newest.id)


@pytest.mark.parametrize("harm", ["newer", "of another key"])
async def test_what_another_version_or_key_can_read_loses_no_blob(
    store: CheckpointStore, settings: Settings, key: str, harm: str
) -> None:
    await store.save(key, state(big=large(1)), cause="activity")
    (blob,) = folder_of(settings, key).glob("*.blob")
    _harm(manifests_of(settings, key)[0], HARMS[harm])
    await saved(store, key, 1, 2, 3, 4, 5)
    assert blob.is_file()


async def test_every_byte_of_a_manifest_matters(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    checkpoint = await store.save(key, State({"n": Part.of("n", 1)}), cause="activity")
    (path,) = manifests_of(settings, key)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        with pytest.raises((CheckpointUnusable, StateLocked)):
            await store.load(key, checkpoint.id)
        path.write_bytes(whole[:position])
        with pytest.raises(CheckpointUnusable):
            await store.load(key, checkpoint.id)
    path.write_bytes(whole)
    assert (await store.load(key, checkpoint.id)).value("n") == 1


async def test_files_of_one_session_are_of_no_use_in_another(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    other = new_session_id()
    await store.save(key, state(who="one", big=large(1)), cause="activity")
    await store.save(other, state(who="other", big=large(2)), cause="activity")
    for path in folder_of(settings, other).iterdir():
        path.unlink()
    for path in folder_of(settings, key).iterdir():
        shutil.copy(path, folder_of(settings, other) / path.name)
    with pytest.raises(CheckpointUnusable, match="not where it was written"):
        await store.load(other)


async def test_an_old_checkpoint_under_a_newer_ones_name_is_not_taken_for_it(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await saved(store, key, 1, 2)
    newest, before = manifests_of(settings, key)
    shutil.copy(before, newest)
    assert (await store.load(key)).value("n") == 1
    with pytest.raises(CheckpointUnusable):
        await store.load(key, newest.name.removesuffix(".state")[11:])


async def test_blobs_can_not_be_exchanged(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await store.save(key, state(one=large(1), other=large(2)), cause="activity")
    first, second = folder_of(settings, key).glob("*.blob")
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(CheckpointUnusable):
        await store.load(key)


async def test_a_link_to_a_checkpoint_is_none(
    store: CheckpointStore, settings: Settings, key: str, tmp_path: Path
) -> None:
    await saved(store, key, 1, 2)
    path = manifests_of(settings, key)[0]
    path.symlink_to(path.rename(tmp_path / "elsewhere"))
    assert (await store.load(key)).value("n") == 1
    assert len(await store.listed(key)) == 1


async def test_files_that_are_not_ours_are_left_until_the_session_is_erased(
    store: CheckpointStore, settings: Settings, key: str
) -> None:
    await saved(store, key, 1)
    note = folder_of(settings, key) / "README.txt"
    note.write_text("somebody's")
    await saved(store, key, 2, 3, 4, 5)
    assert note.read_text() == "somebody's"
    await store.erase(key)
    assert not note.parent.exists()


async def test_a_manifest_of_a_newer_format_of_states_is_told(
    store: CheckpointStore, settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved(store, key, 1)
    monkeypatch.setattr(manifests, "VERSION", VERSION + 1)
    await saved(store, key, 2)
    monkeypatch.undo()
    newest = manifests_of(settings, key)[0]
    assert (await store.load(key)).value("n") == 1
    with pytest.raises(CheckpointUnusable, match="newer version"):
        await store.load(key, newest.name.removesuffix(".state")[11:])


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\1", b"\xff" * 50, b"\0\0\0\2{}", b"\0\0\0\0" + b"x" * 20]
)
def test_a_manifest_that_makes_no_sense_is_unusable(data: bytes) -> None:
    with pytest.raises(CheckpointUnusable):
        manifests.unpacked(data)


# Killed, full, unreachable.


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: what is killed does not lose what was not synced."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize("what", ["0", "1", "3", "rotate"])
def test_a_process_killed_at_any_step_loses_nothing(what: str, quick: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killed", what, str(quick)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with hardly any room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_leaves_what_was_there(small_disk: Path, key: str) -> None:
    settings = Settings(data_dir=small_disk)
    async with CheckpointStore(settings) as store:
        await store.save(key, state(n=1, big=large(1)), cause="activity")
        with pytest.raises(StorageFull, match="full"):
            await store.save(key, state(n=2, big=large(2, 2_000_000)), cause="activity")
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            await anyio.Path(ballast).write_bytes(bytes(1_000_000))
        before = files_of(settings, key)
        for one in (key, new_session_id()):
            with pytest.raises(StorageFull, match="full"):
                await store.save(one, state(n=3, big=large(3)), cause="activity")
        assert files_of(settings, key) == before
        assert same(await store.load(key), state(n=1, big=large(1)))
    # A restart on the full disk; and when there is room again it goes on.
    async with CheckpointStore(settings) as store:
        assert same(await store.load(key), state(n=1, big=large(1)))
        ballast.unlink()
        await saved(store, key, 4)
        assert (await store.load(key)).value("n") == 4


@pytest.mark.parametrize("number", [28, 122, 30, 5])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
async def test_a_write_that_fails_is_told_without_a_path(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    async with CheckpointStore(settings) as store:
        await saved(store, key, 1)
        real = getattr(os, call)

        def fail(*given: object, **named: object) -> object:
            if call == "open" and ".partial" not in str(given[0]):
                return real(*given, **named)
            raise OSError(number, os.strerror(number), "/secret/path")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(StorageFull) as caught:
                await saved(store, key, 2)
        assert "/secret" not in caught.value.detail
        assert (await store.load(key)).value("n") == 1
        assert list((settings.data_dir / "states" / ".partial").iterdir()) == []
        await saved(store, key, 3)
        assert (await store.load(key)).value("n") == 3


async def test_an_address_that_does_not_answer_is_no_reason_to_take_an_older_one(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **named: object) -> bytes:
        raise OSError(110, "timed out")

    settings = Settings(data_dir=tmp_path, state_url=SecretStr("memory://unreachable"))
    async with CheckpointStore(settings) as store:
        await saved(store, key, 1, 2)
        with monkeypatch.context() as patch:
            patch.setattr(RemoteBlobs, "read", fail)
            for call in (store.load, store.listed):
                with pytest.raises(Unavailable, match="can't be read now"):
                    await call(key)
        assert (await store.load(key)).value("n") == 2
    fsspec.filesystem("memory").store.clear()


async def test_what_is_too_large_to_be_sealed_is_not_kept_and_harms_nothing(
    store: CheckpointStore, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved(store, key, 1)
    monkeypatch.setattr("agent_browser.store.vault.LARGEST", 10_000)
    with pytest.raises(StorageFull, match="too large"):
        await store.save(key, state(big=large()), cause="activity")
    assert (await store.load(key)).value("n") == 1


# Keys.


def _with_key(settings: Settings, *values: bytes) -> Settings:
    text = ",".join(base64.b64encode(value).decode() for value in values)
    return Settings(data_dir=settings.data_dir, state_key=text)


A, B = b"a" * 32, b"b" * 32


async def test_a_key_is_made_at_the_first_use_and_used_again(settings: Settings, key: str) -> None:
    async with CheckpointStore(settings) as store:
        await saved(store, key, 1)
    (made,) = keys.present(settings)
    async with CheckpointStore(settings) as store:
        assert (await store.load(key)).value("n") == 1
    assert keys.present(settings) == (made,)


async def test_with_the_setting_no_file_is_made(settings: Settings, key: str) -> None:
    async with CheckpointStore(_with_key(settings, A)) as store:
        await saved(store, key, 1)
    assert not keys.path_of(settings).exists()


async def test_a_wrong_key_is_refused_at_the_start_and_harms_nothing(
    settings: Settings, key: str
) -> None:
    async with CheckpointStore(_with_key(settings, A)) as store:
        await saved(store, key, 1)
    before = files_of(settings, key)
    for wrong in (_with_key(settings, B), settings):
        with pytest.raises(StateLocked) as caught:
            async with CheckpointStore(wrong):
                pass
        assert base64.b64encode(A).decode() not in str(caught.value)
    assert not keys.path_of(settings).exists()
    assert files_of(settings, key) == before
    async with CheckpointStore(_with_key(settings, A)) as store:
        assert (await store.load(key)).value("n") == 1


async def test_a_lost_key_file_is_told_and_no_new_one_is_made(settings: Settings, key: str) -> None:
    async with CheckpointStore(settings) as store:
        await saved(store, key, 1)
    path = keys.path_of(settings)
    lost = path.read_bytes()
    path.unlink()
    with pytest.raises(StateLocked, match=r"state\.key"):
        async with CheckpointStore(settings):
            pass
    assert not path.exists()
    path.write_bytes(lost)
    path.chmod(0o600)
    async with CheckpointStore(settings) as store:
        assert (await store.load(key)).value("n") == 1


async def test_where_there_are_no_states_any_key_will_do(settings: Settings, key: str) -> None:
    for one in (A, B):
        async with CheckpointStore(_with_key(settings, one)) as store:
            await saved(store, key, 1)
            await store.erase(key)


async def test_an_older_key_reads_and_the_new_one_writes(settings: Settings, key: str) -> None:
    async with CheckpointStore(_with_key(settings, A)) as store:
        await store.save(key, state(n=1, big=large()), cause="activity")
    async with CheckpointStore(_with_key(settings, B, A)) as store:
        assert (await store.load(key)).value("n") == 1
        await store.save(key, state(n=2, big=large()), cause="activity")
        assert same(await store.load(key), state(n=2, big=large()))
    # What has the old key still needs it.
    with pytest.raises(StateLocked):
        async with CheckpointStore(_with_key(settings, B)):
            pass


@pytest.mark.parametrize("content", [b"", b"half", b"x" * 57])
async def test_a_damaged_check_is_written_anew(
    settings: Settings, key: str, content: bytes
) -> None:
    async with CheckpointStore(settings) as store:
        await saved(store, key, 1)
    check = settings.data_dir / "states" / checkpoints.CHECK
    check.write_bytes(content)
    async with CheckpointStore(settings) as store:
        assert (await store.load(key)).value("n") == 1
    assert check.read_bytes() != content
