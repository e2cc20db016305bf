import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from agent_browser.api.idempotency import Idempotency
from agent_browser.errors import Forbidden, PoolFull
from agent_browser.ids import new_session_id
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate
from agent_browser.models.rights import ROLES
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, listening, make
from tests.api.fake import FakeService
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio
KEY = {"Idempotency-Key": "one-purchase"}


async def test_a_repeated_post_gets_the_first_answer_and_acts_once(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    first = await client.post("/v1/sessions", json={"name": "x"}, headers=KEY)
    second = await client.post("/v1/sessions", json={"name": "x"}, headers=KEY)
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(service.sessions) == 1


async def test_the_same_key_with_another_request_is_a_conflict(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    await client.post("/v1/sessions", json={"name": "x"}, headers=KEY)
    for path, body in [("/v1/sessions", {"name": "y"}), ("/v1/functions/snapshot", {"name": "x"})]:
        response = await client.post(path, json=body, headers=KEY)
        assert response.status_code == 409
        assert response.json()["code"] == "idempotency_conflict"
    assert len(service.sessions) == 1


async def test_two_at_once_act_once(client: httpx.AsyncClient, service: FakeService) -> None:
    both_are_in, answers = anyio.Event(), []

    async def post() -> None:
        answers.append(await client.post("/v1/functions/snapshot", headers=KEY))

    async def wait() -> None:
        await both_are_in.wait()

    service.before = wait
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post)
        tasks.start_soon(post)
        await anyio.wait_all_tasks_blocked()
        both_are_in.set()
    assert len(service.calls) == 1
    assert answers[0].json() == answers[1].json()


async def test_an_answer_that_invites_another_try_is_not_kept(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    async def full() -> None:
        raise PoolFull("sessions", retry_after=1)

    service.before = full
    assert (await client.post("/v1/functions/snapshot", headers=KEY)).status_code == 503
    service.before = None
    assert (await client.post("/v1/functions/snapshot", headers=KEY)).status_code == 200


async def test_one_owner_s_key_is_not_another_s(settings: Settings, service: FakeService) -> None:
    async with direct(make(settings, service, api_keys=keys()), headers=KEY) as client:
        for key in (ANN_KEY, BOB_KEY):
            await client.post("/v1/sessions", headers={"X-API-Key": key})
    assert sorted(session.owner for session in service.sessions.values()) == ["ann", "bob"]


async def test_an_answer_is_for_who_has_the_same_rights(
    settings: Settings, service: FakeService
) -> None:
    ring = Keyring(FakePapers())

    async def key(**fields: object) -> dict[str, str]:
        given = {"name": "x", "owner": "ann", "role": "admin"} | fields
        made = await ring.create(LOCAL, KeyCreate.model_validate(given))
        return {"X-API-Key": made.key}

    whole, again, less = await key(), await key(), await key(without=["execute"])
    path = "/v1/functions/execute"
    body = {"session": "new", "input": {"code": "1"}}
    async with direct(make(settings, service, keyring=ring), headers=KEY) as client:
        assert (await client.post(path, json=body, headers=whole)).status_code == 200
        refused = await client.post(path, json=body, headers=less)
        assert refused.status_code in (403, 409), refused.text
        replayed = await client.post(path, json=body, headers=again)
        assert replayed.headers["idempotency-replayed"] == "true"
    assert len(service.calls) == 1


async def test_a_refusal_for_want_of_a_right_is_not_kept(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    async def refuse() -> None:
        raise Forbidden.lacking("execute")

    for status, hook in ((403, refuse), (200, None)):
        service.before = hook
        answer = await client.post("/v1/functions/snapshot", headers=KEY)
        assert answer.status_code == status


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_what_another_try_may_change_is_not_kept(status: int) -> None:
    done = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal done
        done += 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None: ...

    once = Idempotency(app)
    for _ in range(2):
        await once(
            {
                "type": "http", "method": "POST", "path": "/", "state": {"caller": Caller("ann")},
                "headers": [(b"idempotency-key", b"k")],
            },
            receive,
            send,
        )  # fmt: skip
    assert done == 2


async def test_a_key_of_no_sensible_form_is_refused(client: httpx.AsyncClient) -> None:
    for key in ("", "a" * 256, "a b"):
        response = await client.post("/v1/sessions", headers={"Idempotency-Key": key})
        assert response.status_code == 400


async def test_a_lost_connection_does_not_undo_what_the_second_try_asks_for(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    begun, go_on = anyio.Event(), anyio.Event()

    async def hold() -> None:
        begun.set()
        await go_on.wait()

    service.before = hold
    head = "POST /v1/functions/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: k\r\n\r\n"
    async with listening(app, settings) as url:
        async with await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2])) as stream:
            await stream.send(head.encode())
            await begun.wait()
        go_on.set()
        async with httpx.AsyncClient(base_url=url, headers={"Accept-Encoding": ""}) as client:
            del client.headers["accept"]
            response = await client.post("/v1/functions/snapshot", headers={"Idempotency-Key": "k"})
    assert response.headers["idempotency-replayed"] == "true"
    assert len(service.calls) == 1


async def test_what_is_kept_has_bounds_of_number_bytes_and_time() -> None:
    made = 0
    now = 0.0

    async def app(scope: object, receive: object, send: object) -> None:
        nonlocal made
        made += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"x" * 10})  # type: ignore[operator]

    once = Idempotency(app, most=3, bound=25, seconds=60, monotonic=lambda: now)

    async def post(key: str) -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: object) -> None: ...

        class _Caller:
            owner = "ann"
            rights = ROLES["operator"]

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"idempotency-key", key.encode())],
            "state": {"caller": _Caller},
        }
        await once(scope, receive, send)

    for key in ("a", "b", "b"):
        await post(key)
    assert made == 2
    await post("c")  # over the bytes: a goes
    await post("b")
    assert made == 3
    await post("a")
    assert made == 4
    now = 61.0
    await post("a")
    assert made == 5


