"""Webhooks: events sent to addresses of the caller's."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import Caller, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.models.webhooks import (
    Delivery,
    DeliveryList,
    Webhook,
    WebhookCreate,
    WebhookList,
    WebhookMade,
    WebhookPatch,
)
from agent_browser.webhooks.webhooks import Webhooks

router = APIRouter(prefix="/v1/webhooks", tags=["events"])

_ID = "whk_9mS2vYb0Tn6dXQ4rLw8eZg"
_WEBHOOK: dict[str, Any] = {
    "id": _ID,
    "url": "https://hooks.example.com/browser",
    "events": ["session.ended", "session.error"],
    "session": None,
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "created_at": "2026-11-20T09:30:00.000Z",
    "updated_at": "2026-11-20T09:30:00.000Z",
    "lost": 0,
}
_MADE = {**_WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
_DELIVERY: dict[str, Any] = {
    "id": "dlv_3kP7uHc1Qe5aWj9xRt2yVw",
    "webhook_id": _ID,
    "event_id": 1795166400000042,
    "event_type": "session.ended",
    "session_id": SESSION,
    "state": "delivered",
    "attempts": 1,
    "status": 204,
    "error": None,
    "milliseconds": 48.1,
    "created_at": "2026-11-20T09:31:12.500Z",
    "attempted_at": "2026-11-20T09:31:12.503Z",
    "next_attempt_at": None,
}
_TESTED = {**_DELIVERY, "event_id": None, "event_type": "webhook.test", "session_id": None}
_CREATE = Body(
    openapi_examples={
        "ends": {
            "summary": "When sessions end, and what goes wrong",
            "value": {
                "url": "https://hooks.example.com/browser",
                "events": ["session.ended", "session.error"],
            },
        },
        "all": {
            "summary": "All of one session",
            "value": {"url": "https://hooks.example.com/browser", "session": SESSION},
        },
    }
)
_PATCH = Body(
    openapi_examples={"on": {"summary": "Switch it on again", "value": {"enabled": True}}}
)
_REFUSED = (errors.InvalidUrl, errors.EgressDenied, errors.PayloadTooLarge)

WebhookId = Annotated[str, Path(max_length=256, description="The webhook's id.", examples=[_ID])]


async def _webhooks(request: Request) -> Webhooks:
    return cast("Webhooks", request.app.state.webhooks)


Hooks = Annotated[Webhooks, Depends(_webhooks)]


@router.post(
    "",
    operation_id="create_webhook",
    summary="Make a webhook",
    status_code=201,
    response_model=WebhookMade,
    responses={
        201: {
            "description": "The webhook, with its secret",
            "content": example(_MADE),
            "headers": {"Location": {"schema": {"type": "string"}, "description": "Its address."}},
        },
        **failing(*_REFUSED, errors.Conflict, errors.SessionNotFound, errors.SessionExpired),
    },
)
async def create_webhook(
    hooks: Hooks, service: Service, caller: Caller, request: Annotated[WebhookCreate, _CREATE]
) -> Response:
    """Events are posted to the address as JSON from now on, signed with the secret, which is shown
    in this answer only.
    """
    if request.session is not None:
        await service.get(caller, request.session)
    made = await hooks.create(caller, request)
    return json_answer(made, 201, {"Location": f"/v1/webhooks/{made.id}"})


@router.get(
    "",
    operation_id="list_webhooks",
    summary="List webhooks",
    response_model=WebhookList,
    responses={
        200: {
            "description": "All of them",
            "content": example({"items": [_WEBHOOK], "next_cursor": None}),
        },
        **failing(),
    },
)
async def list_webhooks(hooks: Hooks, caller: Caller) -> Response:
    """The caller's webhooks, oldest first."""
    return json_answer(await hooks.list(caller))


@router.get(
    "/{webhook_id}",
    operation_id="get_webhook",
    summary="Look a webhook up",
    response_model=Webhook,
    responses={
        200: {"description": "The webhook", "content": example(_WEBHOOK)},
        **failing(errors.WebhookNotFound),
    },
)
async def get_webhook(webhook_id: WebhookId, hooks: Hooks, caller: Caller) -> Response:
    """Where it sends, what it sends, and whether that arrives."""
    return json_answer(await hooks.get(caller, webhook_id))


@router.patch(
    "/{webhook_id}",
    operation_id="update_webhook",
    summary="Change a webhook",
    response_model=Webhook,
    responses={
        200: {"description": "The webhook as it is now", "content": example(_WEBHOOK)},
        **failing(*_REFUSED, errors.WebhookNotFound),
    },
)
async def update_webhook(
    webhook_id: WebhookId,
    hooks: Hooks,
    caller: Caller,
    request: Annotated[WebhookPatch, _PATCH],
) -> Response:
    """What is given is changed, for what waits to be sent too. Switched off it gets nothing, and
    what waited is given up.
    """
    return json_answer(await hooks.update(caller, webhook_id, request))


@router.delete(
    "/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=204,
    response_class=Response,
    responses=failing(errors.WebhookNotFound),
)
async def delete_webhook(webhook_id: WebhookId, hooks: Hooks, caller: Caller) -> Response:
    """Sends nothing more; its deliveries are forgotten."""
    await hooks.delete(caller, webhook_id)
    return Response(status_code=204)


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_deliveries",
    summary="Read what a webhook was sent",
    response_model=DeliveryList,
    responses={
        200: {
            "description": "A page of them",
            "content": example({"items": [_DELIVERY], "next_cursor": None}),
        },
        **failing(errors.WebhookNotFound, errors.DatabaseUnusable),
    },
)
async def list_deliveries(
    webhook_id: WebhookId,
    hooks: Hooks,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=200, description="Most deliveries in a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """The latest deliveries, newest first: how often each was tried, and what the address said."""
    return json_answer(await hooks.deliveries(caller, webhook_id, limit=limit, cursor=cursor))


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    summary="Try a webhook",
    response_model=Delivery,
    responses={
        200: {"description": "What came of it", "content": example(_TESTED)},
        **failing(errors.WebhookNotFound),
    },
)
async def test_webhook(
    request: Request, webhook_id: WebhookId, hooks: Hooks, caller: Caller
) -> Response:
    """Sends an event of type `webhook.test`, once, and answers with what came of it."""
    return json_answer(await while_connected(request, hooks.test(caller, webhook_id)))
