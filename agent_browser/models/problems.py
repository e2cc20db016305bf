"""Errors on the wire: application/problem+json (RFC 9457)."""

from pydantic import BaseModel, ConfigDict

from agent_browser.errors import Recovery


class FieldError(BaseModel):
    """One field that is wrong."""

    field: str
    message: str


class Problem(BaseModel):
    """An error. A code's own fields (retry_after, ended_at, errors, …) stand beside these."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    recovery: Recovery
    request_id: str
