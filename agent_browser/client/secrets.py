"""Requests for secrets: what sessions type by name."""

from collections.abc import Mapping
from typing import Any

from agent_browser.client.requests import Request, body_of, segment
from agent_browser.models.secrets import Secret, SecretInput, SecretList


def listed() -> Request[SecretList]:
    """All of the caller's, by name; never their values."""
    return Request("GET", "/v1/secrets", SecretList.model_validate)


def shown(name: str) -> Request[Secret]:
    """One of them."""
    return Request("GET", _path(name), Secret.model_validate)


def kept(name: str, fields: Mapping[str, Any]) -> Request[Secret]:
    """Kept, in the place of what was there; `SecretInput`'s fields."""
    return Request("PUT", _path(name), Secret.model_validate, body=body_of(SecretInput, fields))


def deleted(name: str) -> Request[None]:
    """Erase it."""
    return Request("DELETE", _path(name), lambda _: None)


def _path(name: str) -> str:
    return f"/v1/secrets/{segment(name)}"
