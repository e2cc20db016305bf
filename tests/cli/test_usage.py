"""`usage`, `quotas`, `audit` and `link`, against the routes themselves."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import httpx
import pytest

from agent_browser.client import AsyncClient
from agent_browser.errors import Forbidden, InvalidRequest, LinkInvalid, RateLimited
from agent_browser.ids import new_session_id
from agent_browser.quotas.quotas import Quotas
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog
from tests.api.conftest import ANN_KEY, BOB_KEY, keys, listening, make
from tests.api.fake import FakeService
from tests.cli.conftest import Result, Run
from tests.databases import opened, settings_of
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _server(folder: Path, **limits: int) -> AsyncIterator[tuple[str, ArtifactStore, Quotas]]:
    """Ann, and Bob who is an admin."""
    given = {f"owner_{name}": limit for name, limit in limits.items()}
    settings = Settings.model_validate(
        {"data_dir": folder / "data", "recordings_dir": folder / "videos", "port": 0, **given}
    )
    quotas = Quotas(settings, FakePapers())
    async with (
        ArtifactStore(settings, quotas=quotas) as store,
        opened(settings_of(folder / "db", None)) as archive,
    ):
        trail = AuditLog(archive.database, archive.writer, settings)
        app = make(
            settings, FakeService(store), api_keys=keys(), admins=("bob",), quotas=quotas,
            trail=trail,
        )  # fmt: skip
        async with listening(app, settings) as url:
            yield url, store, quotas


async def _run(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, key: str, *words: str
) -> Result:
    monkeypatch.setenv("AGENT_BROWSER_URL", url)
    monkeypatch.setenv("AGENT_BROWSER_API_KEY", key)
    return await anyio.to_thread.run_sync(run, *words)


async def test_usage_is_a_line_for_each_quota(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with _server(tmp_path, traffic=4_000_000) as (url, _, quotas):
        quotas.meter("ann").take(2_097_152)
        done = await _run(run, monkeypatch, url, ANN_KEY, "usage")
        assert done.code == 0, done.err
        rows = [line.split("\t") for line in done.out.splitlines()]
        assert [row[0] for row in rows] == [
            "sessions", "hibernated", "calls", "recording", "bytes", "traffic",
        ]  # fmt: skip
        assert rows[5][1:3] == ["2.0 MiB", "of 3.8 MiB"]
        assert rows[0][2] == "no limit"
        refused = await _run(run, monkeypatch, url, ANN_KEY, "usage", "--owner", "bob")
        assert refused.code != 0
        assert "admin" in refused.err
        told = await _run(run, monkeypatch, url, BOB_KEY, "usage", "--owner", "ann", "--json")
        assert json.loads(told.out)["owner"] == "ann"


async def test_an_admin_gives_limits_and_takes_them_back(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with _server(tmp_path, sessions=3) as (url, _, quotas):
        words = ("quotas", "ann", "--set", "sessions=9", "--set", "bytes=0")
        done = await _run(run, monkeypatch, url, BOB_KEY, *words)
        assert done.code == 0, done.err
        assert "sessions\t9\tgiven" in done.out
        assert "bytes\tnone\tgiven" in done.out
        assert "calls\tnone\tserver's" in done.out
        assert quotas.limits("ann").sessions == 9
        back = await _run(run, monkeypatch, url, BOB_KEY, "quotas", "ann", "--reset")
        assert "sessions\t3\tserver's" in back.out
        for wrong in ("rooms=1", "sessions", "sessions=-1", "sessions=x"):
            done = await _run(run, monkeypatch, url, BOB_KEY, "quotas", "ann", "--set", wrong)
            assert done.code == 2, wrong


async def test_the_audit_log_is_a_line_for_each_entry(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with _server(tmp_path) as (url, _, _):
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": ANN_KEY}) as ann:
            await ann.post("/v1/sessions")
            await ann.get("/v1/audit")
        done = await _run(run, monkeypatch, url, BOB_KEY, "audit")
        rows = [line.split("\t") for line in done.out.splitlines()]
        assert [row[1:2] + row[3:] for row in rows] == [
            ["ann", "GET", "-", "403 forbidden"],
            ["ann", "create_session", "-", "201"],
        ]
        assert rows[0][2] == "127.0.0.1"
        words = ("audit", "--action", "create_session", "--owner", "ann", "--json")
        one = await _run(run, monkeypatch, url, BOB_KEY, *words)
        assert len(json.loads(one.out)["items"]) == 1
        none = await _run(run, monkeypatch, url, BOB_KEY, "audit", "--owner", "carl")
        assert none.out == "nothing\n"
        more = await _run(run, monkeypatch, url, BOB_KEY, "audit", "--limit", "1")
        assert "--cursor" in more.err


async def test_a_link_is_an_address_that_anybody_can_fetch(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with _server(tmp_path) as (url, store, _):
        kept = await store.put(
            b"abc", owner="ann", session_id=new_session_id(), content_type="x/y", filename="a"
        )
        done = await _run(run, monkeypatch, url, ANN_KEY, "link", kept.id, "--expires", "10m")
        assert done.code == 0, done.err
        link = done.out.strip()
        assert link.startswith(f"{url}/v1/links/")
        async with httpx.AsyncClient() as anybody:
            assert (await anybody.get(link)).content == b"abc"
        refused = await _run(run, monkeypatch, url, BOB_KEY, "link", "art_" + "A" * 22)
        assert refused.code != 0


async def test_clients_have_the_same_and_raise_what_the_server_says(tmp_path: Path) -> None:
    async with _server(tmp_path, calls=12) as (url, store, _):
        kept = await store.put(
            b"abc", owner="ann", session_id=new_session_id(), content_type="x/y", filename="a"
        )
        async with (
            AsyncClient(url, api_key=ANN_KEY) as ann,
            AsyncClient(url, api_key=BOB_KEY) as bob,
        ):
            link = await ann.link(kept.id, expires_in="1m")
            assert await bob.fetch(link.url) == b"abc"
            with pytest.raises(LinkInvalid):
                await bob.fetch(link.url + "AAAA")
            assert (await ann.usage()).owner == "ann"
            for refused in (ann.quotas("ann"), ann.put_quotas("ann", sessions=5), ann.audit()):
                with pytest.raises(Forbidden):
                    await refused
            assert (await bob.put_quotas("ann", bytes=7)).given == {"bytes": 7}
            assert (await bob.audit(action="put_quotas")).items[0].subject == "ann"
            with pytest.raises(InvalidRequest):
                await bob.put_quotas("ann", rooms=1)
            while (await ann.usage()).quotas[2].remaining:
                pass
            with pytest.raises(RateLimited) as over:
                await ann.usage()
            assert over.value.fields["retry_after"] > 0
