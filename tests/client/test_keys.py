"""Requests for keys: what is sent, and what comes back."""

from typing import Any

import pytest

from agent_browser.client import keys
from agent_browser.client.requests import Request
from agent_browser.errors import InvalidRequest

KEY = {
    "id": "key_1", "prefix": "abk_1", "name": "bot", "owner": "qa", "role": "operator",
    "without": ["execute"], "created_at": "2026-01-02T03:04:05Z", "of_a_newer_server": 1,
}  # fmt: skip


def test_what_is_given_is_sent() -> None:
    request = keys.created({"name": "bot", "owner": None, "without": ["execute"], "expires": "30d"})
    assert (request.method, request.path) == ("POST", "/v1/keys")
    assert request.body == {"name": "bot", "without": ["execute"], "expires": 2_592_000.0}
    made = request.parse(KEY | {"key": "abk_secret"})
    assert (made.owner, made.key) == ("qa", "abk_secret")


def test_each_is_asked_for_at_its_own_address() -> None:
    asked: list[Request[Any]] = [
        keys.listed(), keys.shown("k/1"), keys.rotated("k", {"grace": "1h"}), keys.revoked("k"),
        keys.whoami(), keys.held_off(), keys.taken_again(),
    ]  # fmt: skip
    assert [(one.method, one.path) for one in asked] == [
        ("GET", "/v1/keys"), ("GET", "/v1/keys/k%2F1"), ("POST", "/v1/keys/k/rotate"),
        ("DELETE", "/v1/keys/k"), ("GET", "/v1/whoami"), ("POST", "/v1/drain"),
        ("DELETE", "/v1/drain"),
    ]  # fmt: skip
    assert asked[2].body == {"grace": 3_600.0}
    assert keys.listed().parse({"items": [KEY]}).items[0].without == ["execute"]


@pytest.mark.parametrize("fields", [{}, {"name": "x", "role": "root"}, {"name": "x", "key": "y"}])
def test_what_no_server_takes_is_not_sent(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        keys.created(fields)
