"""The audit log."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import AuditTrail, Caller
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.models.audit import AuditList
from agent_browser.store.audit import Asked

router = APIRouter(tags=["operations"])

_ENTRY: dict[str, Any] = {
    "id": 4711,
    "at": "2026-11-20T09:30:00.000Z",
    "owner": "ann",
    "key": "key_3f9a",
    "name": "ci",
    "client": None,
    "address": "203.0.113.7",
    "method": "POST",
    "route": "/v1/sessions/{session_id}/open",
    "action": "open",
    "session_id": SESSION,
    "subject": None,
    "status": 200,
    "code": None,
    "request_id": "req_z-vPbUj3Qtv0h9j7m_eUsQ",
}


def _in_utc(at: datetime) -> datetime:
    """A time without a zone is of UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_in_utc)]


@router.get(
    "/v1/audit",
    operation_id="list_audit",
    summary="Who did what",
    response_model=AuditList,
    responses={
        200: {
            "description": "A page of entries",
            "content": example({"items": [_ENTRY], "next_cursor": None}),
        },
        **failing(errors.Forbidden, errors.DatabaseUnusable),
    },
)
async def list_audit(
    trail: AuditTrail,
    caller: Caller,
    owner: Annotated[str | None, Query(max_length=512, description="Of this caller.")] = None,
    session: Annotated[str | None, Query(max_length=64, description="On this session.")] = None,
    action: Annotated[
        str | None, Query(max_length=200, description="A function, or an operation's id.")
    ] = None,
    since: Annotated[Time | None, Query(description="From this time on.")] = None,
    until: Annotated[Time | None, Query(description="Before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most entries in a page.")] = 100,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """Newest first: all that changed something, what was refused, and what an admin read of
    states, recordings and secrets. For who has `admin`.
    """
    caller.require("admin")
    asked = Asked(owner, session, action, since, until)
    return json_answer(await trail.page(asked, limit=limit, cursor=cursor))
