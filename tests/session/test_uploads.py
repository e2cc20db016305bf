"""Uploads: names are plain, bytes are decoded, no path of a request is read."""

import base64
import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_browser.errors import InvalidRequest, PayloadTooLarge, StorageFull
from agent_browser.models.files import UploadedFile
from agent_browser.models.functions import InteractInput, InteractOutput, UploadFile
from agent_browser.service import LOCAL, FileHead
from agent_browser.session import uploads
from agent_browser.session.uploads import Lapsed, NotUploaded, Uploads
from tests.fakes.clock import ManualClock
from tests.pool.rig import running

pytestmark = pytest.mark.anyio


def upload(name: str, data: bytes = b"hello") -> UploadFile:
    return UploadFile(name=name, base64=base64.b64encode(data).decode())


def folders(below: Path) -> list[Path]:
    """Upload folders there."""
    return list(below.glob("agent-browser-scratch-*"))


def files_below(folder: Path) -> list[Path]:
    """Every file there, in folders of any depth."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def _own_temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


async def test_files_are_written_found_by_name_and_removed(tmp_path: Path) -> None:
    held = Uploads(ManualClock())
    (made,) = await held.take([upload("../a.txt")])
    assert (made.path.name, made.path.read_bytes()) == ("a.txt", b"hello")
    assert made.path.is_relative_to(tmp_path)
    assert held.find(["../a.txt"]) == held.find(["a.txt"]) == (made,)
    with pytest.raises(NotUploaded, match="passwd"):
        held.find(["/etc/passwd"])
    await held.remove()
    assert folders(tmp_path) == []


async def test_what_is_not_base64_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await Uploads(ManualClock()).take([upload("ok"), UploadFile(name="bad", base64="%%%")])
    assert caught.value.fields["errors"][0]["field"] == "files[1].base64"


async def test_a_session_holds_so_many_bytes_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Uploads(ManualClock(), 10)
    await held.take([upload("a", b"12345")])
    with pytest.raises(PayloadTooLarge):
        await held.take([upload("b", b"123456")])
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    with pytest.raises(InvalidRequest, match="1 files"):
        await held.take([upload("c", b"")])
    await held.delete("a")
    await held.take([upload("c", b"1234567890")])
    await held.remove()


async def pieces(*given: FileHead | bytes) -> AsyncIterator[FileHead | bytes]:
    for piece in given:
        yield piece


async def test_files_that_arrive_in_pieces_are_whole_and_listed() -> None:
    held = Uploads(ManualClock())
    made = await held.receive(
        pieces(FileHead("x/a.txt", "text/plain"), b"he", b"llo", FileHead("b.bin"), b"")
    )
    assert [(one.name, one.size, one.content_type) for one in made] == [
        ("a.txt", 5, "text/plain"),
        ("b.bin", 0, None),
    ]
    assert made[0].sha256 == hashlib.sha256(b"hello").hexdigest()
    assert held.listed() == made
    (found,) = held.find(["a.txt"])
    assert (found.path.read_bytes(), found.content_type) == (b"hello", "text/plain")
    await held.delete("b.bin")
    assert [one.name for one in held.listed()] == ["a.txt"]
    with pytest.raises(NotUploaded):
        await held.delete("b.bin")
    await held.remove()


async def test_a_form_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    held = Uploads(ManualClock(), 10)

    async def breaking() -> AsyncIterator[FileHead | bytes]:
        yield FileHead("whole.txt")
        yield b"1234"
        yield FileHead("half.txt")
        yield b"12"
        raise ConnectionResetError

    with pytest.raises(StorageFull):
        await held.receive(breaking())
    with pytest.raises(PayloadTooLarge):
        await held.receive(pieces(FileHead("large"), b"12345678", b"901"))
    assert held.listed() == []
    assert files_below(tmp_path) == []
    await held.receive(pieces(FileHead("fits"), b"1234567890"))
    await held.remove()


async def test_a_name_given_again_names_the_later_file_and_a_page_keeps_the_earlier() -> None:
    held = Uploads(ManualClock())
    await held.receive(pieces(FileHead("a.txt"), b"first"))
    (first,) = held.find(["a.txt"])
    await held.receive(pieces(FileHead("a.txt"), b"second"))
    await held.receive(pieces(FileHead("a.txt"), b"third"))
    (third,) = held.find(["a.txt"])
    assert (first.path.read_bytes(), third.path.read_bytes()) == (b"first", b"third")
    assert [one.size for one in held.listed()] == [5]
    await held.remove()


async def test_what_arrives_after_the_end_is_not_kept(tmp_path: Path) -> None:
    held = Uploads(ManualClock())

    async def late() -> AsyncIterator[FileHead | bytes]:
        yield FileHead("a.txt")
        await held.remove()
        yield b"hello"

    with pytest.raises(Lapsed):
        await held.receive(late())
    with pytest.raises(Lapsed):
        await held.take([upload("b.txt")])
    assert folders(tmp_path) == []


async def test_an_upload_reaches_the_page_and_ends_with_the_session(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as rig:
        session = (await rig.open(url="http://test/upload")).session_id
        acted = await rig.call(
            "interact",
            InteractInput(action="upload", ref="@e1", files=[upload("a.txt")]),
            session,
            InteractOutput,
        )
        assert acted.success
        assert acted.snapshot is not None
        assert 'value="a.txt=hello"' in acted.snapshot.elements_text
        again = InteractInput(action="upload", ref="@e1", file_paths=["a.txt"])
        assert (await rig.call("interact", again, session, InteractOutput)).success
        assert len(folders(tmp_path)) == 1
        await rig.pool.end(LOCAL, session, purge=True)
        await rig.pool.drain()
    assert folders(tmp_path) == []


@pytest.mark.parametrize("way", ["file", "folder"])
async def test_what_is_kept_is_not_read_through_a_link(tmp_path: Path, way: str) -> None:
    secret = tmp_path / "elsewhere" / "kept"
    secret.parent.mkdir()
    secret.write_bytes(b"the secret")
    held = Uploads(ManualClock())
    told = held_told()
    if way == "file":
        path = tmp_path / "kept"
        path.symlink_to(secret)
    else:
        (tmp_path / "folder").symlink_to(secret.parent)
        path = tmp_path / "folder" / "kept"
    with pytest.raises(NotUploaded):
        await held.recall("art_1", told, path)
    assert held.listed() == []
    await held.recall("art_1", told, secret)  # by its own name it would be
    (one,) = held.find(["a.txt"])
    assert one.path.read_bytes() == b"the secret"
    await held.remove()


def held_told() -> UploadedFile:
    at = ManualClock().now()
    return UploadedFile(name="a.txt", size=10, sha256="0" * 64, content_type=None, created_at=at)


async def test_a_path_of_the_server_is_not_read(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as rig:
        session = (await rig.open(url="http://test/upload")).session_id
        asked = InteractInput(action="upload", ref="@e1", file_paths=["/etc/passwd"])
        acted = await rig.call("interact", asked, session, InteractOutput)
        assert (acted.success, acted.code) == (False, "file_not_uploaded")
        assert acted.message is not None
        assert "was uploaded to this session" in acted.message
