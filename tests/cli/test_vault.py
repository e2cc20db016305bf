"""`vault status` and `vault rotate`: the key of states, changed while no server runs."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import StateLocked
from agent_browser.settings import Settings
from agent_browser.store import keys
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.claim import Claim
from tests.cli.conftest import Run
from tests.store.states import large, same, state

KEYS = [f"ses_{n}" for n in range(5)]
A, B = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def save(settings: Settings) -> None:
    async def main() -> None:
        async with CheckpointStore(settings) as store:
            for key in KEYS:
                for n in range(3):
                    await store.save(key, state(n=n, big=large()), cause="activity")

    anyio.run(main)


def assert_all_there(settings: Settings) -> None:
    async def main() -> None:
        async with CheckpointStore(settings) as store:
            for key in KEYS:
                for n, checkpoint in enumerate(reversed(await store.listed(key))):
                    loaded = await store.load(key, checkpoint.id)
                    assert same(loaded, state(n=n, big=large()))

    anyio.run(main)


def test_every_state_has_the_new_key_and_the_old_one_is_gone(settings: Settings, run: Run) -> None:
    save(settings)
    (old,) = keys.present(settings)
    result = run("vault", "rotate")
    assert (result.code, result.err) == (0, "")
    assert "new key now: 20;" in result.out
    (new,) = keys.present(settings)
    assert new != old
    assert keys.path_of(settings).stat().st_mode & 0o777 == 0o600
    assert_all_there(settings)
    for key in (old, new):
        assert base64.b64encode(key).decode() not in result.out


def test_status_counts_and_changes_nothing(settings: Settings, run: Run) -> None:
    assert "no key yet" in run("vault", "status").out
    assert not settings.data_dir.exists()
    save(settings)
    before = {path: path.stat().st_mtime_ns for path in settings.data_dir.rglob("*")}
    with Claim(settings):  # a server may run
        said = json.loads(run("vault", "status", "--json").out)
        assert "have states: 5\n" in run("vault", "status").out
    assert said == {
        "where": "local",
        "key": "file",
        "keys": 1,
        "sessions": 5,
        "current": 20,
        "older": 0,
        "locked": 0,
        "unreadable": 0,
    }
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_beside_a_server_it_refuses_and_changes_nothing(settings: Settings, run: Run) -> None:
    save(settings)
    before = keys.present(settings)
    with Claim(settings):
        result = run("vault", "rotate")
    assert (result.code, result.out) == (1, "")
    assert "a server uses" in result.err
    assert "agent-browser stop" in result.err
    assert keys.present(settings) == before
    assert_all_there(settings)


def test_a_rotation_that_was_interrupted_is_shown_and_ended_with_its_own_key(
    settings: Settings, run: Run
) -> None:
    save(settings)
    (old,) = keys.present(settings)
    new = b"n" * 32
    keys.KeyFile(settings).write(new, old)
    assert "ends what was begun" in run("vault", "status").out
    assert json.loads(run("vault", "status", "--json").out)["older"] == 20
    assert run("vault", "rotate").code == 0
    assert keys.present(settings) == (new,)
    assert_all_there(settings)


def test_with_the_setting_its_first_key_is_the_new_one(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(settings.model_copy(update={"state_key": _setting(A)}))
    monkeypatch.setenv("AGENT_BROWSER_STATE_KEY", A)
    result = run("vault", "rotate")
    assert result.code == 2
    assert "STATE_KEY=new,old" in result.err
    monkeypatch.setenv("AGENT_BROWSER_STATE_KEY", f"{B},{A}")
    result = run("vault", "rotate")
    assert result.code == 0
    assert "may be taken out of STATE_KEY" in result.out
    assert not keys.path_of(settings).exists()
    assert_all_there(settings.model_copy(update={"state_key": _setting(B)}))


def test_from_the_file_to_the_setting(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(settings)
    in_file = keys.path_of(settings).read_text().strip()
    monkeypatch.setenv("AGENT_BROWSER_STATE_KEY", f"{A},{in_file}")
    assert run("vault", "rotate").code == 0
    assert_all_there(settings.model_copy(update={"state_key": _setting(A)}))


def test_a_wrong_key_changes_nothing(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(settings)
    monkeypatch.setenv("AGENT_BROWSER_STATE_KEY", f"{B},{A}")
    result = run("vault", "rotate")
    assert (result.code, result.out) == (1, "")
    assert "not the key" in result.err
    assert json.loads(run("vault", "status", "--json").out)["locked"] == 20
    monkeypatch.delenv("AGENT_BROWSER_STATE_KEY")
    assert_all_there(settings)


def test_a_damaged_file_is_left_and_told(settings: Settings, run: Run) -> None:
    save(settings)
    path = next((settings.data_dir / "states").glob("??/ses_0/*.state"))
    damaged = path.read_bytes()[:-1]
    path.write_bytes(damaged)
    result = run("vault", "rotate")
    assert result.code == 0
    assert "left as they were: 1" in result.err
    assert "new key now: 19;" in result.out
    assert path.read_bytes() == damaged


def test_where_a_file_can_not_be_written_no_key_is_dropped(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(settings)
    (old,) = keys.present(settings)
    real, left = os.replace, 8

    def replace(*given: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        result = run("vault", "rotate")
    assert (result.code, result.out) == (1, "")
    assert "No space" in result.err
    assert keys.present(settings)[1:] == (old,)
    assert_all_there(settings)
    assert run("vault", "rotate").code == 0
    assert len(keys.present(settings)) == 1
    assert_all_there(settings)


@pytest.mark.parametrize("command", ["status", "rotate"])
def test_a_key_that_is_none_is_refused_and_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_STATE_KEY", "hunter2hunter2")
    result = run("vault", command)
    assert result.code == 2
    assert "STATE_KEY" in result.err
    assert "hunter2" not in result.err


def test_a_lost_key_is_told(settings: Settings, run: Run) -> None:
    save(settings)
    keys.path_of(settings).unlink()
    assert json.loads(run("vault", "status", "--json").out)["locked"] == 20
    result = run("vault", "rotate")
    assert result.code == 1
    assert "bring it back" in result.err
    assert not keys.path_of(settings).exists()
    with pytest.raises(StateLocked):
        save(settings)


def _setting(text: str) -> object:
    return Settings(state_key=text).state_key
