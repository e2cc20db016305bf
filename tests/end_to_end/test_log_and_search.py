"""What is kept of a real session: its log, pictures and pages' words. All of it can be erased."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from agent_browser.browser.masks import MASK
from tests.end_to_end import remote
from tests.end_to_end.remote import Json, Session, eventually, read
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

PASSWORD = "hunter2zugzwang"
NDJSON = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator[Program]:
    """A server of this file's own: it keeps pictures, and what it keeps is looked through."""
    folder = tmp_path_factory.mktemp("kept")
    with Program(folder, executable, browsers=1, warm=1, log_thumbnails=True) as running:
        yield running


@pytest.fixture
def client(program: Program) -> Iterator[httpx.Client]:
    with remote.client(program) as client:
        yield client


def page_of(path: str, title: str, text: str) -> Json:
    """A rule that answers with a page whose words are nowhere in a log: bodies are not kept."""
    body = f"<!doctype html><title>{title}</title><p>{text}</p>"
    return {"url": f"**{path}", "action": "fulfil", "body": body, "content_type": "text/html"}


def found(client: httpx.Client, words: str) -> list[str]:
    answer = read(client.get("/v1/sessions", params={"q": words}))
    return [session["id"] for session in answer["items"]]


def log_of(client: httpx.Client, session: Session, entries: int) -> list[Json]:
    """The whole log, in pages of three, once it has so many entries."""
    items: list[Json] = []

    def is_whole() -> bool:
        items.clear()
        cursor: str | None = None
        while cursor is not None or not items:
            asked = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
            page = read(client.get(f"/v1/sessions/{session.id}/actions", params=asked))
            assert len(page["items"]) <= 3
            items.extend(page["items"])
            cursor = page["next_cursor"]
            if not page["items"]:
                break
        return len(items) >= entries

    eventually(is_whole)
    return items


def test_sessions_are_found_by_what_their_pages_show(client: httpx.Client, site: Site) -> None:
    with Session(client) as bills, Session(client) as other:
        rules = [
            page_of("/one", "Brobdingnag", "Your billing issue: xylophonic"),
            page_of("/two", "Lilliput", "Nothing is owed: quetzalcoatl"),
        ]
        bills.call("route", rules=rules)
        other.call("route", rules=[page_of("/one", "Laputa", "Sunbeams out of cucumbers")])
        bills.open(site.url("/one"))
        other.open(site.url("/one"))
        eventually(lambda: found(client, "billing issue") == [bills.id])
        assert found(client, "xylophonic") == [bills.id]
        assert found(client, "brobdingnag") == [bills.id]
        assert site.asked("/one") == [], "its words are in the page alone"
        bills.open(site.url("/two"))
        eventually(lambda: found(client, "quetzalcoatl") == [bills.id])
        assert found(client, "billing issue") == [bills.id], "a page that was left is found too"
        eventually(lambda: found(client, "cucumbers") == [other.id])
        assert found(client, "cucumbers billing owed")[:2] == [bills.id, other.id]
    assert found(client, "billing issue") == [bills.id], "and when the session has ended"


def test_the_log_says_what_was_called_and_no_secret(client: httpx.Client, site: Site) -> None:
    client.headers["X-Client-Name"] = "the-test"
    with Session(client, site.url("/form")) as session:
        session.act("fill", session.ref("Name"), text="Ada")
        session.act("fill", session.ref("Password"), text=PASSWORD)
        session.attempt("click", "@e9999")
        session.open(site.url(f"/empty?token={PASSWORD}"))
        session.value("1 + 1")
        items = log_of(client, session, 6)
    called = [(item["function"], item["action"], item["outcome"], item["code"]) for item in items]
    assert called[:6] == [
        ("open", None, "ok", None),
        ("interact", "fill", "ok", None),
        ("interact", "fill", "ok", None),
        ("interact", "click", "failed", "unknown_ref"),
        ("open", None, "ok", None),
        ("execute", None, "ok", None),
    ]
    first, name, password, click, away, execute = items[:6]
    assert [item["input"].get("text") for item in (name, password)] == ["Ada", MASK]
    assert "@e9999" in click["message"]
    assert execute["input"] == {"code": "1 + 1"}
    assert (first["url_before"], first["url"]) == ("about:blank", site.url("/form"))
    assert away["url_before"] == site.url("/form")
    assert away["url"].startswith(site.url("/empty?token="))
    assert {item["client"] for item in items} == {"the-test"}
    assert all(item["milliseconds"] > 0 for item in items)
    assert PASSWORD not in json.dumps(items)
    export = client.get(f"/v1/sessions/{session.id}/actions", headers=NDJSON)
    assert export.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert lines[:6] == items[:6]


