"""States of sessions: hibernated, brought back, forked; checkpoints; the state as a document."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import document_answer, example, json_answer, while_connected
from agent_browser.api.deps import Caller, Service
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.api.routes.sessions import EXAMPLE
from agent_browser.models.checkpoints import Checkpoint, CheckpointList
from agent_browser.models.sessions import ForkInput, HibernateInput, Session
from agent_browser.models.state import StateDocument
from agent_browser.session.documents import storage_state

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["sessions"])

CHECKPOINT = "ckp_5sQ0fJ8mYQm0Zr2i3v9uNw"
_HIBERNATED = {**EXAMPLE, "state": "hibernated", "hibernated_at": "2026-11-20T10:01:12.500Z",
               "expires_at": "2026-11-21T10:01:12.500Z"}  # fmt: skip
_FORKED = {**EXAMPLE, "id": "ses_9uXo1mC5T8aK2vLw0QdZ7g", "name": "checkout test, without coupon"}
_CHECKPOINT: dict[str, Any] = {
    "id": CHECKPOINT,
    "created_at": "2026-11-20T09:31:13.700Z",
    "cause": "demand",
    "size": 20145,
    "written": 1804,
    "losses": [
        {
            "what": "service_worker",
            "where": "https://example.com",
            "why": "a registration is not saved",
        }
    ],
}
_LIST = {"items": [_CHECKPOINT], "next_cursor": None}
_STORAGE: dict[str, Any] = {
    "cookies": [
        {
            "name": "sid",
            "value": "4f1c",
            "domain": "example.com",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": True,
            "sameSite": "Lax",
        }
    ],
    "origins": [
        {
            "origin": "https://example.com",
            "localStorage": [{"name": "theme", "value": "dark"}],
        }
    ],
}
_DOCUMENT: dict[str, Any] = {
    **_STORAGE,
    "version": 1,
    "active": "t1",
    "tabs": [
        {
            "id": "t1",
            "url": "https://example.com/more",
            "title": "More",
            "history": {
                "index": 1,
                "entries": [
                    {"url": "https://example.com/", "title": "Example Domain"},
                    {"url": "https://example.com/more", "title": "More"},
                ],
            },
            "sessionStorage": [
                {"origin": "https://example.com", "entries": [{"name": "step", "value": "2"}]}
            ],
            "scroll": {"x": 0, "y": 240},
            "fields": [{"path": "#guest", "kind": "value", "value": "Ada"}],
        }
    ],
}
_HIBERNATE = Body(
    openapi_examples={
        "usual": {"summary": "Unless something would be lost", "value": {"force": False}},
        "force": {"summary": "In any case", "value": {"force": True}},
    }
)
_FORK = Body(
    openapi_examples={
        "now": {"summary": "From what it is now", "value": {"name": "without coupon"}},
        "before": {"summary": "From a checkpoint", "value": {"checkpoint": CHECKPOINT}},
        "short": {"summary": "Ends when it is idle",
                  "value": {"timeouts": {"idle": "90s", "on_idle": "end"}}},
    }
)  # fmt: skip
_PUT = Body(
    openapi_examples={
        "state": {"summary": "What GET gave", "value": _DOCUMENT},
        "playwright": {"summary": "Playwright's storage_state", "value": _STORAGE},
    }
)
CheckpointId = Annotated[
    str, Path(max_length=64, description="The checkpoint's id, as listed.", examples=[CHECKPOINT])
]
Form = Annotated[
    Literal["state", "playwright"],
    Query(
        description="state: all of it; playwright: just what Playwright's `storage_state` has, "
        "without tabs."
    ),
]
_GONE = (
    errors.SessionNotFound,
    errors.SessionEnded,
    errors.SessionExpired,
    errors.DatabaseUnusable,
)
_READ = (
    *_GONE,
    errors.SessionQueueFull,
    errors.BrowserLost,
    errors.StateLocked,
    errors.DeadlineExceeded,
)
"""What may come of what waits for its turn, and looks at what the session is."""
_CHANGED = (*_READ, errors.ControlTaken, errors.StorageFull)
"""What may come of what gives up what the session is now, and saves it before."""
_BROUGHT = (
    errors.CheckpointUnusable, errors.QuotaExceeded, errors.PoolFull, errors.ResumeFailed,
)  # fmt: skip
"""What may come of bringing a state into a browser."""
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The session", "content": example(EXAMPLE)}
}


@router.post(
    "/hibernate",
    operation_id="hibernate_session",
    summary="Hibernate a session",
    response_model=Session,
    responses={
        200: {"description": "The session", "content": example(_HIBERNATED)},
        **failing(*_CHANGED, errors.CannotHibernate),
    },
)
async def hibernate_session(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    request: Annotated[HibernateInput, _HIBERNATE] = HibernateInput(),  # noqa: B008 (never changed)
) -> Response:
    """Saves it and gives its browser context back, once the calls that came before are done. The
    next call brings it back; one that is hibernated stays so. Where a page holds what no checkpoint
    can, `unsaved` names it, and `force` loses it.
    """
    return json_answer(await service.hibernate(caller, session_id, force=request.force))


@router.post(
    "/resume",
    operation_id="resume_session",
    summary="Bring a hibernated session back",
    response_model=Session,
    responses={**_KNOWN, **failing(*_GONE, errors.StateLocked, *_BROUGHT)},
)
async def resume_session(
    request: Request, session_id: SessionId, service: Service, caller: Caller
) -> Response:
    """Now, as its next call would: for who wants to wait before that call, and not in it. A session
    that is live stays as it is.
    """
    return json_answer(await while_connected(request, service.resume(caller, session_id)))


@router.post(
    "/fork",
    operation_id="fork_session",
    summary="Make a new session from this one's state",
    status_code=201,
    response_model=Session,
    responses={
        201: {
            "description": "The new session",
            "content": example(_FORKED),
            "headers": {"Location": {"schema": {"type": "string"}, "description": "Its address."}},
        },
        **failing(*_READ, *_BROUGHT, errors.CheckpointNotFound, errors.InvalidTimeout),
    },
)
async def fork_session(
    request: Request,
    session_id: SessionId,
    service: Service,
    caller: Caller,
    options: Annotated[ForkInput, _FORK] = ForkInput(),  # noqa: B008 (never changed)
) -> Response:
    """From what it is now, or was at one of its checkpoints; the first goes on as it is, and the
    two share nothing. A hibernated one is forked without being brought back.
    """
    made = await while_connected(request, service.fork(caller, session_id, options))
    return json_answer(made, 201, {"Location": f"/v1/sessions/{made.id}"})


@router.get(
    "/checkpoints",
    operation_id="list_checkpoints",
    summary="List a session's checkpoints",
    response_model=CheckpointList,
    responses={
        200: {"description": "All that are kept", "content": example(_LIST)},
        **failing(*_GONE, errors.StateLocked),
    },
)
async def list_checkpoints(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """Newest first. `CHECKPOINTS` of them are kept; the oldest goes when one is made."""
    return json_answer(await service.checkpoints(caller, session_id))


@router.post(
    "/checkpoints",
    operation_id="make_checkpoint",
    summary="Save a session now",
    status_code=201,
    response_model=Checkpoint,
    responses={
        201: {"description": "The checkpoint", "content": example(_CHECKPOINT)},
        **failing(*_READ, errors.StorageFull),
    },
)
async def make_checkpoint(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """It is on the disk when this is answered. `losses` says what could not be saved."""
    return json_answer(await service.checkpoint(caller, session_id), 201)


@router.post(
    "/checkpoints/{checkpoint_id}/restore",
    operation_id="restore_checkpoint",
    summary="Make a session what it was at a checkpoint",
    response_model=Session,
    responses={
        **_KNOWN,
        **failing(*_CHANGED, *_BROUGHT, errors.CheckpointNotFound),
    },
)
async def restore_checkpoint(
    session_id: SessionId, checkpoint_id: CheckpointId, service: Service, caller: Caller
) -> Response:
    """What it is now is given up; it keeps id, name, log and recordings. Pages are loaded anew."""
    return json_answer(await service.rewind(caller, session_id, checkpoint_id))


@router.get(
    "/state",
    operation_id="get_state",
    summary="All that a session is",
    response_model=StateDocument,
    responses={
        200: {"description": "The state", "content": example(_DOCUMENT)},
        **failing(*_READ, errors.CheckpointUnusable),
    },
)
async def get_state(
    session_id: SessionId, service: Service, caller: Caller, form: Form = "state"
) -> Response:
    """What a checkpoint of it would hold now; of a hibernated one what it holds, without bringing
    it back. Cookies and storage are as in Playwright's `storage_state`, which takes them so. It has
    secrets in it, and no bound but what the session holds.
    """
    document = await service.state(caller, session_id)
    if form == "playwright":
        return document_answer(storage_state(document))
    return document_answer(document.model_dump(by_alias=True, exclude_unset=True))


@router.put(
    "/state",
    operation_id="put_state",
    summary="Make a session what a state says",
    response_model=Session,
    responses={**_KNOWN, **failing(*_CHANGED, *_BROUGHT, errors.PayloadTooLarge)},
)
async def put_state(
    session_id: SessionId,
    service: Service,
    caller: Caller,
    state: Annotated[StateDocument, _PUT],
) -> Response:
    """In the place of all that it was: what GET gave, of this session or another, or a file of
    Playwright's `storage_state`, which has no tabs. `MAX_STATE` bytes at most.
    """
    return json_answer(await service.put_state(caller, session_id, state))
