"""Names that callers and pages give, made to lead elsewhere; and what lies in the server's folders
afterwards: whose it is, and that nothing of it is told.
"""

import os
import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.attacks.operations import Operation
from tests.end_to_end.remote import Session, eventually, read
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

NASTY = (
    "../../../../tmp/planted", "..\\..\\planted", "/etc/planted", "C:\\planted.txt", "..", ".",
    "....//....//planted", "%2e%2e%2fplanted", "%252e%252e%252fplanted",
    "\uff0e\uff0e\uff0fplanted",
    "..\u2215..\u2215planted", "\u2024\u2024/planted", "planted\x00.png", "planted\n.png",
    "pl\u202egnp.detna",
    "-rf", "~/planted", "$(touch planted)", "`planted`", "CON", "nul.txt", "planted.", "planted ",
    "x" * 5_000, "ä" * 300, "\u0000", "file:///etc/passwd", ".bashrc", "planted/../../x",
    "\ud7ff\uffff", "a" * 254 + "é",
)  # fmt: skip
PATHS = ("/v1/artifacts/{}", "/v1/recordings/{}", "/v1/profiles/{}", "/v1/operations/{}",
         "/v1/webhooks/{}", "/v1/sessions/{}", "/v1/sessions/{}/state", "/docs/{}.css")  # fmt: skip
NAME = re.compile(r"[^/\\\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]{1,255}")

PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_plain(name: str) -> bool:
    """Whether it is a name in one folder, and reads as what it is."""
    return NAME.fullmatch(name) is not None and name not in (".", "..") and len(name.encode()) < 256


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_an_upload_lies_in_its_session_under_a_plain_name(
    locked: Program, callers: dict[str, httpx.Client], name: str
) -> None:
    http = callers["cyd"]
    with Session(http) as session:
        at = f"/v1/sessions/{session.id}/uploads"
        answer = http.post(at, files={"file": (name, b"planted", "text/plain")})
        assert answer.status_code in (200, 201, 400), answer.text
        for one in read(http.get(at))["items"]:
            assert is_plain(one["name"]), one["name"]
        _nothing_planted(locked)
        assert not _tells(locked, answer.text)


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_no_name_in_a_path_leads_to_a_file(
    locked: Program, callers: dict[str, httpx.Client], name: str
) -> None:
    if len(name) > 1_000 or name in (".", ".."):  # a client resolves these before it sends
        return
    for path in PATHS:
        for coded in {quote(name, safe=""), quote(quote(name, safe=""), safe="")}:
            for method in ("GET", "DELETE", "PUT"):
                if path == "/v1/profiles/{}" and PROFILE.fullmatch(name):
                    continue  # it may be called that: its name is no file's
                body: Any = {} if method == "PUT" else None
                answer = callers["dan"].request(method, path.format(coded), json=body)
                assert answer.status_code in (400, 404, 405), (path, coded, answer.status_code)
                assert not _tells(locked, answer.text)
    _nothing_planted(locked)


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_a_download_has_a_plain_name_whatever_the_page_calls_it(
    locked: Program, callers: dict[str, httpx.Client], site: Site, name: str
) -> None:
    with Session(callers["cyd"], site.url("/downloads")) as session:
        link = site.url(f"/download/x?filename={quote(name.encode('utf-8', 'replace'), safe='')}")
        session.call("execute", code=f"location.assign({link!r}); 1")
        eventually(lambda: [one["state"] for one in _downloaded(session)] == ["done"])
        (one,) = _downloaded(session)
        assert is_plain(one["name"]), one["name"]
        sent = callers["cyd"].get(one["artifact"]["url"])
        said = sent.headers["content-disposition"]
        assert said.isascii()
        assert "planted" not in said or "/" not in said.replace("''", "")
        _nothing_planted(locked)


def _downloaded(session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.call("downloads")["downloads"]
    return found


def test_a_link_in_the_place_of_a_file_is_not_followed(
    locked: Program, callers: dict[str, httpx.Client], tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("not the server's")
    http = callers["cyd"]
    with Session(http) as session:
        taken = session.call("screenshot")["screenshot"]
        (file,) = [one for one in _all(locked.data) if one.name.startswith(taken["id"])
                   and one.suffix != ".meta"]  # fmt: skip
        file.unlink()
        file.symlink_to(outside)
        answer = http.get(taken["url"])
        assert answer.status_code == 404
        assert "not the server's" not in answer.text
        file.unlink()


def test_everything_in_the_folders_is_its_users_alone(
    locked: Program, callers: dict[str, httpx.Client], site: Site
) -> None:
    http = callers["cyd"]
    with Session(http, site.url("/form"), record_video=True) as session:
        files = {"file": ("a.txt", b"a", "text/plain")}
        read(http.post(f"/v1/sessions/{session.id}/uploads", files=files))
        session.call("screenshot")
        session.call("trace", action="start")
        session.call("trace", action="stop")
        read(http.post(f"/v1/sessions/{session.id}/checkpoints"))
        session.call("execute", code=f"location.assign({site.url('/download/notes.txt')!r}); 1")
        eventually(lambda: _downloaded(session) != [])
        _are_private(locked)
        session.close()
        _are_private(locked)


def _are_private(locked: Program) -> None:
    seen = 0
    for folder in (locked.data, locked.recordings):
        for path in [folder, *_all(folder)]:
            mode = path.lstat().st_mode
            seen += 1
            if stat.S_ISSOCK(mode) or stat.S_ISLNK(mode):
                continue
            wrong = mode & (0o077 if stat.S_ISDIR(mode) else 0o177)
            assert not wrong, f"{path} {oct(mode)}"
            assert path.stat().st_uid == os.getuid()
    assert seen > 10


def _all(folder: Path) -> list[Path]:
    """What is there; files may go while they are listed."""
    return [path for path in folder.rglob("*") if path.exists() or path.is_symlink()]


def _nothing_planted(locked: Program) -> None:
    for folder in (locked.data.parent.parent, Path.cwd(), Path.home(), Path("/tmp"), Path("/etc")):
        assert not [one.name for one in folder.iterdir() if "planted" in one.name], folder
    inside = list(locked.data.rglob("*planted*"))
    assert all(one.resolve().is_relative_to(locked.data.resolve()) for one in inside)


def _tells(locked: Program, text: str) -> list[str]:
    paths = (str(locked.data), str(locked.recordings), str(locked.temporary), "site-packages")
    words = (*paths, "Traceback", "agent_browser/", 'File "', str(Path.home()))
    return [word for word in words if word in text]


def test_no_answer_to_nonsense_tells_of_the_server(
    locked: Program, callers: dict[str, httpx.Client], known: list[Operation]
) -> None:
    local = {"url": "file:///etc/passwd"}
    nonsense: tuple[Any, ...] = (
        None, [], {}, "x", 1e308, {"input": None}, {"session": "\x00" * 10, "input": {}}, local,
        {"input": local},
    )  # fmt: skip
    asked = 0
    for operation in known:
        path = re.sub(r"\{\w+\}", "ses_aaaaaaaaaaaaaaaaaaaaaa", operation.path)
        for body in nonsense if operation.takes_json else (None,):
            stream = {"follow": "false"} if path.endswith("/events") else {}
            answer = callers["bob"].request(operation.method, path, json=body, params=stream)
            assert answer.status_code < 500, (operation.id, body, answer.text)
            assert not _tells(locked, answer.text), (operation.id, body)
            asked += 1
    assert asked > 300
    for made in read(callers["bob"].get("/v1/sessions?state=live"))["items"]:
        callers["bob"].delete(f"/v1/sessions/{made['id']}?purge=true").raise_for_status()
