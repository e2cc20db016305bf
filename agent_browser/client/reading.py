"""Requests for reading, printing and comparing pages."""

from collections.abc import Mapping
from typing import Any, cast

from agent_browser.client import requests
from agent_browser.client.requests import PATIENCE, Request, body_of
from agent_browser.models.comparing import CompareInput, CompareOutput
from agent_browser.models.reading import PdfInput, PdfOutput, ReadInput, ReadOutput

Side = str | dict[str, Any]
"""A session's id, an address, or `{"url": …}` with options of its own."""


def read(session: str, options: Mapping[str, Any]) -> Request[ReadOutput]:
    """`read`, with `ReadInput`'s fields as options. InvalidRequest for what it doesn't have."""
    body = body_of(ReadInput, options)
    return cast("Request[ReadOutput]", requests.call("read", body, session=session))


def pdf(session: str, options: Mapping[str, Any]) -> Request[PdfOutput]:
    """`pdf`, with `PdfInput`'s fields as options."""
    body = body_of(PdfInput, options)
    return cast("Request[PdfOutput]", requests.call("pdf", body, session=session))


def compare(a: Side, b: Side, options: Mapping[str, Any]) -> Request[CompareOutput]:
    """A comparison, with `CompareInput`'s fields as options."""
    body = body_of(CompareInput, {**options, "a": a, "b": b})
    parsed = CompareInput.model_validate(body)
    return Request(
        "POST",
        "/v1/compare",
        CompareOutput.model_validate,
        body=body,
        patience=parsed.timeout + PATIENCE,
    )
