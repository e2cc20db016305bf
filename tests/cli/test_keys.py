"""`keys`, `whoami` and `drain`: on a server, and on its database where none runs."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from agent_browser.keyring import form
from agent_browser.keyring.kept import digest_of
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.audit import AuditEntry
from agent_browser.service import Caller
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import Asked, AuditLog
from agent_browser.store.claim import Claim
from agent_browser.store.database import Database
from agent_browser.store.papers import Papers
from agent_browser.store.writer import Writer
from tests.api.conftest import listening, make
from tests.api.fake import FakeService
from tests.cli.conftest import Run
from tests.fakes.papers import FakePapers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", recordings_dir=tmp_path / "videos", port=0)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, free_port: int) -> str:
    """An address of this machine that nobody answers at."""
    url = f"http://127.0.0.1:{free_port}"
    monkeypatch.setenv("AGENT_BROWSER_URL", url)
    return url


def whose(settings: Settings, key: str) -> Caller | None:
    """Who the server that starts next takes the key for."""

    async def look() -> Caller | None:
        async with Database(settings) as database, Writer(database, settings) as writer:
            ring = Keyring(Papers(database, writer))
            await ring.load()
            return ring.find(digest_of(key))

    return anyio.run(look)


def made(run: Run, *arguments: str) -> dict[str, Any]:
    result = run("keys", *arguments, "--json")
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


@pytest.mark.usefixtures("away")
def test_the_first_key_is_made_before_there_is_a_server(settings: Settings, run: Run) -> None:
    result = run("keys", "create", "root", "--role", "admin")
    key = result.out.strip()
    assert (result.code, form.is_key(key)) == (0, True)
    assert "only time" in result.err
    assert key not in result.err
    caller = whose(settings, key)
    assert caller is not None
    assert (caller.owner, caller.name) == ("local", "root")
    assert "admin" in caller.rights


@pytest.mark.usefixtures("away")
def test_keys_are_made_listed_shown_rotated_and_revoked(settings: Settings, run: Run) -> None:
    root = made(run, "create", "root", "--role", "admin")
    bot = made(run, "create", "bot", "--owner", "qa", "--role", "operator", "--without", "execute",
               "--without", "state", "--expires", "30d")  # fmt: skip
    assert (bot["owner"], bot["without"], bot["expires_at"] is not None) == (
        "qa", ["execute", "state"], True
    )  # fmt: skip
    rows = [line.split("\t") for line in run("keys", "list").out.splitlines()]
    assert [row[:4] for row in rows] == [
        [root["id"], "root", "local", "admin"],
        [bot["id"], "bot", "qa", "operator without execute,state"],
    ]
    shown = run("keys", "show", bot["id"])
    assert "owner     qa\n" in shown.out
    assert bot["key"][16:] not in shown.out + run("keys", "list", "--json").out
    new = run("keys", "rotate", bot["id"], "--grace", "1h").out.strip()
    for key in (bot["key"], new):
        caller = whose(settings, key)
        assert caller is not None
        assert "execute" not in caller.rights
    (new_id,) = {one["id"] for one in made(run, "list")["items"]} - {root["id"], bot["id"]}
    assert run("keys", "revoke", new_id).out == f"revoked {new_id}\n"
    assert whose(settings, new) is None
    assert "\trevoked\n" in run("keys", "list").out
    assert not made(run, "show", new_id)["usable"]
    assert not made(run, "revoke", new_id)["usable"]


def audited(settings: Settings) -> list[AuditEntry]:
    """The audit log, oldest first."""

    async def look() -> list[AuditEntry]:
        async with Database(settings) as database, Writer(database, settings) as writer:
            log = AuditLog(database, writer, settings)
            return (await log.page(Asked(), limit=50, cursor=None)).items[::-1]

    return anyio.run(look)


@pytest.mark.usefixtures("away")
def test_what_is_changed_on_the_database_is_in_the_audit_log(settings: Settings, run: Run) -> None:
    root = made(run, "create", "root", "--role", "admin")
    new = made(run, "rotate", root["id"])
    for command in ("list", "show", "revoke"):
        run("keys", command, *([] if command == "list" else [new["id"]]))
    run("keys", "revoke", "key_x")
    log = audited(settings)
    assert [(one.action, one.subject) for one in log] == [
        ("create_key", root["id"]), ("rotate_key", new["id"]), ("revoke_key", new["id"]),
    ]  # fmt: skip
    assert {(one.owner, one.client) for one in log} == {(None, "agent-browser keys")}
    assert root["key"] not in repr(log)


@pytest.mark.usefixtures("away")
def test_a_first_key_that_is_no_admin_s_is_made_and_noted(settings: Settings, run: Run) -> None:
    assert run("keys", "list").out == "no keys\n"
    result = run("keys", "create", "bot")
    assert result.code == 0
    assert "no admin's" in result.err
    assert whose(settings, result.out.strip()) is not None


@pytest.mark.usefixtures("away")
def test_what_is_wrong_is_said(run: Run) -> None:
    for arguments, said in (
        (("show", "key_x"), "key not found: key_x"),
        (("create", "x", "--without", "sudo"), "without"),
        (("create", "x", "--expires", "soon"), "expires"),
        (("create", ""), "name"),
        (("create", "x", "--role", "root"), "root"),
    ):
        result = run("keys", *arguments)
        assert result.code in (1, 2)
        assert said in result.err, arguments
        assert result.out == ""


@pytest.mark.usefixtures("away")
def test_a_server_that_has_the_folder_is_not_worked_around(settings: Settings, run: Run) -> None:
    with Claim(settings):
        result = run("keys", "create", "root", "--role", "admin")
    assert result.code == 1
    assert "AGENT_BROWSER_URL" in result.err
    assert result.out == ""


def test_a_server_elsewhere_that_does_not_answer_is_not_this_database(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_URL", "http://agent-browser.invalid:7070")
    assert run("keys", "create", "root", "--role", "admin").code == 3
    assert not (settings.data_dir / "agent-browser.db").exists()


@pytest.fixture
async def server(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeService]:
    """A server that answers, over a service in memory."""
    async with ArtifactStore(settings) as store:
        service = FakeService(store)
        app = make(settings, service, keyring=Keyring(FakePapers()))
        async with listening(app, settings) as url:
            monkeypatch.setenv("AGENT_BROWSER_URL", url)
            yield service


@pytest.mark.anyio
async def test_where_a_server_answers_it_is_asked(
    server: FakeService, settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def typed(*arguments: str) -> Any:
        return await anyio.to_thread.run_sync(run, *arguments)

    assert "owner     local\n" in (await typed("whoami")).out
    refused = await typed("keys", "create", "bot")
    assert (refused.code, "role admin" in refused.err) == (1, True)
    root = (await typed("keys", "create", "root", "--role", "admin")).out.strip()
    assert not (settings.data_dir / "agent-browser.db").exists()
    refused = await typed("keys", "list")  # without the key
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "AGENT_BROWSER_API_KEY" in refused.err
    monkeypatch.setenv("AGENT_BROWSER_API_KEY", root)
    (listed,) = (await typed("keys", "list")).out.splitlines()
    assert listed.split("\t")[1:4] == ["root", "local", "admin"]
    who = json.loads((await typed("whoami", "--json")).out)
    assert (who["role"], who["name"], who["key"]) == ("admin", "root", listed.split("\t")[0])
    new = (await typed("keys", "rotate", who["key"])).out.strip()
    assert (await typed("whoami")).code == 1  # the old one ended
    monkeypatch.setenv("AGENT_BROWSER_API_KEY", new)
    assert "takes no new sessions; 0 live" in (await typed("drain")).out
    assert server.holds_off
    assert json.loads((await typed("drain", "--end", "--json")).out)["draining"] is False
    assert not server.holds_off
