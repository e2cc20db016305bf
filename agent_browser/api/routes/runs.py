"""Runs of steps in a session, and the operations that do them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request
from pydantic import BaseModel, Discriminator, Field, Tag
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import Caller, Runs, UntilOver
from agent_browser.api.described import ABOUT
from agent_browser.api.described.runs import (
    BEGUN,
    BRIEF,
    OPERATION,
    OPERATION_ID,
    RUN,
    STEP,
    SUMMARY,
)
from agent_browser.api.openapi import Responses, failing
from agent_browser.api.preferences import is_preferred
from agent_browser.api.routes.functions import EVERY, SessionId, answer, responses
from agent_browser.api.streaming import EVENT_STREAM, FRAME, NDJSON, Give, Lines, ServerSent
from agent_browser.models.functions import OpenInput, OpenOutput
from agent_browser.models.running import (
    CancelInput,
    Operation,
    OperationBrief,
    OperationList,
    OperationStatus,
    RunInput,
)
from agent_browser.running.run import NEW

router = APIRouter()
operations = APIRouter(prefix="/v1/operations", tags=["runs"])

OperationId = Annotated[
    str, Path(max_length=256, description="The operation's id.", examples=[OPERATION_ID])
]
_ASYNC = "respond-async"


def _form(body: Any) -> str:
    """Whether a body is steps or, under the other name of `open`, a page to open."""
    is_run = isinstance(body, RunInput) or (isinstance(body, dict) and "steps" in body)
    return "(run)" if is_run else "(open)"


# The tags are in parentheses so that faults are told without them: see `problems`.
RunBody = Annotated[
    Annotated[OpenInput, Tag("(open)")] | Annotated[RunInput, Tag("(run)")], Discriminator(_form)
]
_BODY = Body(
    openapi_examples={
        "steps": {"summary": "Steps", "value": RUN},
        "open": {"summary": "Another name of open", "value": ABOUT["run"].input},
    }
)
_NOTHING = Body(openapi_examples={"usual": {"summary": "Nothing is needed", "value": {}}})
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The operation's address."}}


def _answers() -> Responses:
    """Those of `open`, and those of steps."""
    found = {
        **responses("run"),
        **failing(*ABOUT["run"].errors, *EVERY, errors.IdempotencyConflict, errors.TooMany),
    }
    lines = "".join(json.dumps(line) + "\n" for line in (STEP, SUMMARY))
    found[200] = {
        "description": "A line for each step, then a summary; of a `url`, what `open` came to",
        "headers": _LOCATION,
        "content": {
            **responses("run")[200]["content"],
            NDJSON: {"schema": {"type": "string"}, "example": lines},
        },
    }
    found[202] = {
        "model": OperationBrief,
        "description": "With `Prefer: respond-async`: the operation, which runs now",
        "headers": _LOCATION,
        "content": example(BEGUN),
    }
    return found


@router.post(
    "/v1/sessions/{session_id}/run",
    operation_id="session_run",
    summary="Do steps one after the other",
    tags=["runs"],
    response_model=OpenOutput,
    responses=_answers(),
)
async def run(
    request: Request,
    session_id: SessionId,
    body: Annotated[RunBody, _BODY],
    runs: Runs,
    caller: Caller,
    until: UntilOver,
    prefer: Annotated[
        list[Annotated[str, Field(max_length=1_000)]] | None,
        Header(description="`respond-async` answers at once, with 202."),
    ] = None,
) -> Response:
    """Does the `steps` in this session, or in a new one where the id is `new`, and answers a line
    of JSON for each as it ends. The run belongs to the server: a reader that went away finds it
    under the address in `Location`. A body with a `url` is `open`.
    """
    if isinstance(body, OpenInput):
        if session_id == NEW:
            raise errors.SessionNotFound(session_id)
        return await answer(request, "run", body, session_id)
    at_once = is_preferred(_ASYNC, prefer or [])
    beginning = runs.start(
        caller,
        session_id,
        body,
        key=request.headers.get("idempotency-key"),
        follow=not at_once,
    )
    brief, is_known = await while_connected(request, beginning)
    headers = {"Location": f"/v1/operations/{brief.id}"}
    if is_known:
        headers["Idempotency-Replayed"] = "true"
    if at_once:
        return json_answer(brief, 202, {**headers, "Preference-Applied": _ASYNC})

    async def tell(give: Give) -> None:
        async with runs.followed(caller, brief.id) as lines:
            async for _, line in lines:
                await give(line)

    return Lines(tell, headers, until=until)


@operations.get(
    "",
    operation_id="list_operations",
    summary="List operations",
    response_model=OperationList,
    responses={
        200: {
            "description": "A page of them",
            "content": example({"items": [BRIEF], "next_cursor": None}),
        },
        **failing(),
    },
)
async def list_operations(
    runs: Runs,
    caller: Caller,
    status: Annotated[
        OperationStatus | None, Query(description="Only those with this status.")
    ] = None,
    session_id: Annotated[
        str | None, Query(max_length=256, description="Only those in this session.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most operations in a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """The caller's runs, newest first, without what their steps gave."""
    page = await runs.list(caller, status=status, session_id=session_id, limit=limit, cursor=cursor)
    return json_answer(page)


