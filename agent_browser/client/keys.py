"""Requests for API keys, who the caller is, and the server's taking of sessions: `Client.send`
does them.
"""

from collections.abc import Mapping
from typing import Any

from agent_browser.client.requests import Request, body_of, segment
from agent_browser.models.keys import (
    Drain,
    Key,
    KeyCreate,
    KeyList,
    KeyMade,
    KeyRotate,
    WhoAmI,
)


def created(fields: Mapping[str, Any]) -> Request[KeyMade]:
    """A new key, which this answer alone has; `KeyCreate`'s fields."""
    return Request("POST", "/v1/keys", KeyMade.model_validate, body=body_of(KeyCreate, fields))


def listed() -> Request[KeyList]:
    """All of them, oldest first."""
    return Request("GET", "/v1/keys", KeyList.model_validate)


def shown(key: str) -> Request[Key]:
    """One of them, by its id."""
    return Request("GET", _path(key), Key.model_validate)


def rotated(key: str, fields: Mapping[str, Any]) -> Request[KeyMade]:
    """Another in its place, which this answer alone has; `KeyRotate`'s fields."""
    body = body_of(KeyRotate, fields)
    return Request("POST", f"{_path(key)}/rotate", KeyMade.model_validate, body=body)


def revoked(key: str) -> Request[Key]:
    """Refused from now on."""
    return Request("DELETE", _path(key), Key.model_validate)


def whoami() -> Request[WhoAmI]:
    """Who the caller is to the server."""
    return Request("GET", "/v1/whoami", WhoAmI.model_validate)


def held_off() -> Request[Drain]:
    """Let the server take no new sessions."""
    return Request("POST", "/v1/drain", Drain.model_validate)


def taken_again() -> Request[Drain]:
    """Let it take sessions again."""
    return Request("DELETE", "/v1/drain", Drain.model_validate)


def _path(key: str) -> str:
    return f"/v1/keys/{segment(key)}"
