"""The short commands, and the session that they remember."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from agent_browser.cli.memory import Memory
from agent_browser.cli.process import mark
from agent_browser.cli.tables import table_of
from agent_browser.models.sessions import SessionList
from tests.cli.conftest import Run
from tests.cli.fake_server import PICTURE, FakeServer


def test_open_makes_a_session_and_the_next_commands_use_it(fake: FakeServer, run: Run) -> None:
    opened = run("open", "example.com", "--width", "800")
    (session,) = fake.live

    assert opened.code == 0
    assert opened.out.splitlines() == [
        "Fake [31mpage — example.com",
        '@e1 [a] "Home" href="/"',
        '@e2 [button] "Go"',
    ]
    assert session in opened.err
    assert run("snapshot").code == 0
    assert run("open", "example.org").err == ""
    assert fake.calls == [
        ("open", "new", {"url": "example.com", "width": 800}),
        ("snapshot", session, {}),
        ("open", session, {"url": "example.org"}),
    ]


def test_new_opens_another_session_and_remembers_that(fake: FakeServer, run: Run) -> None:
    run("open", "one.example")
    run("open", "two.example", "--new")
    run("snapshot")

    assert len(fake.live) == 2
    assert fake.calls[-1][1] == list(fake.live)[1]


def test_a_remembered_session_that_is_gone_is_replaced_and_said(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    fake.lapse()
    done = run("open", "example.org")

    assert done.code == 0
    assert "session not found" in done.err
    assert "opening a new session" in done.err
    assert run("snapshot").code == 0


def test_a_session_that_was_named_is_not_replaced(
    fake: FakeServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("open", "example.com", "--session", "ses_x").code == 1
    monkeypatch.setenv("AGENT_BROWSER_SESSION", "ses_y")
    assert run("open", "example.com").code == 1
    assert [call[1] for call in fake.calls] == ["ses_x", "ses_y"]


def test_the_option_comes_before_the_environment_before_memory(
    fake: FakeServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("open", "example.com")
    (remembered,) = fake.live
    run("snapshot")
    monkeypatch.setenv("AGENT_BROWSER_SESSION", "ses_environment")
    run("snapshot")
    run("snapshot", "-s", "ses_option")

    sessions = [call[1] for call in fake.calls[1:]]
    assert sessions == [remembered, "ses_environment", "ses_option"]


def test_without_a_session_commands_say_how_to_get_one(fake: FakeServer, run: Run) -> None:
    for command in (["snapshot"], ["click", "@e1"], ["screenshot", "a.png"], ["eval", "1"]):
        done = run(*command)
        assert (done.code, done.out) == (1, "")
        assert "session not found" in done.err
        assert "agent-browser open" in done.err
    assert fake.calls == []


def test_sessions_of_servers_are_kept_apart(
    fake: FakeServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("open", "example.com")
    with FakeServer() as other:
        assert run("snapshot", "--url", other.url).code == 1
        assert other.calls == []


def test_a_shell_that_can_not_remember_is_told_what_to_type(
    fake: FakeServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    done = run("open", "example.com")
    (session,) = fake.live

    assert done.code == 0
    assert "@e1 [a]" in done.out
    assert f"--session {session}" in done.err
    assert run("snapshot", "--session", session).code == 0


def test_close_ends_the_session_and_forgets_it(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done = run("close")

    assert done.code == 0
    assert f"video {fake.url}/v1/artifacts/" in done.out
    assert not fake.live
    again = run("close")
    assert (again.code, again.out) == (0, "")
    assert "nothing to close" in again.err


def test_close_tells_on_stderr_that_a_video_is_cut_short(fake: FakeServer, run: Run) -> None:
    fake.ending = {"partial": True, "code": "storage_full"}
    run("open", "example.com")
    done = run("close")
    assert "page.webm ends before the session did: storage_full" in done.err
    assert f"video {fake.url}/v1/artifacts/" in done.out


def test_json_prints_the_servers_own_answer(fake: FakeServer, run: Run, tmp_path: Path) -> None:
    opened = json.loads(run("open", "example.com", "--json").out)
    assert opened["of_a_newer_server"] is True
    assert json.loads(run("snapshot", "--json").out)["total"] == 2
    assert json.loads(run("click", "@e1", "--json").out)["success"] is True
    assert json.loads(run("eval", "1", "--json").out)["result"] == "42"
    shot = json.loads(run("screenshot", str(tmp_path / "a.png"), "--json").out)
    assert shot["screenshot"]["url"].startswith(fake.url)
    assert json.loads(run("sessions", "--json").out)["items"][0]["id"] == opened["session_id"]
    assert json.loads(run("close", "--json").out)["success"] is True


def test_snapshot_says_when_there_is_more(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done = run("snapshot", "--limit", "1", "--query", "o", "--tree")

    assert done.out.splitlines()[-1] == "(1 more; use --offset 1)"
    assert fake.calls[-1][2] == {"limit": 1, "query": "o", "tree": True}
    assert "more" not in run("snapshot", "--offset", "1").out


def test_a_screenshot_is_written_in_the_format_of_its_name(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    run("open", "example.com")
    done = run("screenshot", str(tmp_path / "a.JPG"), "--full-page", "--quality", "50")

    assert done.code == 0
    assert (tmp_path / "a.JPG").read_bytes() == PICTURE
    assert done.out.startswith(f"{tmp_path}/a.JPG (4 by 3 px")
    assert fake.calls[-1][2] == {"type": "jpeg", "full_page": True, "quality": 50}


@pytest.mark.parametrize("name", ["a.gif", "a", "there/is/no/folder.png"])
def test_a_screenshot_that_could_not_be_written_is_not_taken(
    fake: FakeServer, run: Run, name: str
) -> None:
    run("open", "example.com")
    done = run("screenshot", name)

    assert (done.code, done.out) == (2, "")
    assert name in done.err
    assert [call[0] for call in fake.calls] == ["open"]


def test_eval_prints_the_result_or_fails_with_the_pages_error(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done, failed = run("eval", "6*7"), run("eval", "boom()")

    assert (done.code, done.out) == (0, "42\n")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == "agent-browser: ReferenceError: boom\n"


def test_sessions_are_listed_with_this_shells_marked(fake: FakeServer, run: Run) -> None:
    assert run("sessions").out == "no sessions\n"
    run("open", "one.example")
    run("open", "two.example", "--new")
    lines = run("sessions").out.splitlines()
    other, mine = list(fake.live)

    assert [line.split("\t")[:2] for line in lines] == [["", other], ["*", mine]]
    assert lines[0].endswith("Fake one.example")


def test_what_a_shell_remembers_is_private_and_dies_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "shells"
    memory = Memory(folder, os.getpid())
    folder.mkdir()
    (folder / "4194305.json").write_text("{}")
    memory.remember("http://a", "ses_1")
    memory.remember("http://b", "ses_2")

    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (memory.recall("http://a"), memory.recall("http://b")) == ("ses_1", "ses_2")
    memory.forget("http://a", "ses_other")
    memory.forget("http://b", "ses_2")
    assert (memory.recall("http://a"), memory.recall("http://b")) == ("ses_1", None)
    file.write_text(file.read_text().replace(str(mark(os.getpid())), "an earlier process"))
    assert memory.recall("http://a") is None


@pytest.mark.parametrize("text", ["", "[]", '{"sessions": 1}', "\x00"])
def test_a_spoilt_memory_is_an_empty_one(tmp_path: Path, text: str) -> None:
    memory = Memory(tmp_path, os.getpid())
    (tmp_path / f"{os.getpid()}.json").write_text(text)

    assert memory.recall("http://a") is None


def test_a_narrow_table_keeps_the_ids_whole() -> None:
    record = {
        "id": "ses_" + "x" * 22, "state": "live", "phase": "active", "owner": "local",
        "created_at": "2026-01-02T03:04:05Z", "last_activity_at": "2026-01-02T03:04:05Z",
        "timeouts": {"idle": 60, "max_duration": 600}, "title": "[b]Page", "url": "u" * 200,
    }  # fmt: skip
    listed = SessionList.model_validate({"items": [record]})
    for width, heads in (
        (100, ["session", "state", "used", "ends", "in", "page"]),
        (72, ["session", "state", "used", "page"]),
        (60, ["session", "state", "page"]),
    ):
        screen = Console(width=width, file=io.StringIO())
        screen.print(table_of(listed, str(record["id"]), width))
        assert isinstance(screen.file, io.StringIO)
        head, row = screen.file.getvalue().splitlines()
        assert head.split() == heads
        assert row.split()[:3] == ["*", record["id"], "live"]
        assert "[b]Page uuuu" in row
        assert row.rstrip().endswith("…")


def test_an_unchanged_picture_is_not_written_again(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    run("open", "example.com")
    file = tmp_path / "page.png"
    assert run("screenshot", str(file), "--clip", "1,2,3,4", "--mask", "@e1").code == 0
    assert fake.calls[-1][2]["clip"] == {"x": 1, "y": 2, "width": 3, "height": 4}
    assert fake.calls[-1][2]["mask"] == ["@e1"]
    assert run("screenshot", str(file), "--clip", "1,2").code == 2
    still = ("--if-changed", "--threshold", "0.01", "--animations", "disabled")
    assert run("screenshot", str(file), *still).code == 0
    assert fake.calls[-1][2] == {
        "type": "png", "if_changed": True, "threshold": 0.01, "animations": "disabled",
    }  # fmt: skip


def test_open_takes_all_that_a_session_is_made_with(fake: FakeServer, run: Run) -> None:
    done = run(
        "open", "example.com", "--geo", "47.4,-8.5", "--permission", "geolocation",
        "--permission", "camera", "--header", "X-A: b: c", "--credentials", "bob:a:b",
        "-i", '{"is_mobile": true, "timezone": "Asia/Tokyo", "throttle": "3g"}',
        "--timezone", "Europe/Zurich",
    )  # fmt: skip
    assert (done.code, fake.calls[-1][2]) == (
        0,
        {
            "url": "example.com",
            "is_mobile": True,
            "throttle": "3g",
            "timezone": "Europe/Zurich",
            "geolocation": {"latitude": 47.4, "longitude": -8.5},
            "permissions": ["geolocation", "camera"],
            "extra_headers": {"X-A": "b: c"},
            "http_credentials": {"username": "bob", "password": "a:b"},
        },
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--geo", "47"], ["--geo", "a,b"], ["--header", "nonsense"], ["--header", ": b"],
        ["--credentials", "bob"], ["-i", '{"url": "x"}'], ["-i", "nonsense"], ["-i", "[]"],
    ],
)  # fmt: skip
def test_what_open_can_not_read_opens_nothing(fake: FakeServer, run: Run, words: list[str]) -> None:
    done = run("open", "example.com", *words)
    assert (done.code, done.out) == (2, "")
    assert fake.calls == []
