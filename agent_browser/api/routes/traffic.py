"""What a session sent and received, by host."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.models.egress import Traffic

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["sessions"])

_TRAFFIC: dict[str, Any] = {
    "bytes_up": 2840,
    "bytes_down": 51_230,
    "denied": 1,
    "items": [
        {
            "host": "example.com:443",
            "requests": 2,
            "denied": 0,
            "bytes_up": 2840,
            "bytes_down": 51_230,
        },
        {
            "host": "169.254.169.254:80",
            "requests": 1,
            "denied": 1,
            "bytes_up": 0,
            "bytes_down": 0,
        },
    ],
}


@router.get(
    "/traffic",
    operation_id="get_traffic",
    summary="What a session sent and received",
    response_model=Traffic,
    responses={
        200: {"description": "Bytes by host, most first", "content": example(_TRAFFIC)},
        **failing(errors.SessionNotFound, errors.SessionExpired),
    },
)
async def get_traffic(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """Counted since it is live: of a hibernated one, until it fell asleep, or nothing where that
    was before this server started. To ask is no use of it, and brings none back.
    """
    return json_answer(await service.traffic(caller, session_id))
