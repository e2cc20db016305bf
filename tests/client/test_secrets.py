"""Secrets, as requests and by both clients."""

import traceback

import httpx
import pytest

from agent_browser.client import AsyncClient, Client, secrets
from agent_browser.errors import InvalidRequest, SecretNotFound
from tests.client.wire import SESSION, Recorder, problem

VALUE = "-".join(["hunter", "2"])
SECRET = {
    "name": "login", "kind": "text", "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05Z", "of_a_newer_server": 1,
}  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/v1/secrets":
        return httpx.Response(200, json={"items": [SECRET], "next_cursor": None})
    if request.method == "DELETE":
        return httpx.Response(204)
    if request.url.path.endswith("/none"):
        return problem(404, "secret_not_found", "Secret not found", secret="none")
    if request.method == "POST":
        return httpx.Response(200, json={"success": True, "action": "fill"})
    return httpx.Response(200, json=SECRET)


def test_a_secret_that_is_none_is_refused_before_it_is_sent_and_not_repeated() -> None:
    with pytest.raises(InvalidRequest, match="say where it may be typed") as refused:
        secrets.kept("login", {"value": VALUE})
    assert VALUE not in "".join(traceback.format_exception(refused.value))


def test_the_client_keeps_lists_shows_types_and_deletes() -> None:
    recorder = Recorder(answer)
    with Client(transport=recorder) as client:
        assert client.put_secret("login", value="hunter2", origins=["a.test"]).kind == "text"
        assert recorder.sent == {"value": "hunter2", "origins": ["a.test"]}
        assert [one.name for one in client.list_secrets().items] == ["login"]
        assert client.get_secret("login").name == "login"
        client.session(SESSION).fill("@e1", {"secret": "login"})
        assert recorder.sent["input"]["text"] == {"secret": "login"}
        client.delete_secret("login")
        with pytest.raises(SecretNotFound) as caught:
            client.get_secret("none")
        assert caught.value.fields["secret"] == "none"


@pytest.mark.anyio
async def test_the_asynchronous_client_does_the_same() -> None:
    recorder = Recorder(answer)
    async with AsyncClient(transport=recorder) as client:
        made = await client.put_secret("login", totp="JBSWY3DPEHPK3PXP", any_origin=True)
        assert made.name == "login"
        assert [one.name for one in (await client.list_secrets()).items] == ["login"]
        assert (await client.get_secret("login")).name == "login"
        await client.session(SESSION).type({"secret": "login"})
        await client.delete_secret("login")
    assert [request.method for request in recorder.requests] == [
        "PUT", "GET", "GET", "POST", "DELETE",
    ]  # fmt: skip
