"""Requests for recordings and traces of live sessions."""

from collections.abc import Mapping
from typing import Any, cast

from agent_browser.client import requests
from agent_browser.client.requests import Request, body_of
from agent_browser.models.recording import RecordInput, RecordOutput, TraceInput, TraceOutput


def record(session: str, action: str, options: Mapping[str, Any]) -> Request[RecordOutput]:
    """`record`, with `RecordInput`'s fields as options. InvalidRequest for what it doesn't have."""
    body = body_of(RecordInput, {**options, "action": action})
    return cast("Request[RecordOutput]", requests.call("record", body, session=session))


def trace(session: str, action: str, options: Mapping[str, Any]) -> Request[TraceOutput]:
    """`trace`, with `TraceInput`'s fields as options."""
    body = body_of(TraceInput, {**options, "action": action})
    return cast("Request[TraceOutput]", requests.call("trace", body, session=session))
