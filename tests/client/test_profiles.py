"""Profiles, as requests and by both clients."""

from typing import Any

import httpx
import pytest

from agent_browser.client import AsyncClient, Client, profiles
from agent_browser.errors import InvalidRequest, ProfileNotFound
from agent_browser.models.state import StateDocument
from tests.client.wire import SESSION, Recorder, problem

PROFILE = {
    "name": "shop", "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
    "cookies": 2, "of_a_newer_server": 1,
}  # fmt: skip
STATE: dict[str, Any] = {
    "cookies": [{"name": "a", "value": "b", "domain": "x", "path": "/"}],
    "origins": [{"origin": "http://x", "localStorage": [{"name": "a", "value": "\ud83d"}]}],
}


def test_what_is_given_is_sent_and_none_takes_away_what_can_be() -> None:
    request = profiles.saved(
        "shop", {"session_id": SESSION, "checkpoint": None, "description": None,
                 "timeouts": {"idle": "90s"}, "options": {"locale": "de"}},
    )  # fmt: skip
    assert (request.method, request.path) == ("PUT", "/v1/profiles/shop")
    assert request.body == {
        "session_id": SESSION, "description": None, "timeouts": {"idle": 90.0},
        "options": {"locale": "de"},
    }  # fmt: skip


def test_a_state_goes_as_it_is_and_a_document_as_it_came() -> None:
    newer = {"version": 2, "of_a_newer_server": 1}
    assert profiles.saved("a", {"storage_state": newer}).body == {"storage_state": newer}
    document = StateDocument.model_validate(STATE)
    assert profiles.saved("a", {"storage_state": document}).body == {"storage_state": STATE}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"cookiess": ""}, "cookiess"),
        ({"session_id": SESSION, "cookies": ""}, "one source"),
        ({"options": {"profile": "b"}}, "holds that in its state"),
    ],
)
def test_what_a_profile_has_not_is_refused_before_it_is_sent(
    fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        profiles.saved("a", fields)


def test_a_name_is_one_segment_of_the_path() -> None:
    assert profiles.shown("a/../b").path == "/v1/profiles/a%2F..%2Fb"
    with pytest.raises(InvalidRequest):
        profiles.deleted("..")


def answer(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if path == "/v1/profiles":
        return httpx.Response(200, json={"items": [PROFILE], "next_cursor": None})
    if path.endswith("/state"):
        return httpx.Response(200, json={"cookies": STATE["cookies"], "origins": []})
    if request.method == "DELETE":
        return httpx.Response(204)
    if path.endswith("/none"):
        return problem(404, "profile_not_found", "Profile not found", profile="none")
    return httpx.Response(200, json=PROFILE)


def test_the_client_saves_lists_exports_and_deletes() -> None:
    recorder = Recorder(answer)
    with Client(transport=recorder) as client:
        assert client.put_profile("shop", storage_state=STATE).cookies == 2
        assert recorder.sent == {"storage_state": STATE}
        assert [one.name for one in client.list_profiles().items] == ["shop"]
        assert client.get_profile("shop").name == "shop"
        assert client.profile_state("shop").cookies[0].name == "a"
        assert client.profile_storage_state("shop")["origins"] == []
        assert recorder.last.url.query == b"form=playwright"
        client.delete_profile("shop")
        with pytest.raises(ProfileNotFound) as caught:
            client.get_profile("none")
        assert caught.value.fields["profile"] == "none"


@pytest.mark.anyio
async def test_the_asynchronous_client_does_the_same() -> None:
    recorder = Recorder(answer)
    async with AsyncClient(transport=recorder) as client:
        assert (await client.put_profile("shop", session_id=SESSION)).cookies == 2
        assert [one.name for one in (await client.list_profiles()).items] == ["shop"]
        assert (await client.get_profile("shop")).name == "shop"
        assert (await client.profile_state("shop")).cookies[0].name == "a"
        assert (await client.profile_storage_state("shop"))["origins"] == []
        await client.delete_profile("shop")
    assert [request.method for request in recorder.requests] == ["PUT", *["GET"] * 4, "DELETE"]
