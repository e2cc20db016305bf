"""The commands on storage, cookies and messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import fake_server
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

AT = "2026-01-02T03:04:05Z"
ENTRY = {"key": "k\x1b[31m", "value": "v\nw", "type": "persistent", "created": AT, "expires": AT}
ANSWERS: dict[str, dict[str, Any]] = {
    "storage": {"area": "local", "origin": "https://h", "entry": ENTRY, "entries": [ENTRY],
                "total": 3, "next_cursor": "abc", "removed": 2},
    "cookies": {"cookies": [{"name": "sid", "value": "hunter2", "domain": ".h.test", "path": "/",
                             "expires": -1, "httpOnly": True, "secure": True, "sameSite": "Lax",
                             "partitionKey": "https://top.test"}],
                "total": 4, "changed": 1, "refused": [{"name": "bad", "domain": "h.test"}]},
    "messages": {"recording": True, "kept": 1, "dropped": 0, "next_cursor": "1", "messages": [
        {"at": AT, "tab": "t1", "frame": "https://h/", "origin": "https://a", "target": "https://h",
         "source": "child", "data": {"n": 1}}]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake server has these too."""
    for name, answer in ANSWERS.items():

        def give(
            _server: FakeServer, _session: str, _given: dict[str, Any], answer: Any = answer
        ) -> tuple[int, dict[str, Any]]:
            return 200, answer

        monkeypatch.setitem(fake_server._FUNCTIONS, name, give)


@pytest.fixture(autouse=True)
def session(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")


@pytest.mark.parametrize(
    ("words", "sent", "said"),
    [
        (["storage", "get", "k"], {"action": "get", "area": "local", "key": "k"}, "v\nw\n"),
        (["storage", "set", "k", "v", "--expires-in", "30m", "--area", "session"],
         {"action": "put", "area": "session", "key": "k", "value": "v", "expires_in": 1800.0},
         "k is set in https://h until 03:04:05 UTC\n"),
        (["storage", "set", "k", "", "--frame", "1", "--tab", "t2"],
         {"action": "put", "area": "local", "key": "k", "value": "", "frame": 1, "tab": "t2"},
         "k is set in https://h until 03:04:05 UTC\n"),
        (["storage", "delete", "k", "--origin", "https://h", "--frame", "#pay"],
         {"action": "delete", "area": "local", "key": "k", "origin": "https://h", "frame": "#pay"},
         "deleted\n"),
        (["storage", "list", "--prefix", "app:", "--limit", "2"],
         {"action": "list", "area": "local", "prefix": "app:", "limit": 2},
         "k[31m\tv w\tuntil 2026-01-02T03:04:05Z\n"),
        (["storage", "clear", "--prefix", "app:"],
         {"action": "clear", "area": "local", "prefix": "app:"}, "2 deleted\n"),
        (["cookies", "list", "--to", "https://h", "--name", "sid"],
         {"action": "list", "url": "https://h", "name": "sid"},
         ".h.test\t/\tsid\tHttpOnly Secure SameSite=Lax of https://top.test\n"),
        (["cookies", "set", "n", "v", "--to", "https://h", "--http-only"],
         {"action": "set", "cookies": [{"name": "n", "value": "v", "url": "https://h",
                                        "httpOnly": True}]}, "set\n"),
        (["cookies", "set", "n", "v", "--domain", ".h", "--expires", "9", "--same-site", "Lax"],
         {"action": "set", "cookies": [{"name": "n", "value": "v", "domain": ".h", "path": "/",
                                        "expires": 9.0, "sameSite": "Lax"}]}, "set\n"),
        (["cookies", "delete", "--name", "n"], {"action": "delete", "name": "n"}, "1 deleted\n"),
        (["cookies", "delete", "--all"], {"action": "clear"}, "1 deleted\n"),
        (["messages"], {"action": "list"},
         '03:04:05.000000\tt1\thttps://a -> https://h (child)\t{"n": 1}\n'),
        (["messages", "start"], {"action": "start"}, "messages are kept from now on\n"),
    ],
)  # fmt: skip
def test_a_command_is_one_call_and_its_answer_lines(
    fake: FakeServer, run: Run, words: list[str], sent: dict[str, Any], said: str
) -> None:
    done = run(*words)
    assert done.code == 0, done.err
    assert fake.calls[-1][2] == sent
    assert done.out == said
    told = json.loads(run(*words, "--json").out)
    assert told.items() >= ANSWERS[words[0]].items()


def test_a_value_may_come_from_a_file(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    file.write_text('{"a": "ü"}', encoding="utf-8")
    run("storage", "set", "k", "--file", str(file))
    assert fake.calls[-1][2]["value"] == '{"a": "ü"}'


def test_cookies_are_imported_from_either_form(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    text = "h.test\tFALSE\t/\tFALSE\t0\tn\tv\n"
    file.write_text(text, encoding="utf-8")
    done = run("cookies", "import", str(file))
    assert fake.calls[-1][2] == {"action": "set", "text": text}
    assert done.out == "1 set\n"
    assert done.err == "agent-browser: the browser does not take bad of h.test\n"
    one = {"name": "n", "value": "v", "domain": "h.test", "path": "/", "expires": -1}
    for held in ([one], {"cookies": [one], "origins": []}):
        file.write_text(json.dumps(held), encoding="utf-8")
        run("cookies", "import", str(file))
        assert fake.calls[-1][2] == {"action": "set", "cookies": [one]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["storage", "set", "k"], "--file"),
        (["storage", "set", "k", "v", "--file", "f"], "--file"),
        (["storage", "set", "k", "--file", "/no/such"], "No such file"),
        (["cookies", "set", "n", "v"], "--domain"),
        (["cookies", "set", "n", "v", "--domain", "h", "--to", "https://h"], "--domain"),
        (["cookies", "delete"], "--all"),
        (["cookies", "delete", "--all", "--name", "n"], "--all"),
        (["cookies", "import", "/no/such"], "No such file"),
    ],
)
def test_what_is_no_command_is_said_before_anything_is_sent(
    fake: FakeServer, run: Run, words: list[str], said: str
) -> None:
    before = len(fake.calls)
    done = run(*words)
    assert done.code == 2
    assert said in done.err
    assert len(fake.calls) == before


def test_a_file_that_holds_no_cookies_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "f"
    for data, said in (
        (b"{}", "'cookies'"), (b"[1", "not JSON"), (b"\xff\xfe\x00", "UTF-8"),
        (b"a.test\thunter2\n", "line 1"),
    ):  # fmt: skip
        file.write_bytes(data)
        done = run("cookies", "import", str(file))
        assert done.code in (1, 2)
        assert said in done.err
        assert "hunter2" not in done.err
