"""Requests that save sessions, hibernate them, bring them back, and make them what they were."""

from collections.abc import Mapping
from typing import Any

from agent_browser.client.requests import Request, body_of, segment
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.egress import Traffic
from agent_browser.models.sessions import ForkInput, Session
from agent_browser.models.state import StateDocument, StorageState


def hibernated(session: str, *, force: bool = False) -> Request[Session]:
    """Saved, and without its browser context until the next call."""
    body = {"force": True} if force else {}
    return Request("POST", f"{_path(session)}/hibernate", Session.model_validate, body=body)


def resumed(session: str) -> Request[Session]:
    """Brought back now."""
    return Request("POST", f"{_path(session)}/resume", Session.model_validate)


def forked(session: str, options: Mapping[str, Any]) -> Request[Session]:
    """A new session from its state; `ForkInput`'s fields. InvalidRequest for others."""
    body = body_of(ForkInput, options)
    return Request("POST", f"{_path(session)}/fork", Session.model_validate, body=body)


def saved(session: str) -> Request[Checkpoint]:
    """A checkpoint, made now."""
    return Request("POST", f"{_path(session)}/checkpoints", Checkpoint.model_validate)


def checkpoints(session: str) -> Request[CheckpointList]:
    """Those that are kept of it, newest first."""
    return Request("GET", f"{_path(session)}/checkpoints", CheckpointList.model_validate)


def traffic(session: str) -> Request[Traffic]:
    """What it sent and received since it is live, by host."""
    return Request("GET", f"{_path(session)}/traffic", Traffic.model_validate)


def restored(session: str, checkpoint: str) -> Request[Session]:
    """What it was at a checkpoint."""
    path = f"{_path(session)}/checkpoints/{segment(checkpoint)}/restore"
    return Request("POST", path, Session.model_validate)


def state(session: str) -> Request[StateDocument]:
    """All that it is."""
    return Request("GET", f"{_path(session)}/state", StateDocument.model_validate)


def storage_state(session: str) -> Request[dict[str, Any]]:
    """Just what Playwright's `storage_state` has, as it is written to files."""
    query = {"form": "playwright"}
    return Request("GET", f"{_path(session)}/state", _object, query=query)


def put_state(session: str, state: Mapping[str, Any] | StorageState) -> Request[Session]:
    """It becomes what that says; a mapping goes as it is, for the server to judge."""
    body = (
        state.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if isinstance(state, StorageState)
        else dict(state)
    )
    return Request("PUT", f"{_path(session)}/state", Session.model_validate, body=body)


def _path(session: str) -> str:
    return f"/v1/sessions/{segment(session)}"


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data
