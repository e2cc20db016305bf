"""Sessions: made, listed, looked up, named, kept alive, ended."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import Caller, Runs, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.models.sessions import (
    Health,
    Session,
    SessionCreate,
    SessionList,
    SessionPatch,
    SessionQuery,
    TimeoutsInput,
)

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

EXAMPLE: dict[str, Any] = {
    "id": SESSION,
    "name": "checkout test",
    "pinned": False,
    "tags": ["shop"],
    "metadata": {},
    "state": "live",
    "phase": "active",
    "created_at": "2026-11-20T09:30:00.000Z",
    "last_activity_at": "2026-11-20T09:31:12.500Z",
    "expires_at": "2026-11-20T10:01:12.500Z",
    "hibernated_at": None,
    "frozen": False,
    "ended_at": None,
    "end_reason": None,
    "renewal_count": 0,
    "timeouts": {
        "idle": 1800.0,
        "max_duration": 43200.0,
        "warning": 300.0,
        "auto_renew": True,
        "retention": 86400.0,
        "on_idle": "auto",
    },
    "profile": None,
    "url": "https://example.com/",
    "title": "Example Domain",
    "tabs": [],
    "recording": False,
    "dialog": None,
    "keeps": {
        "log_bodies": True,
        "log_thumbnails": False,
        "page_text": True,
        "log_retention": 2592000.0,
        "page_text_retention": 604800.0,
        "recording_retention": 604800.0,
    },
    "owner": "local",
}
_HEALTH = {"status": "ok", "live": 3, "opening": 0, "waiting": 0, "hibernated": 41, "ended": 12,
           "capacity": 200, "warm": 4, "browsers": 2, "pressure": "none"}  # fmt: skip
_CREATE = Body(
    openapi_examples={
        "named": {"summary": "A named session", "value": {"name": "checkout test"}},
        "short": {"summary": "Ends soon when idle", "value": {"timeouts": {"idle": "90s"}}},
        "fixed": {
            "summary": "Ends when nobody renews it, used or not",
            "value": {"timeouts": {"idle": "1h", "auto_renew": False}},
        },
    }
)
_PATCH = Body(
    openapi_examples={
        "name": {"summary": "Another name", "value": {"name": "billing", "pinned": True}},
        "longer": {"summary": "A longer idle timeout", "value": {"timeouts": {"idle": "2h"}}},
        "less": {
            "summary": "Less is kept of it",
            "value": {"privacy": {"log_bodies": False, "log_retention": "1h"}},
        },
    }
)
_TIMEOUTS = Body(
    openapi_examples={"usual": {"summary": "Idle and warning", "value": {"idle": "2h"}}}
)
_GONE = (
    errors.SessionNotFound,
    errors.SessionEnded,
    errors.SessionExpired,
    errors.DatabaseUnusable,
)
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The session", "content": example(EXAMPLE)}
}


@router.post(
    "",
    operation_id="create_session",
    summary="Make a session",
    status_code=201,
    response_model=Session,
    responses={
        201: {
            "description": "The session",
            "content": example(EXAMPLE),
            "headers": {"Location": {"schema": {"type": "string"}, "description": "Its address."}},
        },
        **failing(errors.InvalidTimeout, errors.PayloadTooLarge, errors.PoolFull,
                  errors.QuotaExceeded, errors.BrowserLost, errors.DeadlineExceeded,
                  errors.ProfileNotFound,
                  errors.CheckpointUnusable, errors.StateLocked, errors.DatabaseUnusable),
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
            "content": example({"items": [EXAMPLE], "next_cursor": None}),
        },
        **failing(errors.DatabaseUnusable),
    },
)
async def list_sessions(
    service: Service, caller: Caller, query: Annotated[SessionQuery, Query()]
) -> Response:
    """The caller's sessions, pinned ones first, then most recent activity; with `q` the best finds
    first. Ended ones too while remembered.
    """
    return json_answer(await service.list(caller, query))


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
        200: {"description": "The session", "content": example(EXAMPLE)},
        **failing(errors.SessionNotFound, errors.SessionExpired, errors.DatabaseUnusable),
    },
)
async def get_session(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """One session, an ended one too while it is remembered."""
    return json_answer(await service.get(caller, session_id))


@router.patch(
    "/{session_id}",
    operation_id="update_session",
    summary="Name, pin or tag a session, or change its timeouts and what is kept of it",
    response_model=Session,
    responses={**_KNOWN, **failing(*_GONE, errors.InvalidTimeout)},
)
async def update_session(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    patch: Annotated[SessionPatch, _PATCH],
) -> Response:
    """What is given is changed; a `name` of null is none. Of a session that has ended, all but what
    only a live one has: of `timeouts` its `retention`, of `privacy` the retentions.
    """
    return json_answer(await service.update(caller, session_id, patch))


@router.patch(
    "/{session_id}/timeout",
    operation_id="update_timeouts",
    summary="Change a session's timeouts",
    response_model=Session,
    responses={**_KNOWN, **failing(*_GONE, errors.InvalidTimeout)},
)
async def update_timeouts(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    timeouts: Annotated[TimeoutsInput, _TIMEOUTS],
) -> Response:
    """Those that are given, from now on; the idle time counts from where it did."""
    return json_answer(await service.update(caller, session_id, SessionPatch(timeouts=timeouts)))


@router.post(
    "/{session_id}/renew",
    operation_id="renew_session",
    summary="Renew a session",
    response_model=Session,
    responses={**_KNOWN, **failing(*_GONE, errors.CannotRenew)},
)
async def renew_session(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """Its idle time counts from now, also without `auto_renew`; `expires_at` is the new one."""
    return json_answer(await service.renew(caller, session_id))


async def heartbeat(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """Its idle time counts from now, as after a call, but it has not been used. Without
    `auto_renew` only a renewal moves `expires_at`.
    """
    return json_answer(await service.heartbeat(caller, session_id))


for _name, _summary in (("heartbeat", "Keep a session alive"), ("keepalive", "As heartbeat")):
    router.post(
        f"/{{session_id}}/{_name}",
        operation_id=f"{_name}_session",
        summary=_summary,
        response_model=Session,
        responses={**_KNOWN, **failing(*_GONE)},
    )(heartbeat)


@router.delete(
    "/{session_id}",
    operation_id="end_session",
    summary="End a session",
    status_code=204,
    response_class=Response,
    responses=failing(
        errors.SessionNotFound,
        errors.SessionExpired,
        errors.DatabaseUnusable,
        errors.DeadlineExceeded,
    ),
)
async def end_session(
    session_id: SessionId,
    service: Service,
    runs: Runs,
    caller: Caller,
    purge: Annotated[
        bool, Query(description="Also erase all that is kept of it, at once.")
    ] = False,
) -> Response:
    """Closes its context; its videos stay. Ending it again is a success."""
    await service.end(caller, session_id, purge=purge)
    if purge:
        await runs.forget_session(caller, session_id)
    return Response(status_code=204)
