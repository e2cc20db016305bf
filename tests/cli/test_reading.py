"""The commands that take pages away."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli import fake_server
from tests.cli.conftest import Run
from tests.cli.fake_server import PICTURE, FakeServer

SIDE = {"url": "http://x/", "title": "T", "status": 200}
DIFFERENCE: dict[str, Any] = {
    "same": False,
    "a": SIDE,
    "b": {**SIDE, "url": "http://y/"},
    "text": {"same": False, "added": 1, "removed": 0, "diff": "@@ -1 +1,2 @@\n+new"},
    "timing": {"load": {"a": 1.0, "b": 3.0, "difference": 2.0}},
}


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fake server says to these functions."""

    def read(_self: FakeServer, _session: str, given: dict[str, Any]) -> Any:
        answer = {"format": given.get("format", "markdown"), "url": "http://x/", "title": "T"}
        if given.get("format") == "fields":
            return 200, {**answer, "fields": {"name": "Tea"}}
        if given.get("format") == "links":
            return 200, {**answer, "links": [{"text": "One", "href": "http://x/1"}]}
        return 200, {**answer, "content": "# Tea \x1b[31m", "note": "9 characters are left out"}

    def pdf(_self: FakeServer, _session: str, _given: dict[str, Any]) -> Any:
        return 200, {"pdf": fake_server._artifact("page.pdf", PICTURE), "pages": 2}

    monkeypatch.setitem(fake_server._FUNCTIONS, "read", read)
    monkeypatch.setitem(fake_server._FUNCTIONS, "pdf", pdf)


def test_read_prints_the_page_and_says_what_is_left_out(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done = run("read", "--main", "--max-chars", "9")
    assert (done.code, done.out) == (0, "# Tea [31m\n")
    assert "9 characters are left out" in done.err
    assert fake.calls[-1][2] == {"main": True, "max_chars": 9, "format": "markdown"}


def test_read_prints_links_and_fields(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    assert run("read", "-f", "links").out == "One — http://x/1\n"
    done = run("read", "--schema", '{"name": "h1"}')
    assert '"name": "Tea"' in done.out
    assert fake.calls[-1][2]["format"] == "fields"
    assert run("read", "--schema", "nonsense").code == 2


def test_pdf_writes_the_file(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    run("open", "example.com")
    file = tmp_path / "page.pdf"
    done = run("pdf", str(file), "--landscape", "--outline", "--no-tagged", "--css-page-size")
    assert done.code == 0, done.err
    assert fake.calls[-1][2] == {
        "landscape": True, "outline": True, "tagged": False, "css_page_size": True,
    }  # fmt: skip
    assert file.read_bytes() == PICTURE
    assert "2 pages" in done.out
    assert run("pdf", str(tmp_path / "page.txt")).code == 2


def test_compare_says_what_is_different(
    fake: FakeServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent_browser.client.sync import Client

    asked: list[Any] = []

    def send(_self: Client, request: Any) -> Any:
        asked.append(request.body)
        return request.parse(DIFFERENCE)

    monkeypatch.setattr(Client, "send", send)
    done = run("compare", "http://x/", "http://y/", "--mask", "css=.ad", "--width", "700")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "a: T — http://x/",
        "b: T — http://y/",
        "text: 1 lines added, 0 removed",
        "@@ -1 +1,2 @@",
        "+new",
        "load: 1.0 ms and 3.0 ms (+2.0 ms)",
    ]
    assert asked[0]["options"] == {"width": 700}
    assert run("compare", "http://x/", "http://y/", "--exit-code").code == 1
