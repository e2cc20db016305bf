"""Requests for what a session's pages store and send each other."""

from collections.abc import Mapping
from typing import Any, cast

from agent_browser.client import requests
from agent_browser.client.requests import Request, body_of
from agent_browser.models.cookies import CookiesInput, CookiesOutput
from agent_browser.models.messages import MessagesInput, MessagesOutput
from agent_browser.models.storage import StorageInput, StorageOutput


def storage(session: str, action: str, options: Mapping[str, Any]) -> Request[StorageOutput]:
    """`storage`, with `StorageInput`'s fields as options. InvalidRequest for what it hasn't."""
    given = {**options, "action": action}
    if "value" in given and given["value"] is None:
        given["value"] = "null"  # what would be stored; None stands for an option left out
    body = body_of(StorageInput, given)
    return cast("Request[StorageOutput]", requests.call("storage", body, session=session))


def cookies(session: str, options: Mapping[str, Any]) -> Request[CookiesOutput]:
    """`cookies`, with `CookiesInput`'s fields as options."""
    body = body_of(CookiesInput, options)
    return cast("Request[CookiesOutput]", requests.call("cookies", body, session=session))


def messages(session: str, options: Mapping[str, Any]) -> Request[MessagesOutput]:
    """`messages`, with `MessagesInput`'s fields as options."""
    body = body_of(MessagesInput, options)
    return cast("Request[MessagesOutput]", requests.call("messages", body, session=session))
