"""The short commands for files."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import PICTURE, FakeServer


@pytest.fixture
def opened(fake: FakeServer, run: Run) -> FakeServer:
    assert run("open", "example.com").code == 0
    return fake


def test_downloads_are_listed_with_what_became_of_them(opened: FakeServer, run: Run) -> None:
    assert run("downloads").out.splitlines() == [
        f"done\tpage.png\t{len(PICTURE)} bytes\thttp://x/p",
        "failed\tlost.bin\tcut off\thttp://x/p",
    ]
    assert json.loads(run("downloads", "--json").out)["total"] == 2


def test_downloads_are_saved_into_a_folder_and_a_zip_file(
    opened: FakeServer, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_bytes(b"mine")
    done = run("downloads", "--to", str(tmp_path), "--zip", str(tmp_path / "all.zip"))
    assert done.code == 0, done.err
    assert (tmp_path / "page.png").read_bytes() == b"mine"
    assert (tmp_path / "page (2).png").read_bytes() == PICTURE
    assert (tmp_path / "all.zip").read_bytes() == PICTURE
    assert run("downloads", "--to", str(tmp_path / "none")).code == 2


def test_download_clicks_waits_and_saves(opened: FakeServer, run: Run, tmp_path: Path) -> None:
    done = run("download", "text=Report", str(tmp_path))
    assert done.code == 0, done.err
    assert (tmp_path / "page.png").read_bytes() == PICTURE
    assert [call[2]["action"] for call in opened.calls[-2:]] == ["click", "wait"]
    named = run("download", "text=Report", str(tmp_path / "mine.png"), "--json")
    assert json.loads(named.out)["downloads"][0]["filename"] == "page.png"
    assert (tmp_path / "mine.png").read_bytes() == PICTURE


def test_a_time_for_a_download_is_one_for_the_click_too(
    opened: FakeServer, run: Run, tmp_path: Path
) -> None:
    for more, times in (([], [None, 30]), (["--timeout", "2"], [2, 2])):
        assert run("download", "text=Report", str(tmp_path), *more).code == 0
        asked = [call[2].get("timeout") for call in opened.calls[-2:]]
        assert [None if one is None else float(one) for one in asked] == times


def test_download_says_that_nothing_came(opened: FakeServer, run: Run, tmp_path: Path) -> None:
    to = tmp_path / "to"
    to.mkdir()
    assert run("download", "@e2", str(to)).code == 1
    assert run("download", "@e99", str(to)).code == 1
    assert run("download", "@e2", str(to / "none" / "x")).code == 2
    assert list(to.iterdir()) == []


def test_upload_sends_files_and_names_them(opened: FakeServer, run: Run, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    done = run("upload", "@e1", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--drop")
    assert done.code == 0, done.err
    assert opened.uploads == ["a.txt", "b.txt"]
    assert opened.calls[-1][2] == {
        "action": "upload",
        "ref": "@e1",
        "file_paths": ["a.txt", "b.txt"],
        "drop": True,
        "snapshot": "delta_only",
    }
    missing = run("upload", "@e1", str(tmp_path / "none.txt"))
    assert (missing.code, "there is no such file" in missing.err) == (2, True)


def test_upload_gives_files_to_the_chooser_that_waits(
    opened: FakeServer, run: Run, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    done = run("upload", "--chooser", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    assert done.code == 0, done.err
    assert opened.calls[-1][2] == {
        "action": "upload", "file_paths": ["a.txt", "b.txt"], "snapshot": "delta_only",
    }  # fmt: skip
    both = run("upload", "--chooser", "--drop", str(tmp_path / "a.txt"))
    assert (both.code, "don't go together" in both.err) == (2, True)
    none = run("upload", "@e1")
    assert (none.code, "upload needs a file" in none.err) == (2, True)


def test_uploads_are_listed_and_erased(opened: FakeServer, run: Run) -> None:
    assert run("uploads").out == "no file was put into this session\n"
    opened.uploads += ["a.txt", "b.txt"]
    assert run("uploads", "--delete", "a.txt").out == "b.txt\t3 bytes\n"
    assert [one["name"] for one in json.loads(run("uploads", "--json").out)["items"]] == ["b.txt"]


def test_files_are_put_there_without_an_action(
    opened: FakeServer, run: Run, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    done = run("uploads", "--put", str(tmp_path / "a.txt"), "--put", str(tmp_path / "b.txt"))
    assert done.out.splitlines() == ["a.txt\t3 bytes", "b.txt\t3 bytes"]
    assert opened.uploads == ["a.txt", "b.txt"]
    assert [call[0] for call in opened.calls] == ["open"]
    missing = run("uploads", "--put", str(tmp_path / "none"), "--delete", "a.txt")
    assert (missing.code, "there is no such file" in missing.err) == (2, True)
    assert opened.uploads == ["a.txt", "b.txt"]
