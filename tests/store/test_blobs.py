"""Where the bytes of states lie: a folder and an address keep the same promises."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from pydantic import SecretStr

from agent_browser.errors import Unavailable
from agent_browser.settings import Settings
from agent_browser.store.blobs import (
    ROOT,
    Blobs,
    LocalBlobs,
    blobs_of,
    is_key,
    local_root,
    scheme,
)
from agent_browser.store.claim import Claim, InUse
from agent_browser.store.remote import RemoteBlobs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "states"


@pytest.fixture(params=["local", "memory"])
def blobs(request: pytest.FixtureRequest, root: Path) -> Iterator[Blobs]:
    is_local = request.param == "local"
    made: Blobs = LocalBlobs(root) if is_local else RemoteBlobs("memory://states/below")
    made.open()
    yield made
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def local(root: Path) -> LocalBlobs:
    made = LocalBlobs(root)
    made.open()
    return made


def test_what_is_written_is_read(blobs: Blobs) -> None:
    blobs.write("ses_a", "one", b"first")
    blobs.write("ses_a", "one", b"second, longer")
    blobs.write("ses_a", "two", b"")
    blobs.write("ses_b", "one", b"another's")
    blobs.write(ROOT, "check", b"root")
    assert blobs.read("ses_a", "one") == b"second, longer"
    assert blobs.read("ses_a", "one", 6) == b"second"
    assert blobs.read("ses_a", "two") == b""
    assert blobs.read(ROOT, "check") == b"root"
    assert sorted(blobs.names("ses_a")) == ["one", "two"]
    assert sorted(blobs.folders()) == ["ses_a", "ses_b"]


def test_what_is_not_there_is_told_or_is_nothing(blobs: Blobs) -> None:
    blobs.write("ses_a", "one", b"first")
    for folder, name in (("ses_a", "two"), ("ses_b", "one"), (ROOT, "check")):
        with pytest.raises(FileNotFoundError):
            blobs.read(folder, name)
        blobs.remove(folder, name)
    assert blobs.names("ses_b") == []
    blobs.erase("ses_b")
    assert blobs.read("ses_a", "one") == b"first"


def test_what_is_removed_is_gone(blobs: Blobs) -> None:
    for name in ("one", "two", "three"):
        blobs.write("ses_a", name, b"data")
    blobs.write("ses_b", "one", b"data")
    blobs.remove("ses_a", "one")
    assert sorted(blobs.names("ses_a")) == ["three", "two"]
    blobs.erase("ses_a")
    assert blobs.names("ses_a") == []
    assert blobs.folders() == ["ses_b"]
    blobs.erase("ses_a")
    blobs.write("ses_a", "one", b"again")
    assert blobs.names("ses_a") == ["one"]


@pytest.mark.parametrize(
    "key", [".", "..", "a/b", "../a", "/etc", "", ".hidden", "-a", "a\0b", "a\nb", "ü", "a" * 129]
)
def test_what_is_no_key_reaches_no_file(blobs: Blobs, key: str) -> None:
    assert not is_key(key)
    if key != ROOT:
        for call in (blobs.names, blobs.erase):
            with pytest.raises(ValueError, match="not a key"):
                call(key)
        with pytest.raises(ValueError, match="not a key"):
            blobs.write(key, "one", b"")
        with pytest.raises(ValueError, match="not a key"):
            blobs.read(key, "one")


def test_files_and_folders_are_for_this_user_alone(local: LocalBlobs, root: Path) -> None:
    local.write("ses_a", "one", b"data")
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_keys_are_spread_over_folders(local: LocalBlobs, root: Path) -> None:
    keys = [f"ses_{number}" for number in range(300)]
    for key in keys:
        local.write(key, "one", b"")
    shards = [path for path in root.iterdir() if len(path.name) == 2]
    assert 100 < len(shards) <= 256
    assert sorted(local.folders()) == sorted(keys)


def test_half_written_files_are_swept_at_the_start(local: LocalBlobs, root: Path) -> None:
    local.write("ses_a", "one", b"data")
    (root / ".partial" / "0123").write_bytes(b"half")
    LocalBlobs(root).open()
    assert list((root / ".partial").iterdir()) == []
    assert local.read("ses_a", "one") == b"data"


def test_a_failed_write_leaves_what_was_there_and_no_leftover(
    local: LocalBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.write("ses_a", "one", b"data")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        local.write("ses_a", "one", b"other")
    assert local.read("ses_a", "one") == b"data"
    assert list((root / ".partial").iterdir()) == []


def test_a_first_write_that_fails_leaves_no_folder(
    local: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        local.write("ses_a", "one", b"data")
    assert local.folders() == []


def test_a_link_in_the_place_of_what_is_swept_is_refused(root: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "file").write_bytes(b"not ours")
    root.mkdir()
    (root / ".partial").symlink_to(others)
    with pytest.raises(OSError, match=r"\.partial"):
        LocalBlobs(root).open()
    assert (others / "file").read_bytes() == b"not ours"


def test_what_an_address_needs_is_imported_for_an_address_only(tmp_path: Path) -> None:
    program = (
        "import sys, anyio\n"
        "from agent_browser.api import assembly\n"
        "from agent_browser.settings import Settings\n"
        "async def main():\n"
        "    async with assembly.CheckpointStore(Settings(data_dir=sys.argv[1])) as store:\n"
        "        assert not await store.keys()\n"
        "anyio.run(main)\n"
        "assert 'fsspec' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def test_a_link_in_a_files_place_is_not_followed(
    local: LocalBlobs, root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not ours")
    local.write("ses_a", "one", b"data")
    (place,) = root.glob("??/ses_a")
    (place / "two").symlink_to(secret)
    with pytest.raises(FileNotFoundError):
        local.read("ses_a", "two")
    assert local.names("ses_a") == ["one"]
    local.write("ses_a", "two", b"ours")
    assert secret.read_bytes() == b"not ours"
    assert local.read("ses_a", "two") == b"ours"


@pytest.mark.parametrize("depth", ["key", "shard"])
def test_a_link_in_a_folders_place_is_not_followed(
    local: LocalBlobs, root: Path, tmp_path: Path, depth: str
) -> None:
    local.write("ses_a", "one", b"data")
    (place,) = root.glob("??/ses_a")
    victim = place if depth == "key" else place.parent
    outside = victim.rename(tmp_path / "outside")
    victim.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(FileNotFoundError):
        local.read("ses_a", "one")
    assert local.names("ses_a") == []
    with pytest.raises(OSError, match="no such folder"):
        local.write("ses_a", "two", b"data")
    if depth == "key":
        local.erase("ses_a")
        assert not victim.is_symlink()
    assert sorted(outside.rglob("*")) == before


def test_a_pipe_or_a_folder_in_a_files_place_is_no_file(local: LocalBlobs, root: Path) -> None:
    local.write("ses_a", "one", b"data")
    (place,) = root.glob("??/ses_a")
    os.mkfifo(place / "two")
    (place / "three").mkdir()
    for name in ("two", "three"):
        with pytest.raises(FileNotFoundError):
            local.read("ses_a", name)
    assert local.names("ses_a") == ["one"]


def test_a_file_of_no_believable_size_is_not_read(local: LocalBlobs, root: Path) -> None:
    local.write("ses_a", "one", b"data")
    (path,) = root.glob("??/ses_a/one")
    os.truncate(path, 2**40)
    with pytest.raises(OSError, match="too large"):
        local.read("ses_a", "one")
    assert local.read("ses_a", "one", 4) == b"data"


def test_settings_say_where(tmp_path: Path) -> None:
    def of(url: str | None) -> Path | None:
        return local_root(Settings.model_validate({"data_dir": tmp_path, "state_url": url}))

    assert of(None) == tmp_path / "states"
    assert of("/srv/states") == Path("/srv/states")
    assert of("file:///srv/with%20space") == Path("/srv/with space")
    assert of("s3://bucket/folder") is None
    made = blobs_of(Settings(data_dir=tmp_path, state_url=SecretStr("memory://x")))
    assert isinstance(made, RemoteBlobs)


def test_an_address_may_have_a_secret_in_it_and_is_not_shown(tmp_path: Path) -> None:
    url = "s3://key:hunter2@bucket/x"
    settings = Settings.model_validate({"data_dir": tmp_path, "state_url": url})
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hunter2" not in shown
    assert scheme(settings) == "s3"


@pytest.mark.parametrize("failure", [ImportError("Install s3fs"), ValueError(), RuntimeError()])
def test_an_address_that_can_not_be_used_is_told_without_its_secrets(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise failure

    monkeypatch.setattr(fsspec, "url_to_fs", fail)
    with pytest.raises(Unavailable, match="STATE_URL") as caught:
        RemoteBlobs("s3://key:hunter2@bucket/x").open()
    assert "hunter2" not in str(caught.value)
    assert str(failure) in str(caught.value)


def test_what_a_file_system_raises_comes_as_an_error_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Strange(Exception):
        """A library's own."""

    def fail(*given: object, **named: object) -> None:
        raise Strange("with key hunter2")

    blobs = RemoteBlobs("memory://strange")
    blobs.open()
    system = fsspec.filesystem("memory")
    for name in ("pipe_file", "cat_file", "ls", "rm_file", "rm"):
        monkeypatch.setattr(type(system), name, fail)
    for call in (
        lambda: blobs.write("ses_a", "one", b""),
        lambda: blobs.read("ses_a", "one"),
        lambda: blobs.names("ses_a"),
        lambda: blobs.folders(),
        lambda: blobs.remove("ses_a", "one"),
        lambda: blobs.erase("ses_a"),
    ):
        with pytest.raises(OSError, match="Strange") as caught:
            call()
        assert "hunter2" not in str(caught.value)


def test_one_process_at_a_time_has_the_claim_on_a_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with Claim(settings), pytest.raises(InUse, match="DATA_DIR"), Claim(settings):
        pass
    with Claim(settings):
        pass


def test_the_claim_is_on_the_folder_of_states_too(tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    one = Settings(data_dir=tmp_path / "one", state_url=SecretStr(shared))
    other = Settings(data_dir=tmp_path / "other", state_url=SecretStr(f"file://{shared}"))
    with Claim(one):
        with pytest.raises(InUse, match="STATE_URL"), Claim(other):
            pass
        # What was claimed before the refusal is free again.
        with Claim(Settings(data_dir=tmp_path / "other")):
            pass
