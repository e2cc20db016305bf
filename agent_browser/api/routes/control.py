"""Control: which of several clients may act on a session."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.models.control import Control, ControlGranted, ControlInput

router = APIRouter(prefix="/v1/sessions/{session_id}/control", tags=["sessions"])

_HELD: dict[str, Any] = {
    "session_id": SESSION,
    "holder": "night shift",
    "since": "2026-11-20T09:30:00.000Z",
    "expires_at": "2026-11-20T09:31:00.000Z",
    "lease": 60.0,
    "mine": False,
}
_GRANTED = {**_HELD, "mine": True, "token": "ctl_5sQ0fJ8mYQm0Zr2i3v9uNw", "previous": "day shift"}
_TAKE = Body(
    openapi_examples={
        "usual": {"summary": "For a minute at a time", "value": {"client": "night shift"}},
        "long": {"summary": "Longer", "value": {"client": "night shift", "lease": "10m"}},
    }
)
_GONE = (errors.SessionNotFound, errors.SessionEnded, errors.SessionExpired)


@router.post(
    "",
    operation_id="take_control",
    summary="Take control of a session",
    response_model=ControlGranted,
    responses={
        200: {"description": "It is the caller's", "content": example(_GRANTED)},
        **failing(*_GONE),
    },
)
async def take_control(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    request: Annotated[ControlInput, _TAKE] = ControlInput(),  # noqa: B008 (never changed)
) -> Response:
    """The newest wins: who had it before is told by the event `control_taken`, and its actions are
    409 until it takes control back. The `token` of the answer is sent as `X-Control-Token` with
    each call; a call with it renews the lease.
    """
    return json_answer(await service.take_control(caller, session_id, request))


@router.get(
    "",
    operation_id="get_control",
    summary="Who has control of a session",
    response_model=Control,
    responses={200: {"description": "Who has it", "content": example(_HELD)}, **failing(*_GONE)},
)
async def get_control(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """`holder` is null where nobody has: then whoever has the key may act, one call at a time."""
    return json_answer(await service.control(caller, session_id))


@router.delete(
    "",
    operation_id="give_up_control",
    summary="Give up control of a session",
    status_code=204,
    response_class=Response,
    responses=failing(*_GONE, errors.ControlTaken),
)
async def give_up_control(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """With the holder's `X-Control-Token`. Where nobody has control it is a success."""
    await service.give_up_control(caller, session_id)
    return Response(status_code=204)
