"""Uploads: names are plain, bytes are decoded, no path of a request is read."""

import base64
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from agent_browser.errors import InvalidRequest, PayloadTooLarge
from agent_browser.models.functions import InteractInput, InteractOutput, UploadFile
from agent_browser.service import LOCAL
from agent_browser.session import uploads
from agent_browser.session.uploads import NotUploaded, Uploads, file_name
from tests.pool.rig import running

pytestmark = pytest.mark.anyio


def upload(name: str, data: bytes = b"hello") -> UploadFile:
    return UploadFile(name=name, base64=base64.b64encode(data).decode())


def folders(below: Path) -> list[Path]:
    """Upload folders there."""
    return list(below.glob("agent-browser-scratch-*"))


@pytest.fixture(autouse=True)
def _own_temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@settings(deadline=None)
@given(strategies.text(min_size=1, max_size=300))
def test_a_file_name_is_never_a_path(given_name: str) -> None:
    name = file_name(given_name)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0\n")
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\b.doc", "b.doc"),
        ("..", "file"),
        ("a\x00b", "a_b"),
    ],
)
def test_names_lose_their_path(asked: str, name: str) -> None:
    assert file_name(asked) == name


async def test_files_are_written_found_by_name_and_removed(tmp_path: Path) -> None:
    held = Uploads()
    (path,) = await held.take([upload("../a.txt")])
    assert (path.name, path.read_bytes()) == ("a.txt", b"hello")
    assert path.is_relative_to(tmp_path)
    assert held.find(["../a.txt"]) == (path,)
    with pytest.raises(NotUploaded, match="passwd"):
        held.find(["/etc/passwd"])
    await held.remove()
    assert folders(tmp_path) == []


async def test_what_is_not_base64_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await Uploads().take([upload("ok"), UploadFile(name="bad", base64="%%%")])
    assert caught.value.fields["errors"][0]["field"] == "files[1].base64"


async def test_a_session_holds_so_many_bytes_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    held = Uploads()
    await held.take([upload("a", b"12345")])
    with pytest.raises(PayloadTooLarge):
        await held.take([upload("b", b"123456")])
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    with pytest.raises(PayloadTooLarge):
        await held.take([upload("c", b"")])
    await held.remove()


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


async def test_a_path_of_the_server_is_not_read(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as rig:
        session = (await rig.open(url="http://test/upload")).session_id
        asked = InteractInput(action="upload", ref="@e1", file_paths=["/etc/passwd"])
        acted = await rig.call("interact", asked, session, InteractOutput)
        assert (acted.success, acted.code) == (False, "file_not_uploaded")
        assert acted.message is not None
        assert "was uploaded to this session" in acted.message
