"""The request for emulation."""

from collections.abc import Mapping
from typing import Any, cast

from agent_browser.client import requests
from agent_browser.client.requests import Request, body_of
from agent_browser.models.emulation import EmulateInput, EmulateOutput


def emulate(session: str, options: Mapping[str, Any]) -> Request[EmulateOutput]:
    """`emulate`, with `EmulateInput`'s fields as options."""
    body = body_of(EmulateInput, options)
    return cast("Request[EmulateOutput]", requests.call("emulate", body, session=session))
