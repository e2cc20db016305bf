"""Control over HTTP: who takes it, who is refused, who is shown."""

import httpx
import pytest

from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


@pytest.fixture
async def address(client: httpx.AsyncClient) -> str:
    return f"/v1/sessions/{(await client.post('/v1/sessions')).json()['id']}"


async def test_its_holder_acts_with_the_token_and_others_are_refused(
    client: httpx.AsyncClient, address: str
) -> None:
    taken = await client.post(f"{address}/control", json={"client": "day shift", "lease": "2m"})
    assert taken.status_code == 200
    granted = taken.json()
    assert (granted["holder"], granted["lease"], granted["mine"]) == ("day shift", 120, True)
    token = {"X-Control-Token": granted["token"]}
    refused = await client.post(f"{address}/open", json={"url": "http://a/"})
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["holder"], problem["since"]) == (
        "control_taken", "day shift", granted["since"],
    )  # fmt: skip
    assert (await client.post(f"{address}/snapshot")).status_code == 200
    opened = await client.post(f"{address}/open", json={"url": "http://a/"}, headers=token)
    assert opened.status_code == 200
    run = await client.post(f"{address}/run", json={"steps": [{"function": "close"}]})
    assert run.json()["code"] == "control_taken"


async def test_who_has_it_is_shown_to_all_and_the_token_to_nobody(
    client: httpx.AsyncClient, address: str
) -> None:
    assert (await client.get(f"{address}/control")).json()["holder"] is None
    granted = (await client.post(f"{address}/control")).json()
    shown = await client.get(f"{address}/control")
    assert (shown.json()["holder"], shown.json()["mine"]) == ("local", False)
    assert granted["token"] not in shown.text
    mine = await client.get(f"{address}/control", headers={"X-Control-Token": granted["token"]})
    assert mine.json()["mine"] is True


async def test_it_is_given_up_by_its_holder(client: httpx.AsyncClient, address: str) -> None:
    token = (await client.post(f"{address}/control")).json()["token"]
    assert (await client.delete(f"{address}/control")).status_code == 409
    for _ in range(2):
        response = await client.delete(f"{address}/control", headers={"X-Control-Token": token})
        assert response.status_code == 204
    assert (await client.post(f"{address}/open", json={"url": "x"})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{"lease": 0}, {"lease": "2h"}, {"lease": "soon"}, {"client": ""}, {"client": "a\nb"},
     {"client": "x" * 101}, {"holder": "me"}],
)  # fmt: skip
async def test_what_is_no_sensible_request_is_refused(
    client: httpx.AsyncClient, address: str, body: dict[str, object]
) -> None:
    response = await client.post(f"{address}/control", json=body)
    assert response.status_code == 400
    assert (await client.get(f"{address}/control")).json()["holder"] is None


async def test_a_session_that_is_not_there_has_none(
    client: httpx.AsyncClient, address: str, service: FakeService
) -> None:
    await client.post(f"{address}/close")
    for method in ("GET", "POST", "DELETE"):
        ended = await client.request(method, f"{address}/control")
        assert ended.json()["code"] == "session_ended"
        unknown = await client.request(method, "/v1/sessions/ses_x/control")
        assert unknown.json()["code"] == "session_not_found"


async def test_a_token_sent_twice_is_refused(client: httpx.AsyncClient, address: str) -> None:
    response = await client.get(
        f"{address}/control", headers=[("X-Control-Token", "a"), ("X-Control-Token", "b")]
    )
    assert response.status_code == 403