@operations.get(
    "/{operation_id}",
    operation_id="get_operation",
    summary="Look an operation up",
    response_model=Operation,
    responses={
        200: {"description": "The operation", "content": example(OPERATION)},
        **failing(errors.OperationNotFound),
    },
)
async def get_operation(operation_id: OperationId, runs: Runs, caller: Caller) -> Response:
    """A run and its steps so far. What they gave is kept up to a bound; what was cut is noted. What
    a step gave that needs the right `state` or `execute` is withheld from who lacks it.
    """
    return json_answer(await runs.get(caller, operation_id))


@operations.get(
    "/{operation_id}/events",
    operation_id="follow_operation",
    summary="Follow an operation",
    response_class=Response,
    responses={
        200: {
            "description": "An event `step` for each step, and `summary` as the last",
            "content": {
                EVENT_STREAM: {
                    "schema": FRAME,
                    "example": {"id": "1", "event": "step", "data": json.dumps(STEP)},
                }
            },
        },
        204: {"description": "It has ended, and all of it was told"},
        **failing(errors.OperationNotFound),
    },
)
async def follow_operation(
    request: Request,
    operation_id: OperationId,
    runs: Runs,
    caller: Caller,
    until: UntilOver,
    after: Annotated[int, Query(ge=0, le=1_000_000, description="Only events after this id.")] = 0,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=r"^\d{0,7}$",
            description="As `after`, and before it: what a reader that reconnects sends.",
        ),
    ] = None,
) -> Response:
    """Its steps as server-sent events, those that are done already first. Ids count from 1, so that
    who was cut off goes on with `Last-Event-ID` where it was. Ends with the summary.
    """
    seen = int(last_event_id) if last_event_id else after
    if runs.has_told(caller, operation_id, seen):
        return Response(status_code=204)  # a browser's event source does not come again then

    @asynccontextmanager
    async def told() -> AsyncIterator[AsyncIterator[tuple[int, str, BaseModel]]]:
        async with runs.followed(caller, operation_id, after=seen) as lines:
            yield ((number, line.type, line) async for number, line in lines)

    return ServerSent(told, alive=request.app.state.settings.event_heartbeat, until=until)


@operations.post(
    "/{operation_id}/cancel",
    operation_id="cancel_operation",
    summary="Cancel an operation",
    response_model=Operation,
    responses={
        200: {"description": "The operation, which has ended", "content": example(OPERATION)},
        **failing(errors.OperationNotFound),
    },
)
async def cancel_operation(
    request: Request,
    operation_id: OperationId,
    runs: Runs,
    caller: Caller,
    nothing: Annotated[CancelInput, _NOTHING] = CancelInput(),  # noqa: B008 (never changed)
) -> Response:
    """Begins no further step; an action under way is done to its end, and waited for. An operation
    that has ended stays as it is.
    """
    return json_answer(await while_connected(request, runs.cancel(caller, operation_id)))


@operations.delete(
    "/{operation_id}",
    operation_id="delete_operation",
    summary="Erase an operation",
    status_code=204,
    response_class=Response,
    responses=failing(errors.OperationNotFound),
)
async def delete_operation(
    request: Request, operation_id: OperationId, runs: Runs, caller: Caller
) -> Response:
    """Cancels it, where it runs, and keeps nothing of it. Its session stays."""
    await while_connected(request, runs.forget(caller, operation_id))
    return Response(status_code=204)
