"""Secrets: what sessions type by name, and nobody reads."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.openapi import failing
from agent_browser.models.secrets import Secret, SecretInput, SecretList, SecretName

router = APIRouter(prefix="/v1/secrets", tags=["secrets"])

_SECRET: dict[str, Any] = {
    "name": "acme-password",
    "kind": "text",
    "origins": ["https://acme.example"],
    "any_origin": False,
    "description": "the test account",
    "created_at": "2026-11-20T09:30:00.000Z",
    "updated_at": "2026-11-20T09:30:00.000Z",
    "last_used_at": "2026-11-20T10:02:11.000Z",
}
_PUT = Body(
    openapi_examples={
        "password": {
            "summary": "A password",
            "value": {"value": "correct horse", "origins": ["https://acme.example"]},
        },
        "totp": {
            "summary": "Codes of one time",
            "value": {
                "totp": "otpauth://totp/Acme:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
                "origins": ["*.acme.example"],
            },
        },
    }
)
Name = Annotated[SecretName, Path(description="The secret's name.", examples=["acme-password"])]
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The secret, without its value", "content": example(_SECRET)}
}


@router.get(
    "",
    operation_id="list_secrets",
    summary="List secrets",
    response_model=SecretList,
    responses={
        200: {
            "description": "All of them",
            "content": example({"items": [_SECRET], "next_cursor": None}),
        },
        **failing(errors.DatabaseUnusable),
    },
)
async def list_secrets(service: Service, caller: Caller) -> Response:
    """The caller's secrets, by name; never their values."""
    return json_answer(await service.secrets(caller))


@router.get(
    "/{name}",
    operation_id="get_secret",
    summary="Look a secret up",
    response_model=Secret,
    responses={**_KNOWN, **failing(errors.SecretNotFound, errors.DatabaseUnusable)},
)
async def get_secret(name: Name, service: Service, caller: Caller) -> Response:
    """Where it may be typed, and when it was last; never its value."""
    return json_answer(await service.secret(caller, name))


@router.put(
    "/{name}",
    operation_id="put_secret",
    summary="Keep a secret",
    response_model=Secret,
    responses={
        **_KNOWN,
        **failing(
            errors.Forbidden, errors.Conflict, errors.StorageFull, errors.StateLocked,
            errors.CheckpointUnusable, errors.DatabaseUnusable,
        ),
    },
)  # fmt: skip
async def put_secret(
    name: Name, service: Service, caller: Caller, request: Annotated[SecretInput, _PUT]
) -> Response:
    """Keeps it, encrypted, in the place of what was there under that name. `fill`, `type` and
    `insert_text` type it where their `text` is `{"secret": name}`, on its origins alone; nothing
    answers its value again. The right `secrets` is needed.
    """
    return json_answer(await service.put_secret(caller, name, request))


@router.delete(
    "/{name}",
    operation_id="delete_secret",
    summary="Delete a secret",
    status_code=204,
    response_class=Response,
    responses=failing(
        errors.Forbidden, errors.SecretNotFound, errors.StorageFull, errors.DatabaseUnusable
    ),
)
async def delete_secret(name: Name, service: Service, caller: Caller) -> Response:
    """Erases it at once. What was typed of it stays where it is. The right `secrets` is needed."""
    await service.delete_secret(caller, name)
    return Response(status_code=204)
