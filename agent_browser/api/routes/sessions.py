"""Sessions: made, listed, looked up, ended."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import Caller, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.models.sessions import Health, Session, SessionCreate, SessionList, SessionState

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

_SESSION: dict[str, Any] = {
    "id": SESSION,
    "name": "checkout test",
    "tags": ["shop"],
    "metadata": {},
    "state": "live",
    "phase": "active",
    "created_at": "2026-11-20T09:30:00.000Z",
    "last_activity_at": "2026-11-20T09:31:12.500Z",
    "expires_at": "2026-11-20T10:01:12.500Z",
    "ended_at": None,
    "end_reason": None,
    "timeouts": {"idle": 1800.0, "max_duration": 43200.0},
    "url": "https://example.com/",
    "title": "Example Domain",
    "tabs": [],
    "recording": False,
    "owner": "local",
}
_HEALTH = {"status": "ok", "live": 3, "opening": 0, "waiting": 0, "ended": 12, "capacity": 200,
           "warm": 4, "browsers": 2, "pressure": "none"}  # fmt: skip
_CREATE = Body(
    openapi_examples={
        "named": {"summary": "A named session", "value": {"name": "checkout test"}},
        "short": {"summary": "Ends soon when idle", "value": {"timeouts": {"idle": "90s"}}},
    }
)


@router.post(
    "",
    operation_id="create_session",
    summary="Make a session",
    status_code=201,
    response_model=Session,
    responses={
        201: {
            "description": "The session",
            "content": example(_SESSION),
            "headers": {"Location": {"schema": {"type": "string"}, "description": "Its address."}},
        },
        **failing(errors.InvalidTimeout, errors.PayloadTooLarge, errors.PoolFull,
                  errors.BrowserLost, errors.DeadlineExceeded),
    },
)  # fmt: skip
async def create_session(
    request: Request,
    service: Service,
    caller: Caller,
    options: Annotated[SessionCreate, _CREATE] = SessionCreate(),  # noqa: B008 (never changed)
) -> Response:
    """A context of its own with a blank page, live at once; `open` loads a page in it."""
    made = await while_connected(request, service.create(caller, options))
    return json_answer(made, 201, {"Location": f"/v1/sessions/{made.id}"})


@router.get(
    "",
    operation_id="list_sessions",
    summary="List sessions",
    response_model=SessionList,
    responses={
        200: {
            "description": "A page of them",
            "content": example({"items": [_SESSION], "next_cursor": None}),
        },
        **failing(),
    },
)
async def list_sessions(
    service: Service,
    caller: Caller,
    state: Annotated[SessionState | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most sessions in a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """The caller's sessions, most recent activity first; ended ones too while remembered."""
    return json_answer(await service.list(caller, state=state, limit=limit, cursor=cursor))


@router.get(
    "/health",
    operation_id="sessions_health",
    summary="Counts and room",
    response_model=Health,
    responses={200: {"description": "The pool now", "content": example(_HEALTH)}, **failing()},
)
async def sessions_health(service: Service, caller: Caller) -> Response:
    """Sessions by state, how many there is room for, and why a new one would have to wait."""
    return json_answer(await service.health(caller))


@router.get(
    "/{session_id}",
    operation_id="get_session",
    summary="Look a session up",
    response_model=Session,
    responses={
        200: {"description": "The session", "content": example(_SESSION)},
        **failing(errors.SessionNotFound, errors.SessionExpired),
    },
)
async def get_session(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """One session, an ended one too while it is remembered."""
    return json_answer(await service.get(caller, session_id))


@router.delete(
    "/{session_id}",
    operation_id="end_session",
    summary="End a session",
    status_code=204,
    response_class=Response,
    responses=failing(errors.SessionNotFound, errors.SessionExpired, errors.DeadlineExceeded),
)
async def end_session(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    purge: Annotated[
        bool, Query(description="Also erase its record, artifacts and recordings, at once.")
    ] = False,
) -> Response:
    """Closes its context; its videos stay. Ending it again is a success."""
    await service.end(caller, session_id, purge=purge)
    return Response(status_code=204)
