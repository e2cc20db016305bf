"""The commands that save the session, hibernate it, bring it back, and make others of it."""

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

STATE = {
    "cookies": [{"name": "sid", "value": "1", "domain": "a.test", "path": "/"}],
    "origins": [{"origin": "http://a.test", "localStorage": [{"name": "h", "value": "\ud83d"}]}],
    "tabs": [{"id": "t1", "url": "http://a.test/"}],
}


@pytest.fixture
def id(fake: FakeServer, run: Run) -> str:
    """This shell's session."""
    return str(json.loads(run("open", "one.example", "--new", "--json").out)["session_id"])


def test_this_shell_s_session_is_hibernated_and_brought_back(
    fake: FakeServer, run: Run, id: str
) -> None:
    done = run("hibernate")
    assert done.code == 0
    assert done.out.startswith(f"session   {id}\nstate     hibernated (")
    assert run("sessions").out.startswith(f"*~\t{id}\thibernated\t")
    assert run("resume").out.startswith(f"session   {id}\nstate     live (active)")
    assert run("sessions").out.startswith(f"*\t{id}\tlive\t")
    assert json.loads(run("hibernate", "--force", "--json").out)["state"] == "hibernated"
    assert fake.wishes == [
        ("POST", "hibernate", {}), ("POST", "resume", {}), ("POST", "hibernate", {"force": True}),
    ]  # fmt: skip


def test_another_session_is_named_by_the_beginning_of_its_id(
    fake: FakeServer, run: Run, id: str
) -> None:
    fake.live["ses_other0000000000000000"] = "about:blank"
    assert run("hibernate", "--session", "ses_oth").code == 0
    assert fake.hibernated == {"ses_other0000000000000000"}
    done = run("resume", "-s", "nobody")
    assert (done.code, done.out) == (1, "")
    assert "session not found" in done.err


def test_a_fork_is_made_and_used_only_if_wanted(fake: FakeServer, run: Run, id: str) -> None:
    made = json.loads(run("fork", "--json").out)["id"]
    assert made != id
    assert json.loads(run("hibernate", "--json").out)["id"] == id
    more = ("--name", "b", "--checkpoint", "ckp_1", "--tag", "x", "--idle", "90s")
    other = json.loads(run("fork", *more, "--on-idle", "end", "--use", "--json").out)["id"]
    assert json.loads(run("resume", "--json").out)["id"] == other
    assert fake.wishes[2] == (
        "POST", "fork",
        {"name": "b", "checkpoint": "ckp_1", "tags": ["x"],
         "timeouts": {"idle": 90.0, "on_idle": "end"}},
    )  # fmt: skip
    refused = run("fork", "--on-idle", "burn")
    assert refused.code == 1
    assert "timeouts.on_idle" in refused.err


def test_checkpoints_are_made_listed_and_restored(fake: FakeServer, run: Run, id: str) -> None:
    made = run("checkpoint")
    assert made.out == "ckp_1 (900 bytes; 20 written)\nnot saved: opener t2 (it [1mis not kept)\n"
    (row,) = run("checkpoints").out.splitlines()
    checkpoint, when, cause, size, without = row.split("\t")
    assert (checkpoint, cause, size, without) == ("ckp_1", "demand", "900 bytes", "without opener")
    assert when.endswith("d ago")
    assert json.loads(run("checkpoints", "--json").out)["items"][0]["id"] == "ckp_1"
    assert json.loads(run("checkpoint", "--json").out)["written"] == 20
    assert run("restore", "ckp_1").out.startswith(f"session   {id}\n")
    assert fake.wishes[-1] == ("POST", "checkpoints/ckp_1/restore", {})


def test_a_state_is_saved_as_a_private_file_and_loaded_again(
    fake: FakeServer, run: Run, id: str, tmp_path: Path
) -> None:
    file = tmp_path / "login.json"
    file.write_text(json.dumps(STATE))
    assert run("state", "load", str(file)).out.startswith(f"session   {id}\n")
    assert fake.states[id] == STATE
    copy = tmp_path / "copy.json"
    copy.write_text("what was there")
    copy.chmod(0o644)
    done = run("state", "save", str(copy))
    assert done.out == f"{copy} (1 cookies, storage of 1 origins)\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert json.loads(copy.read_text()) == STATE
    assert json.loads(run("state", "save", str(copy), "--json").out)["file"] == str(copy)
    run("state", "save", str(copy), "--playwright")
    assert [(wish, body) for _, wish, body in fake.wishes[-2:]] == [
        ("state", {}), ("state", {"form": "playwright"}),
    ]  # fmt: skip


def test_a_state_goes_through_a_pipe(
    fake: FakeServer, run: Run, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(STATE).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("state", "load", "-").code == 0
    assert fake.states[id] == STATE
    assert json.loads(run("state", "save", "-").out) == STATE


def test_a_state_makes_a_new_session_where_that_is_wanted(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "login.json"
    file.write_text(json.dumps(STATE))
    assert run("state", "load", str(file)).code == 1
    made = json.loads(run("state", "load", str(file), "--new", "--json").out)["id"]
    assert fake.states == {made: STATE}
    assert json.loads(run("hibernate", "--json").out)["id"] == made


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\x00"])
def test_what_is_no_state_is_not_sent(
    fake: FakeServer, run: Run, id: str, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    done = run("state", "load", str(file))
    assert (done.code, done.out) == (2, "")
    assert str(file) in done.err
    assert run("state", "load", str(tmp_path / "none.json")).code == 2
    assert run("state", "save", str(tmp_path / "none" / "state.json")).code == 2
    assert fake.wishes == []


def test_a_failure_leaves_the_file_that_was_there(
    fake: FakeServer, run: Run, id: str, tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    file.write_text("{}")
    done = run("state", "save", str(file), "--session", "ses_0123456789012345678901")
    assert (done.code, done.out) == (1, "")
    assert "session not found" in done.err
    assert file.read_text() == "{}"


def test_without_a_session_there_is_nothing_to_save(fake: FakeServer, run: Run) -> None:
    for command in (["hibernate"], ["resume"], ["fork"], ["checkpoint"], ["checkpoints"],
                    ["restore", "x"], ["state", "save", "-"]):  # fmt: skip
        done = run(*command)
        assert (done.code, done.out) == (1, "")
        assert "session not found" in done.err


def test_every_one_of_them_is_in_the_list_of_commands(run: Run) -> None:
    listed = {one["name"] for one in json.loads(run("commands", "--json").out)["commands"]}
    assert listed >= {
        "hibernate", "resume", "fork", "checkpoint", "checkpoints", "restore", "state save",
        "state load",
    }  # fmt: skip
