"""Requests for profiles: saved states that sessions start from."""

from collections.abc import Mapping
from typing import Any

from agent_browser.client.requests import Request, body_of, segment
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.state import StateDocument, StorageState

PATIENCE = 180.0
"""Seconds that saving one may take: a session's turn, and all that its pages have stored."""
_CAN_BE_TAKEN = ("description", "timeouts", "options")


def listed() -> Request[ProfileList]:
    """All of the caller's, by name."""
    return Request("GET", "/v1/profiles", ProfileList.model_validate)


def shown(name: str) -> Request[Profile]:
    """One of them."""
    return Request("GET", _path(name), Profile.model_validate)


def saved(name: str, fields: Mapping[str, Any]) -> Request[Profile]:
    """Made, or changed in what is given; `ProfileInput`'s fields. None takes a description,
    timeouts or options away; a `storage_state` that is a mapping goes as it is, for the server to
    judge.
    """
    given = dict(fields)
    state = given.pop("storage_state", None)
    body = body_of(ProfileInput, given)
    body |= {name: None for name in _CAN_BE_TAKEN if name in given and given[name] is None}
    if isinstance(state, StorageState):
        state = state.model_dump(by_alias=True, exclude_unset=True)
    if state is not None:
        body["storage_state"] = dict(state)
    return Request("PUT", _path(name), Profile.model_validate, body=body, patience=PATIENCE)


def state(name: str) -> Request[StateDocument]:
    """What it holds."""
    return Request("GET", f"{_path(name)}/state", StateDocument.model_validate)


def storage_state(name: str) -> Request[dict[str, Any]]:
    """Just what Playwright's `storage_state` has, as it is written to files."""
    return Request("GET", f"{_path(name)}/state", _object, query={"form": "playwright"})


def deleted(name: str) -> Request[None]:
    """Erase it."""
    return Request("DELETE", _path(name), lambda _: None)


def _path(name: str) -> str:
    return f"/v1/profiles/{segment(name)}"


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data