def test_pictures_of_the_log_show_the_page_that_each_call_came_to(
    client: httpx.Client, site: Site
) -> None:
    with Session(client, site.url("/colours?name=blue")) as session:
        session.snapshot()
        session.click("Red")
        session.call("screenshot")
        items = log_of(client, session, 4)
        opened, looked, clicked, shot = (item["thumbnail"] for item in items[:4])
        assert (looked, shot) == (None, None)
        for name, is_its_colour in ((opened, is_blue), (clicked, is_red)):
            data = client.get(f"/v1/artifacts/{name}").content
            picture = Image.open(io.BytesIO(data))
            assert (picture.format, max(picture.size)) == ("JPEG", 320)
            assert is_its_colour(picture.convert("RGB"))


def is_blue(picture: Image.Image) -> bool:
    red, _, blue = middle(picture)
    return blue > 200 > red


def is_red(picture: Image.Image) -> bool:
    red, _, blue = middle(picture)
    return red > 150 > blue


def middle(picture: Image.Image) -> tuple[int, int, int]:
    colour = picture.getpixel((picture.width // 2, picture.height // 4))
    assert isinstance(colour, tuple)
    red, green, blue = colour
    return int(red), int(green), int(blue)


WORDS = {
    "name": "Glubbdubdrib",
    "tag": "luggnagg",
    "metadata": "balnibarbi",
    "title": "Houyhnhnm",
    "text": "struldbrug",
    "address": "yahooish",
    "typed": "Gulliverian",
    "upload": "flimnapped",
    "download": "reldresal",
}
"""Each goes another way into what is kept."""


def traces(program: Program, words: list[str]) -> set[tuple[str, str]]:
    """Which of them is in the names or the bytes of which of the server's files."""
    left = set()
    for folder in (program.data, program.recordings, program.temporary):
        for path in folder.rglob("*"):
            name = str(path.relative_to(folder.parent))
            left |= {(name, word) for word in words if word in name}
            try:
                data = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue
            left |= {(name, word) for word in words if word.encode() in data}
    return left


def used(client: httpx.Client, site: Site) -> tuple[Session, list[str]]:
    """A session that has left all kinds of traces, and the addresses of what is kept of it."""
    session = Session(client, record_video=True, width=320, height=240)
    described = {
        "name": WORDS["name"], "tags": [WORDS["tag"]], "metadata": {"of": WORDS["metadata"]},
    }  # fmt: skip
    read(client.patch(f"/v1/sessions/{session.id}", json=described))
    page = page_of(
        "/kept*",
        WORDS["title"],
        f"{WORDS['text']} <a href='/download/{WORDS['download']}.txt'>Load</a>"
        "<label>Word <input></label>",
    )
    loads = page_of("/download/*", "", f"{WORDS['download']} as a file") | {
        "headers": {"Content-Disposition": "attachment"}
    }
    session.call("route", rules=[page, loads])
    session.open(site.url(f"/kept?about={WORDS['address']}"))
    session.act("fill", session.ref("Word"), text=WORDS["typed"])
    loaded = session.click("Load")["downloads"]
    files = {"file": (f"{WORDS['upload']}.txt", f"{WORDS['upload']} within".encode())}
    read(client.post(f"/v1/sessions/{session.id}/uploads", files=files))
    shot = session.call("screenshot")["screenshot"]
    thumbnails = [
        f"/v1/artifacts/{item['thumbnail']}"
        for item in log_of(client, session, 6)
        if item["thumbnail"]
    ]
    eventually(lambda: found(client, WORDS["text"]) == [session.id])
    video = session.close()["video"]
    return session, [video["url"], shot["url"], *(one["url"] for one in loaded), *thumbnails]


def test_a_purge_leaves_no_trace_in_any_file(
    program: Program, client: httpx.Client, site: Site
) -> None:
    session, addresses = used(client, site)
    words = [*WORDS.values(), session.id]
    eventually(lambda: {word for _, word in traces(program, words)} == set(words))
    assert len(addresses) >= 6
    assert {client.get(address).status_code for address in addresses} == {200}
    answer = client.delete(f"/v1/sessions/{session.id}", params={"purge": "true"})
    assert answer.status_code == 204
    # Its id is left in the audit log alone, which keeps who did what.
    assert traces(program, [*WORDS.values()]) == set()
    assert {client.get(address).status_code for address in addresses} == {404}
    assert client.get(f"/v1/sessions/{session.id}").status_code == 404
    assert client.get(f"/v1/sessions/{session.id}/actions").status_code == 404
    assert [word for word in WORDS.values() if found(client, word)] == []