SESSION = new_session_id()


async def test_answers_about_a_session_are_kept_no_longer_than_it_is() -> None:
    went_on = anyio.Event()
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        done.append(scope["path"])
        if scope["path"] == "/slow":
            await went_on.wait()
        made = scope["path"] in ("/made", "/slow")
        status = 404 if scope["query_string"] == b"purge=true&missing" else 200
        if scope["method"] == "DELETE" and status == 200:
            status = 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        body = f'{{"id":"{SESSION}"}}' if made else "{}"
        await send({"type": "http.response.body", "body": body[:9].encode(), "more_body": True})
        await send({"type": "http.response.body", "body": body[9:].encode()})

    once = Idempotency(app)

    async def ask(
        path: str, method: str = "POST", *, query: bytes = b"", body: bytes = b""
    ) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None: ...

        class _Caller:
            owner = "ann"
            rights = ROLES["operator"]

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(b"idempotency-key", path.encode())],
            "state": {"caller": _Caller},
        }
        await once(scope, receive, send)

    async def ask_all() -> list[str]:
        """Which of them were done, and not only answered."""
        done.clear()
        await ask("/made")
        await ask(f"/v1/sessions/{SESSION}/renew")
        await ask("/asked", query=f"session={SESSION}".encode())
        await ask("/sent", body=SESSION.encode())
        await ask("/other")
        return done

    assert len(await ask_all()) == 5
    for query in (b"", b"purge=false", b"purge=true&missing", b"purge=%F3%A3&\xff=%C2%8B"):
        await ask(f"/v1/sessions/{SESSION}", "DELETE", query=query)
        assert await ask_all() == []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "/slow")
        await anyio.wait_all_tasks_blocked()
        await ask(f"/v1/sessions/{SESSION}", "DELETE", query=b"purge=True")
        went_on.set()
    assert await ask_all() == ["/made", f"/v1/sessions/{SESSION}/renew", "/asked", "/sent"]
    await ask("/slow")
    assert done[-1] == "/slow", "what was under way is not kept either"
    assert once._bytes == 2, "of the other alone"
