"""Events: what happens to sessions, told while it happens."""

import json
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.deps import Caller, Service, UntilOver
from agent_browser.api.described import SESSION
from agent_browser.api.following import Following as Streams
from agent_browser.api.openapi import Responses, failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.api.streaming import EVENT_STREAM, FRAME
from agent_browser.hub import Follow
from agent_browser.models.events import EVENT_TYPES, EventType

router = APIRouter(tags=["events"])

GREATEST = 2**63 - 1
_EVENT: dict[str, Any] = {
    "id": 1795166400000042,
    "type": "navigated",
    "session_id": SESSION,
    "at": "2026-11-20T09:31:12.500Z",
    "data": {
        "url": "https://example.com/more?page=2#top",
        "path": "/more",
        "search": "?page=2",
        "hash": "#top",
        "title": "More",
        "tab": "t1",
    },
}
_SENT = {"id": str(_EVENT["id"]), "event": "navigated", "data": json.dumps(_EVENT)}
_STREAM: Responses = {
    200: {
        "description": "The events, for as long as the caller reads them",
        "content": {EVENT_STREAM: {"schema": FRAME, "example": _SENT}},
    }
}
_TOLD: Responses = {204: {"description": "The session has ended, and all of it was told"}}


async def _following(request: Request) -> Streams:
    return cast("Streams", request.app.state.following)


Following = Annotated[Streams, Depends(_following)]
Types = Annotated[
    list[EventType],
    Query(max_length=len(EVENT_TYPES), description="Only these types; all if absent."),
]
After = Annotated[
    int | None,
    Query(
        ge=0,
        le=GREATEST,
        description="Begin after the event of this id, if it is held; 0: with all that is held.",
    ),
]
LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=GREATEST,
        description="What `after` is; sent by who comes back. It goes before `after`.",
    ),
]
GoesOn = Annotated[
    bool, Query(alias="follow", description="false: what is held, and then the end.")
]


@router.get(
    "/v1/events",
    operation_id="follow_events",
    summary="Follow all sessions",
    response_class=Response,
    responses={**_STREAM, **failing(errors.SessionNotFound, errors.SessionExpired, errors.TooMany)},
)
async def follow_events(
    following: Following,
    service: Service,
    caller: Caller,
    until: UntilOver,
    type: Types = [],  # noqa: B006 (never changed)
    session: Annotated[
        str | None, Query(max_length=256, description="Only events of this session.")
    ] = None,
    after: After = None,
    last_event_id: LastEventId = None,
    goes_on: GoesOn = True,
) -> Response:
    """What happens to the caller's sessions, as server-sent events. It ends when the caller's key
    does, or is revoked, and not by itself.
    """
    owner = caller.owner
    if session is not None:
        owner = (await service.get(caller, session)).owner
    return following.stream(
        _follow(owner, session, type),
        after=_begin(after, last_event_id, goes_on),
        goes_on=goes_on,
        until=until,
    )


@router.get(
    "/v1/sessions/{session_id}/events",
    operation_id="follow_session",
    summary="Follow a session",
    response_class=Response,
    responses={
        **_STREAM,
        **_TOLD,
        **failing(errors.SessionNotFound, errors.SessionExpired, errors.TooMany),
    },
)
async def follow_session(
    session_id: SessionId,
    following: Following,
    service: Service,
    caller: Caller,
    until: UntilOver,
    type: Types = [],  # noqa: B006 (never changed)
    after: After = None,
    last_event_id: LastEventId = None,
    goes_on: GoesOn = True,
) -> Response:
    """What happens to one session, as server-sent events. Who follows it keeps it alive. The stream
    ends with the event `end` once the session's own end was told.
    """
    session = await service.get(caller, session_id)
    follow, begin = _follow(session.owner, session_id, type), _begin(after, last_event_id, goes_on)
    if begin and following.has_told(follow, session, begin):
        return Response(status_code=204)
    return following.stream(
        follow,
        after=begin,
        goes_on=goes_on,
        until=until,
        attended=lambda: service.attended(caller, session_id),
    )


def _follow(owner: str, session: str | None, types: list[EventType]) -> Follow:
    return Follow(owner, session, frozenset(types or EVENT_TYPES))


def _begin(after: int | None, last_event_id: int | None, goes_on: bool) -> int | None:
    given = after if last_event_id is None else last_event_id
    return 0 if given is None and not goes_on else given
