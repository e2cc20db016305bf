"""Storage, cookies and messages as resources, over the fake service."""

from typing import Any

import httpx
import pytest

from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio


async def new(client: httpx.AsyncClient) -> str:
    made = await client.post("/v1/sessions", json={})
    return f"/v1/sessions/{made.json()['id']}"


async def test_an_entry_is_put_got_listed_and_deleted(client: httpx.AsyncClient) -> None:
    place = await new(client)
    put = await client.put(
        f"{place}/storage/local/cart", json={"value": {"n": 1}, "expires_in": "1h"}
    )
    assert put.status_code == 200
    entry = put.json()
    assert (entry["key"], entry["value"], entry["json"]) == ("cart", '{"n":1}', {"n": 1})
    assert (entry["type"], entry["expires"] > entry["created"]) == ("persistent", True)
    assert (await client.get(f"{place}/storage/local/cart")).json() == entry
    listed = (await client.get(f"{place}/storage/local")).json()
    assert (listed["items"], listed["total"], listed["next_cursor"]) == ([entry], 1, None)
    assert (listed["area"], listed["origin"]) == ("local", "http://site.test")
    assert (await client.delete(f"{place}/storage/local/cart")).status_code == 204
    assert (await client.delete(f"{place}/storage/local/cart")).status_code == 204
    gone = await client.get(f"{place}/storage/local/cart")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("key", ["a/b/c", "ü ?#%", "/", ".", "app:x"])
async def test_any_key_can_stand_in_the_path(client: httpx.AsyncClient, key: str) -> None:
    place = await new(client)
    path = "".join(f"%{byte:02X}" for byte in key.encode())
    answer = await client.put(f"{place}/storage/session/{path}", json={"value": "v"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["key"] == key
    assert [
        one["key"] for one in (await client.get(f"{place}/storage/session")).json()["items"]
    ] == [key]


async def test_null_is_stored_as_its_json(client: httpx.AsyncClient) -> None:
    place = await new(client)
    answer = await client.put(f"{place}/storage/local/k", json={"value": None})
    assert (answer.json()["value"], answer.json()["json"]) == ("null", None)


async def test_without_a_key_all_are_deleted_or_those_with_a_prefix(
    client: httpx.AsyncClient,
) -> None:
    place = await new(client)
    for key in ("a:1", "a:2", "b:1"):
        await client.put(f"{place}/storage/local/{key}", json={"value": 1})
    listed = (await client.get(f"{place}/storage/local?prefix=a:&limit=1")).json()
    assert (listed["total"], len(listed["items"])) == (2, 1)
    assert (await client.delete(f"{place}/storage/local?prefix=a:")).status_code == 204
    assert (await client.get(f"{place}/storage/local")).json()["total"] == 1
    await client.delete(f"{place}/storage/local")
    assert (await client.get(f"{place}/storage/local")).json()["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("GET", "/storage/both", None, 400, "area"),
        ("GET", "/storage/local?origin=app", None, 400, "origin"),
        ("GET", "/storage/local?limit=0", None, 400, "limit"),
        ("GET", "/storage/local?tab=one", None, 400, "tab"),
        ("GET", "/storage/local?frame=3", None, 400, "frame"),
        ("PUT", "/storage/local/k", {}, 400, "value"),
        ("PUT", "/storage/local/k", {"value": 1, "expires_in": -1}, 400, "expires_in"),
        ("PUT", "/storage/local/k", {"value": 1, "ttl": 1}, 400, "ttl"),
        ("GET", "/cookies?url=nowhere", None, 400, "url"),
        ("POST", "/cookies", {"text": "hunter2"}, 400, "text"),
        ("POST", "/cookies", {"action": "delete"}, 400, "name"),
        ("GET", "/messages?cursor=x", None, 400, "cursor"),
        ("GET", "/messages?limit=5000", None, 400, "limit"),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int, field: str
) -> None:
    answer = await client.request(method, await new(client) + path, json=body)
    assert answer.status_code == status, answer.text
    named = [error["field"] for error in answer.json()["errors"]]
    assert any(field in name for name in named), answer.text
    assert "hunter2" not in answer.text


async def test_cookies_are_set_listed_and_deleted(client: httpx.AsyncClient) -> None:
    place = await new(client)
    given = [{"name": n, "value": "v", "domain": f"{n}.test", "path": "/"} for n in "abc"]
    assert (await client.post(f"{place}/cookies", json={"cookies": given})).json()["changed"] == 3
    listed = (await client.get(f"{place}/cookies?domain=b.test")).json()
    assert [one["name"] for one in listed["cookies"]] == ["b"]
    assert listed["total"] == 3
    assert (await client.delete(f"{place}/cookies?name=b")).json()["changed"] == 1
    assert (await client.delete(f"{place}/cookies")).json() == {
        **listed, "cookies": [], "total": 0, "changed": 2,
    }  # fmt: skip


async def test_messages_are_switched_on_and_listed(client: httpx.AsyncClient) -> None:
    place = await new(client)
    assert (await client.get(f"{place}/messages")).json()["recording"] is False
    assert (await client.post(f"{place}/messages", json={"action": "start"})).json()["recording"]
    listed = (await client.get(f"{place}/messages?limit=5")).json()
    assert listed == {"items": [], "next_cursor": "0", "recording": True, "dropped": 0}


async def test_no_session_is_called_new_here(client: httpx.AsyncClient) -> None:
    for path in ("storage/local", "cookies", "messages"):
        answer = await client.get(f"/v1/sessions/new/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")


async def test_a_frame_is_named_by_its_number_or_by_a_text(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    place = await new(client)
    for said, meant in (("0", 0), ("%23pay", "#pay"), ("²", "²")):
        await client.get(f"{place}/storage/local?frame={said}")
        assert getattr(service.calls[-1].input, "frame", None) == meant
