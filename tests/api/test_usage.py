"""Quotas as callers meet them: refusals, headers, usage, limits of one owner."""

from typing import Any

import httpx
import pytest

from agent_browser.errors import QuotaExceeded
from agent_browser.ids import new_session_id
from agent_browser.quotas.quotas import Quotas
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio
ANN, BOB = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}


def _quotas(**limits: int) -> Quotas:
    chosen = Settings.model_validate({f"owner_{name}": limit for name, limit in limits.items()})
    return Quotas(chosen, FakePapers(), clock=ManualClock())


async def test_one_call_too_many_is_refused_with_when_to_come_again(
    settings: Settings, service: FakeService
) -> None:
    app = make(settings, service, api_keys=keys(), quotas=_quotas(calls=3))
    async with direct(app) as client:
        for left in (2, 1, 0):
            answer = await client.get("/v1/sessions", headers=ANN)
            assert answer.status_code == 200
            assert answer.headers["x-ratelimit-remaining"] == str(left)
        refused = await client.get("/v1/sessions", headers=ANN)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 59 <= int(refused.headers["retry-after"]) <= 61
        assert refused.headers["ratelimit"].startswith('"calls";r=0;t=')
        assert (await client.get("/v1/sessions", headers=BOB)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_who_has_no_key_uses_nobody_s_calls(settings: Settings, service: FakeService) -> None:
    app = make(settings, service, api_keys=keys(), quotas=_quotas(calls=1))
    async with direct(app) as client:
        for _ in range(5):
            refused = await client.get("/v1/sessions", headers={"X-API-Key": "nobody"})
            assert "ratelimit" not in refused.headers
        assert (await client.get("/v1/sessions", headers=ANN)).status_code == 200


async def test_without_limits_answers_say_nothing_of_quotas(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/sessions")
    assert not [name for name in answer.headers if "ratelimit" in name]


async def test_a_quota_that_is_over_is_429_and_says_which(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    async def over() -> None:
        raise QuotaExceeded("traffic", 1_000, 1_200, retry_after=3_600.2)

    service.before = over
    refused = await client.post("/v1/functions/snapshot")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3601"
    problem = refused.json()
    assert {k: problem[k] for k in ("code", "quota", "limit", "used")} == {
        "code": "quota_exceeded", "quota": "traffic", "limit": 1_000, "used": 1_200,
    }  # fmt: skip


def _named(usage: dict[str, Any], name: str) -> dict[str, Any]:
    return next(quota for quota in usage["quotas"] if quota["name"] == name)


async def test_usage_is_the_caller_s_own_and_another_s_is_for_admins(
    settings: Settings, service: FakeService
) -> None:
    quotas = _quotas(traffic=1_000)
    quotas.meter("ann").take(300)
    app = make(settings, service, api_keys=keys(), admins=("bob",), quotas=quotas)
    async with direct(app) as client:
        mine = (await client.get("/v1/usage", headers=ANN)).json()
        assert mine["owner"] == "ann"
        told = _named(mine, "traffic")
        assert (told["limit"], told["used"], told["remaining"]) == (1_000, 300, 700)
        assert told["resets_at"].endswith("T00:00:00.000Z")
        theirs = await client.get("/v1/usage?owner=bob", headers=ANN)
        assert (theirs.status_code, theirs.json()["code"]) == (403, "forbidden")
        assert (await client.get("/v1/usage?owner=ann", headers=ANN)).status_code == 200
        seen = (await client.get("/v1/usage?owner=ann", headers=BOB)).json()
        assert _named(seen, "traffic")["used"] == 300


async def test_an_admin_gives_an_owner_other_limits_at_once_and_nobody_else_does(
    settings: Settings, service: FakeService
) -> None:
    quotas = _quotas(calls=100)
    app = make(settings, service, api_keys=keys(), admins=("bob",), quotas=quotas)
    async with direct(app) as client:
        for method in ("GET", "PUT"):
            body = {"sessions": 5} if method == "PUT" else None
            refused = await client.request(method, "/v1/quotas/ann", headers=ANN, json=body)
            assert refused.status_code == 403
        given = await client.put("/v1/quotas/ann", headers=BOB, json={"calls": 2, "bytes": 0})
        assert given.status_code == 200, given.text
        assert given.json()["given"] == {"calls": 2, "bytes": 0}
        assert given.json()["limits"]["calls"] == 2
        assert given.json()["limits"]["bytes"] is None
        assert (await client.get("/v1/sessions", headers=ANN)).status_code == 429
        assert (await client.get("/v1/sessions", headers=BOB)).status_code == 200
        again = await client.put("/v1/quotas/ann", headers=BOB, json={})
        assert again.json() == (await client.get("/v1/quotas/ann", headers=BOB)).json()
        assert again.json()["given"] == {}
        assert again.json()["limits"]["calls"] == 100
        odd = await client.put("/v1/quotas/acme%2Fann%40x", headers=BOB, json={"sessions": 1})
        assert odd.json()["owner"] == "acme/ann@x"
        for wrong in ({"sessions": -1}, {"sessions": True}, {"rooms": 1}, {"calls": 2**60}):
            refused = await client.put("/v1/quotas/ann", headers=BOB, json=wrong)
            assert refused.status_code == 400, wrong


async def test_what_is_stored_is_counted_by_the_store_that_has_it_and_again_after_a_restart(
    settings: Settings,
) -> None:
    ses = new_session_id()
    quotas = _quotas(bytes=1_000)
    async with ArtifactStore(settings, quotas=quotas) as store:
        kept = await store.put(
            bytes(600), owner="ann", session_id=ses, content_type="image/png", filename="a.png"
        )
        with pytest.raises(QuotaExceeded):
            await store.put(
                bytes(401), owner="ann", session_id=ses, content_type="image/png", filename="b.png"
            )
        path = settings.data_dir / "large.bin"
        path.write_bytes(bytes(5_000))
        with pytest.raises(QuotaExceeded):
            await store.put(path, owner="ann", session_id=ses, content_type="x/y", filename="c")
        assert not path.exists(), "what is refused is left nowhere"
        await store.put(
            bytes(5_000), owner="bob", session_id=new_session_id(), content_type="x/y",
            filename="d", is_owed=True,
        )  # fmt: skip
        video = store.recording_folder(ses, owner="ann") / "v.webm"
        video.write_bytes(bytes(100))
        await store.adopt(video, owner="ann", session_id=ses)
        assert quotas.stored("ann") == {"artifacts": 600, "recordings": 100}
    later = _quotas(bytes=1_000)
    async with ArtifactStore(settings, quotas=later) as store:
        assert later.stored("ann") == {"artifacts": 600, "recordings": 100}
        assert later.stored("bob") == {"artifacts": 5_000, "recordings": 0}
        await store.delete("ann", kept.id)
        assert later.stored("ann")["artifacts"] == 0
        await store.purge(ses)
        assert sum(later.stored("ann").values()) == 0
