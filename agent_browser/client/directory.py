"""Requests that find, name, keep alive and follow sessions."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agent_browser.client.requests import PATIENCE, Request, body_of, segment
from agent_browser.models.actions import ActionList
from agent_browser.models.events import EventType
from agent_browser.models.sessions import (
    Session,
    SessionList,
    SessionPatch,
    SessionQuery,
    TimeoutsInput,
)


def listed(query: Mapping[str, Any]) -> Request[SessionList]:
    """A page of the caller's sessions; `SessionQuery`'s fields. InvalidRequest for others."""
    asked = body_of(SessionQuery, query)
    return Request("GET", "/v1/sessions", SessionList.model_validate, query=_query(asked))


def updated(session: str, changes: Mapping[str, Any]) -> Request[Session]:
    """What is given is changed; a `name` of None is none. `SessionPatch`'s fields."""
    body = body_of(SessionPatch, changes)
    if "name" in changes and changes["name"] is None:
        body["name"] = None
    return Request("PATCH", _path(session), Session.model_validate, body=body)


def timed(session: str, timeouts: Mapping[str, Any]) -> Request[Session]:
    """Other timeouts from now on; `TimeoutsInput`'s fields."""
    body = body_of(TimeoutsInput, timeouts)
    return Request("PATCH", f"{_path(session)}/timeout", Session.model_validate, body=body)


def renewed(session: str) -> Request[Session]:
    """Its idle time counts from now."""
    return Request("POST", f"{_path(session)}/renew", Session.model_validate)


def kept_alive(session: str) -> Request[Session]:
    """As a use, but it has not been used."""
    return Request("POST", f"{_path(session)}/heartbeat", Session.model_validate)


def actions(session: str, limit: int | None, cursor: str | None) -> Request[ActionList]:
    """A page of its log, oldest first."""
    asked = {"limit": limit, "cursor": cursor}
    query = _query({name: value for name, value in asked.items() if value is not None})
    return Request("GET", f"{_path(session)}/actions", ActionList.model_validate, query=query)


def events(
    session: str | None, types: Sequence[EventType], after: int | None, *, follow: bool
) -> Request[None]:
    """The stream of one session's events, or of all the caller's."""
    query: dict[str, Any] = {}
    if types:
        query["type"] = list(types)
    if after is not None:
        query["after"] = after
    if not follow:
        query["follow"] = False
    return Request(
        "GET",
        "/v1/events" if session is None else f"{_path(session)}/events",
        lambda _: None,
        query=_query(query),
        headers={"Accept": "text/event-stream"},
        patience=PATIENCE,
    )


def _path(session: str) -> str:
    return f"/v1/sessions/{segment(session)}"


def _query(values: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """As it stands in an address: lists are repeated, booleans in lower case."""
    return {
        name: [str(one) for one in cast("list[object]", value)]
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for name, value in values.items()
    }
