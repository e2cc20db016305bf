"""Requests for a session's network and console."""

from collections.abc import Mapping
from typing import Any, cast

from agent_browser.client import requests
from agent_browser.client.requests import Request, body_of
from agent_browser.models.network import (
    ConsoleInput,
    ConsoleOutput,
    HarInput,
    HarOutput,
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
)
from agent_browser.models.routing import (
    RouteInput,
    RouteOutput,
)


def listed(session: str, options: Mapping[str, Any]) -> Request[RequestsOutput]:
    """`requests`, with `RequestsInput`'s fields as options. InvalidRequest for what it hasn't."""
    body = body_of(RequestsInput, options)
    return cast("Request[RequestsOutput]", requests.call("requests", body, session=session))


def whole(session: str, id: str, options: Mapping[str, Any]) -> Request[RequestOutput]:
    """`request`, with `RequestInput`'s fields as options."""
    body = body_of(RequestInput, {**options, "id": id})
    return cast("Request[RequestOutput]", requests.call("request", body, session=session))


def route(session: str, options: Mapping[str, Any]) -> Request[RouteOutput]:
    """`route`, with `RouteInput`'s fields as options."""
    body = body_of(RouteInput, options)
    return cast("Request[RouteOutput]", requests.call("route", body, session=session))


def har(session: str, action: str, options: Mapping[str, Any]) -> Request[HarOutput]:
    """`har`, with `HarInput`'s fields as options."""
    body = body_of(HarInput, {**options, "action": action})
    return cast("Request[HarOutput]", requests.call("har", body, session=session))


def console(session: str, options: Mapping[str, Any]) -> Request[ConsoleOutput]:
    """`console`, with `ConsoleInput`'s fields as options."""
    body = body_of(ConsoleInput, options)
    return cast("Request[ConsoleOutput]", requests.call("console", body, session=session))
