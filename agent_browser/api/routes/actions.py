"""The log of a session: in pages, or whole as lines of JSON."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.api.streaming import NDJSON, Give, Lines
from agent_browser.models.actions import ActionList

router = APIRouter(tags=["sessions"])

_ACTION: dict[str, Any] = {
    "id": 41,
    "session_id": SESSION,
    "at": "2026-11-20T09:31:12.500Z",
    "function": "interact",
    "action": "click",
    "input": {"ref": "@e7"},
    "outcome": "ok",
    "code": None,
    "message": None,
    "milliseconds": 31.4,
    "url_before": "https://example.com/",
    "url": "https://example.com/more",
    "client": None,
    "thumbnail": None,
}
_CONTENT: dict[str, Any] = {
    "application/json": {"example": {"items": [_ACTION], "next_cursor": None, "dropped": 0}},
    NDJSON: {"schema": {"type": "string"}, "example": json.dumps(_ACTION) + "\n"},
}


@router.get(
    "/v1/sessions/{session_id}/actions",
    operation_id="list_actions",
    summary="Read a session's log",
    response_model=ActionList,
    responses={
        200: {"description": "A page of the log, or the whole of it as lines", "content": _CONTENT},
        **failing(errors.SessionNotFound, errors.SessionExpired, errors.DatabaseUnusable),
    },
)
async def list_actions(
    request: Request,
    session_id: SessionId,
    service: Service,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most entries in a page.")] = 100,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """Every function called on the session, oldest first, secrets masked; of an ended one too while
    it is remembered. `Accept: application/x-ndjson` gets all that is kept, an entry a line.
    """
    if NDJSON not in request.headers.get("accept", "").lower():
        return json_answer(await service.actions(caller, session_id, limit=limit, cursor=cursor))
    # Asked for first, so that a session that is not there is an answer and not half a stream.
    await service.actions(caller, session_id, limit=1, cursor=None)

    async def give_all(give: Give) -> None:
        async for action in service.all_actions(caller, session_id):
            await give(action)

    return Lines(give_all)
