"""The commands on profiles."""

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

STATE = {
    "cookies": [{"name": "sid", "value": "s3cret", "domain": "a.test", "path": "/"}],
    "origins": [{"origin": "http://a.test", "localStorage": [{"name": "h", "value": "\ud83d"}]}],
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A file of Playwright's."""
    path = tmp_path / "state.json"
    path.write_text(json.dumps(STATE))
    return path


def test_this_shell_s_session_is_saved_as_a_profile(fake: FakeServer, run: Run) -> None:
    opened = json.loads(run("open", "one.example", "--new", "--json").out)
    done = run(
        "profile", "save", "shop", "--description", "a  shop", "--idle", "2h", "--on-idle", "end",
        "--no-auto-renew", "--options", '{"locale": "de-CH"}', "--checkpoint", "chk_1",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert fake.profiles["shop"] == {
        "session_id": opened["session_id"], "checkpoint": "chk_1", "description": "a  shop",
        "timeouts": {"idle": 7200.0, "on_idle": "end", "auto_renew": False},
        "options": {"locale": "de-CH"},
    }  # fmt: skip
    assert done.out.splitlines() == [
        "profile   shop",
        "about     a shop",
        "saved     2026-01-02T03:04:05+00:00",
        "holds     0 cookies, 0 passkeys, 90 bytes",
        'timeouts  {"idle":7200.0,"auto_renew":false,"on_idle":"end"}',
        'options   {"locale":"de-CH"}',
    ]


def test_a_named_session_is_saved_as_a_profile(fake: FakeServer, run: Run) -> None:
    id = json.loads(run("open", "one.example", "--new", "--json").out)["session_id"]
    run("open", "two.example", "--new")
    assert run("profile", "save", "shop", "--session", id).code == 0
    assert fake.profiles["shop"] == {"session_id": id}


def test_without_a_session_nothing_is_saved(fake: FakeServer, run: Run) -> None:
    done = run("profile", "save", "shop")
    assert (done.code, done.out, fake.profiles) == (1, "", {})
    assert "session not found" in done.err


def test_files_are_saved_as_profiles(
    fake: FakeServer, run: Run, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("profile", "save", "a", "--file", str(state)).code == 0
    assert fake.profiles["a"] == {"storage_state": STATE}
    file = io.TextIOWrapper(io.BytesIO(b"a.test\tFALSE\t/\tFALSE\t0\tsid\t1\n"))
    monkeypatch.setattr(sys, "stdin", file)
    assert run("profile", "save", "b", "--cookies", "-").code == 0
    assert fake.profiles["b"] == {"cookies": "a.test\tFALSE\t/\tFALSE\t0\tsid\t1\n"}
    assert run("profile", "save", "a", "--keep-state", "--description", "").code == 0
    assert fake.profiles["a"] == {"storage_state": STATE, "description": None}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--file", "none.json"), "can't read none.json"),
        (("--cookies", "none.txt"), "can't read none.txt"),
        (("--file", "x", "--cookies", "y"), "don't go together"),
        (("--file", "x", "--keep-state"), "don't go together"),
        (("--keep-state", "--checkpoint", "c"), "one of a session's"),
        (("--keep-state", "--options", "[]"), "must be a JSON object"),
        (("--keep-state", "--options", '{"localle": "de"}'), "localle"),
        (("--keep-state", "--idle", "soon"), "a duration is"),
    ],
)
def test_what_can_not_be_saved_is_told(
    fake: FakeServer, run: Run, options: tuple[str, ...], said: str
) -> None:
    done = run("profile", "save", "shop", *options)
    assert done.code in (1, 2)
    assert said in done.err
    assert fake.profiles == {}


def test_profiles_are_listed_shown_and_deleted(fake: FakeServer, run: Run, state: Path) -> None:
    assert run("profiles").out == "no profiles\n"
    run("profile", "save", "shop", "--file", str(state), "--description", "mine")
    (row,) = run("profiles").out.splitlines()
    assert row.startswith("shop\t1 cookies\t1 origins\t90 bytes\t")
    assert row.endswith("\tmine")
    assert "origins   http://a.test" in run("profile", "show", "shop").out.splitlines()
    assert json.loads(run("profile", "show", "shop", "--json").out)["name"] == "shop"
    assert [p["name"] for p in json.loads(run("profiles", "--json").out)["items"]] == ["shop"]
    assert run("profile", "delete", "shop").out == "deleted shop\n"
    missing = run("profile", "show", "shop")
    assert (missing.code, "profile not found: shop" in missing.err) == (1, True)


def test_an_export_is_a_file_of_ones_own(
    fake: FakeServer, run: Run, state: Path, tmp_path: Path
) -> None:
    run("profile", "save", "shop", "--file", str(state))
    whole, plain, jar = tmp_path / "whole.json", tmp_path / "plain.json", tmp_path / "jar.txt"
    assert run("profile", "export", "shop", str(whole)).out == f"{whole} (1 cookies)\n"
    assert run("profile", "export", "shop", str(plain), "--playwright").code == 0
    assert run("profile", "export", "shop", str(jar), "--cookies").code == 0
    assert json.loads(whole.read_text()) == {**STATE, "version": 1, "tabs": []}
    assert json.loads(plain.read_text()) == STATE
    assert jar.read_text().splitlines()[1:] == ["a.test\tFALSE\t/\tFALSE\t0\tsid\ts3cret"]
    for file in (whole, plain, jar):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("profile", "save", "again", "--file", str(whole)).code == 0
    assert run("profile", "save", "jar", "--cookies", str(jar)).code == 0


def test_an_export_can_be_piped(fake: FakeServer, run: Run, state: Path) -> None:
    run("profile", "save", "shop", "--file", str(state))
    assert json.loads(run("profile", "export", "shop", "--playwright").out) == STATE
    assert run("profile", "export", "shop", "-", "--cookies").out.endswith("\tsid\ts3cret\n")


def test_an_export_that_has_no_place_is_refused_before_it_is_asked_for(
    fake: FakeServer, run: Run, tmp_path: Path
) -> None:
    assert run("profile", "export", "shop", str(tmp_path / "none" / "x.json")).code == 2
    assert run("profile", "export", "shop", "--playwright", "--cookies").code == 2


def test_open_starts_a_session_from_a_profile(fake: FakeServer, run: Run) -> None:
    assert run("open", "one.example", "--profile", "shop").code == 0
    assert fake.calls[-1][2]["profile"] == "shop"
    refused = run("open", "one.example", "--new", "--profile", "a b")
    assert (refused.code, "profile" in refused.err) == (1, True)
