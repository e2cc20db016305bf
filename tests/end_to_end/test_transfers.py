"""Files both ways through the running server: names, bytes, sizes, memory."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, eventually, read
from tests.program import Program
from tests.site import Site
from tests.site.files import CONTENTS

pytestmark = pytest.mark.browser
LARGE = 50_000_000


def test_what_a_click_downloads_is_in_its_answer_with_its_bytes(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/downloads"))
    (artifact,) = session.click("Report")["downloads"]
    assert (artifact["filename"], artifact["content_type"]) == ("report.csv", "text/csv")
    answer = http.get(artifact["url"])
    assert answer.content == CONTENTS["report.csv"]
    assert answer.headers["content-disposition"] == 'attachment; filename="report.csv"'
    assert hashlib.sha256(answer.content).hexdigest() == artifact["sha256"]


def test_a_page_as_a_file_is_never_shown_and_a_name_never_climbs(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/downloads"))
    (page,) = session.click("Page as a file")["downloads"]
    answer = http.get(page["url"])
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    (evil,) = session.click("A name that climbs")["downloads"]
    assert "/" not in evil["filename"]
    assert ".." not in evil["filename"]
    for proposed in ("..", "nul", "a\u202egpj.exe", "x" * 400 + ".txt", "a\nb\r\n.txt"):
        url = f"{site.url('/download/f')}?{httpx.QueryParams({'filename': proposed})}"
        (named,) = session.open(url)["downloads"]
        assert 0 < len(named["filename"].encode()) <= 200
        assert not set(named["filename"]) & set("/\\\n\r\u202e")


def test_one_that_breaks_off_is_told_with_why(opening: Opening, site: Site) -> None:
    session = opening(site.url("/downloads"))
    session.click("A download that breaks off")
    done = session.act("wait", download=False)
    listed = session.call("downloads")["downloads"]
    assert done["downloads"] == []
    assert [(one["state"], one["artifact"]) for one in listed] == [("failed", None)]
    assert "broke off" in listed[0]["error"]


def test_a_session_lists_and_zips_its_downloads_after_its_end_too(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/downloads"))
    session.click("Report")
    session.open(site.url("/download/report.csv"))
    session.close()
    answer = session.call("downloads", zip=True)
    assert [one["url"] for one in answer["downloads"]] == [site.url("/download/report.csv")] * 2
    data = http.get(answer["zip"]["url"]).content
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.namelist() == ["report.csv", "report (2).csv"]
        assert file.testzip() is None


def test_files_put_into_a_session_reach_the_site(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/upload"))
    place = f"/v1/sessions/{session.id}/uploads"
    files = [("f", ("../../etc/a.txt", b"first")), ("f", ("b.txt", b"second"))]
    sent = read(http.post(place, files=files))
    assert [one["name"] for one in sent["items"]] == ["a.txt", "b.txt"]
    session.act("upload", session.ref("Several files"), file_paths=["a.txt", "b.txt"])
    session.click("Send")
    (posted,) = [one for one in site.asked("/uploaded") if one.method == "POST"]
    assert b'filename="a.txt"' in posted.body
    assert b"second" in posted.body
    refused = session.attempt("upload", "css=input", file_paths=["/etc/passwd"])
    assert (refused["success"], refused["code"]) == (False, "file_not_uploaded")
    http.delete(f"{place}/a.txt").raise_for_status()
    assert [one["name"] for one in read(http.get(place))["items"]] == ["b.txt"]


def test_a_file_chooser_that_waits_is_in_every_answer_until_it_has_files(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/transfers"))
    assert session.page["file_chooser"] is None
    clicked = session.click("Choose later")
    assert "a file chooser waits" in clicked["message"]
    waits = {"tab": "t1", "multiple": True}
    assert clicked["file_chooser"] == waits
    assert session.snapshot()["file_chooser"] == waits
    http.post(f"/v1/sessions/{session.id}/uploads", files={"f": ("a.txt", b"first")})
    given = session.act("upload", file_paths=["a.txt"])
    assert given["file_chooser"] is None
    session.act("wait", text="hidden: a.txt")


class Zeros(io.RawIOBase):
    """So many zeros, made as they are read."""

    def __init__(self, size: int) -> None:
        self._left = self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


def test_a_large_file_is_streamed_to_disk(
    http: httpx.Client, opening: Opening, site: Site, server: Program, tmp_path: Path
) -> None:
    session = opening(site.url("/transfers"))
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    source: IO[bytes] = io.BufferedReader(Zeros(LARGE))
    place = f"/v1/sessions/{session.id}/uploads"
    sent = read(http.post(place, files={"f": ("zeros.bin", source)}))
    assert sent["items"][0]["size"] == LARGE
    assert sent["items"][0]["sha256"] == hashlib.sha256(bytes(LARGE)).hexdigest()
    assert process.memory_info().rss - before < LARGE // 2
    session.act("upload", "css=#hidden", file_paths=["zeros.bin"])
    size = session.value("document.getElementById('hidden').files[0].size")
    assert size == LARGE
    session.close()
    eventually(lambda: http.get(place).status_code == 410)


def test_a_session_that_ended_takes_no_files(http: httpx.Client, opening: Opening) -> None:
    session = opening()
    session.close()
    with pytest.raises(Refused) as refused:
        read(http.post(f"/v1/sessions/{session.id}/uploads", files={"f": ("a", b"x")}))
    assert (refused.value.status, refused.value.code) == (410, "session_ended")
