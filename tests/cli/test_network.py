"""The commands on a session's network and console."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import fake_server
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

AT = "2026-01-02T03:04:05Z"
TRAFFIC = {
    "id": "r7", "method": "GET", "url": "https://h/a\x1b[31m", "type": "fetch", "state": "done",
    "status": 404, "transferred": 12_345, "total_ms": 12.4,
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "requests": {
        "requests": [TRAFFIC], "total": 3, "kept": 9, "dropped": 0,
        "note": "older ones may be missing",
        "sockets": [{"id": "s1", "url": "wss://h/", "state": "open", "opened_at": AT, "sent": 2}],
    },
    "request": {
        "request": TRAFFIC, "request_headers": [{"name": "Cookie", "value": "a=***"}],
        "response_headers": [{"name": "Server", "value": "x"}], "body": "gone", "body_size": 4,
        "post_data": "a=1",
    },
    "route": {
        "rules": [{"id": "rule1", "url": "**/x", "action": "fulfil", "status": 200, "matched": 4,
                   "methods": ["GET"]}],
    },
    "har": {"recording": False, "started_at": AT, "har": None, "entries": 5, "omitted": 1,
            "complete": False},
    "console": {
        "messages": [{"level": "pageerror", "text": "boom", "at": AT, "url": "https://h/a.js",
                      "line": 3, "column": 1}],
        "total": 2, "counts": {"pageerror": 2},
    },
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


def test_requests_are_a_line_each(fake: FakeServer, run: Run) -> None:
    done = run("requests", "--status", "4xx", "--type", "fetch", "--failed", "--limit", "1")
    assert done.out.splitlines() == [
        "r7\tGET\t404\tfetch\t12 kB\t12 ms\thttps://h/a[31m",
        "s1\tWS\topen\twebsocket\t2 sent, 0 received\t-\twss://h/",
        "(2 more; use --offset 1)",
    ]
    assert done.err == "agent-browser: older ones may be missing\n"
    wanted = {"status": "4xx", "type": ["fetch"], "failed": True, "limit": 1}
    assert fake.calls[-1][2] == wanted
    assert run("requests", "--status", "x").code == 1


def test_a_request_is_shown_with_headers_and_bodies(fake: FakeServer, run: Run) -> None:
    done = run("request", "r7")
    assert done.out.splitlines()[1:] == [
        "> Cookie: a=***", "a=1", "< Server: x", "", "gone",
    ]  # fmt: skip
    assert json.loads(run("request", "r7", "--json").out)["request"]["id"] == "r7"
    assert run("request", "r7", "--save", "no/such/file").code == 2


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--block"], {"action": "block"}),
        (["--status", "404"], {"action": "fulfil", "status": 404}),
        (["--json-body", "[1]", "--header", "X: y"],
         {"action": "fulfil", "json": [1], "headers": {"X": "y"}}),
        (["--header", "X: y", "--remove-header", "Z", "--method", "get"],
         {"action": "headers", "headers": {"X": "y"}, "remove_headers": ["Z"], "methods": ["GET"]}),
        (["--redirect", "https://h/", "--times", "2"],
         {"action": "redirect", "to": "https://h/", "times": 2}),
        (["--delay", "5", "--type", "image"],
         {"action": "delay", "delay_ms": 5, "resource_types": ["image"]}),
    ],
)  # fmt: skip
def test_a_rule_is_made_of_options(
    fake: FakeServer, run: Run, options: list[str], rule: dict[str, Any]
) -> None:
    done = run("route", "**/x", *options)
    assert done.out == "rule1\tfulfil 200\t**/x\tGET\t4 matched\n", done.err
    assert fake.calls[-1][2] == {"action": "add", "rules": [{"url": "**/x", **rule}]}


def test_rules_are_listed_set_and_taken_away(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    run("route")
    run("route", "--rules", '{"rules": []}')
    run("unroute", "rule1", "rule2")
    run("unroute", "--all")
    (tmp_path / "a.json").write_bytes(b"\x00")
    run("route", "**/x", "--file", str(tmp_path / "a.json"))
    assert [call[2] for call in fake.calls[1:5]] == [
        {"action": "list"}, {"action": "set", "rules": []},
        {"action": "remove", "ids": ["rule1", "rule2"]}, {"action": "clear"},
    ]  # fmt: skip
    (rule,) = fake.calls[5][2]["rules"]
    assert (rule["base64"], rule["content_type"]) == ("AA==", "application/json")


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (["route", "**/x"], "--block"),
        (["route", "**/x", "--block", "--body", "a"], "one thing"),
        (["route", "**/x", "--json-body", "{"], "not JSON"),
        (["route", "**/x", "--header", "X"], "Name: value"),
        (["unroute"], "--all"),
        (["unroute", "rule1", "--all"], "--all"),
        (["har", "stop", "no/such/file"], "no folder"),
    ],
)
def test_what_means_nothing_is_wrong_usage(run: Run, command: list[str], word: str) -> None:
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert word in done.err


def test_console_and_errors_are_a_line_each(fake: FakeServer, run: Run) -> None:
    lines = ["pageerror\tboom (https://h/a.js:3:1)", "(1 older; use --limit)"]
    assert run("console", "--level", "error", "--clear").out.splitlines() == lines
    assert run("errors").out.splitlines() == lines
    assert [call[2] for call in fake.calls[1:]] == [
        {"level": ["error"], "clear": True}, {"level": ["error", "pageerror"]},
    ]  # fmt: skip


def test_the_console_since_a_time_with_its_zone(fake: FakeServer, run: Run) -> None:
    assert run("console", "--since", "2026-11-21T11:00:00+01:00").code == 0
    assert fake.calls[-1][2] == {"since": "2026-11-21T10:00:00.000Z"}
    assert "a time has its zone" in run("console", "--since", "2026-11-21T11:00:00").err


def test_a_har_is_started_and_stopped(fake: FakeServer, run: Run) -> None:
    assert "har stop" in run("har", "start", "--content", "omit", "--filter", "**/api/**").out
    done = run("har", "stop")
    assert done.out == "nowhere (5 requests, 1 bodies left out)\n"
    assert "at its bound" in done.err
    assert [call[2] for call in fake.calls[1:]] == [
        {"action": "start", "content": "omit", "url": "**/api/**"}, {"action": "stop"},
    ]  # fmt: skip
