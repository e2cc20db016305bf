"""API keys, for admins; and who the caller is."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Body, Depends, Path, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller
from agent_browser.api.openapi import failing
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import Key, KeyCreate, KeyList, KeyMade, KeyRotate, WhoAmI
from agent_browser.models.rights import role_of

router = APIRouter(tags=["keys"])

_ID = "key_7hQ2xLm9RtZa"
_KEY: dict[str, Any] = {
    "id": _ID,
    "prefix": "abk_7hQ2xLm9RtZa",
    "name": "nightly-tests",
    "owner": "qa",
    "role": "operator",
    "without": ["execute"],
    "created_at": "2026-11-20T09:30:00.000Z",
    "expires_at": "2026-12-20T09:30:00.000Z",
    "last_used_at": "2026-11-20T09:41:00.000Z",
    "revoked_at": None,
    "replaced_by": None,
    "usable": True,
}
_SHOWN_ONCE = "abk_" + "7hQ2xLm9RtZa" + "…"
_MADE = {**_KEY, "last_used_at": None, "key": _SHOWN_ONCE}
_REVOKED = {**_KEY, "revoked_at": "2026-11-21T08:00:00.000Z", "usable": False}
_WHO = {
    "owner": "qa",
    "name": "nightly-tests",
    "role": "operator",
    "rights": ["drive", "recordings", "secrets", "state", "watch"],
    "key": _ID,
    "expires_at": "2026-12-20T09:30:00.000Z",
    "metadata": {},
}
_CREATE = Body(
    openapi_examples={
        "tests": {
            "summary": "For tests: no JavaScript of its own, for thirty days",
            "value": {
                "name": "nightly-tests",
                "owner": "qa",
                "role": "operator",
                "without": ["execute"],
                "expires": "30d",
            },
        },
        "admin": {"summary": "The first one", "value": {"name": "root", "role": "admin"}},
    }
)
_ROTATE = Body(
    openapi_examples={"hour": {"summary": "The old one goes on for an hour",
                               "value": {"grace": "1h"}}}
)  # fmt: skip
_MAKING = (errors.Forbidden, errors.Conflict, errors.InvalidTimeout, errors.PayloadTooLarge)
_WRITING = (errors.StorageFull, errors.DatabaseUnusable)
_PLACE = {"Location": {"schema": {"type": "string"}, "description": "Its address."}}

KeyId = Annotated[str, Path(max_length=256, description="The key's id.", examples=[_ID])]


async def _keyring(request: Request) -> Keyring:
    found = request.app.state.keyring
    if found is None:
        raise errors.Unavailable("keys are not kept by this server")
    return cast("Keyring", found)


Ring = Annotated[Keyring, Depends(_keyring)]


@router.post(
    "/v1/keys",
    operation_id="create_key",
    summary="Make an API key",
    status_code=201,
    response_model=KeyMade,
    responses={
        201: {
            "description": "The key, shown in this answer only",
            "content": example(_MADE),
            "headers": _PLACE,
        },
        **failing(*_MAKING, *_WRITING),
    },
)
async def create_key(
    ring: Ring, caller: Caller, request: Annotated[KeyCreate, _CREATE]
) -> Response:
    """Needs the right `admin`, and each right that the key is to have. From the first key on every
    call needs one, so the first has to be of role admin.
    """
    made = await ring.create(caller, request)
    return json_answer(made, 201, {"Location": f"/v1/keys/{made.id}"})


@router.get(
    "/v1/keys",
    operation_id="list_keys",
    summary="List API keys",
    response_model=KeyList,
    responses={
        200: {
            "description": "All of them",
            "content": example({"items": [_KEY], "next_cursor": None}),
        },
        **failing(errors.Forbidden),
    },
)
async def list_keys(ring: Ring) -> Response:
    """Everybody's, oldest first, without the keys. Those of the settings are not listed."""
    return json_answer(ring.list())


@router.get(
    "/v1/keys/{key_id}",
    operation_id="get_key",
    summary="Look an API key up",
    response_model=Key,
    responses={
        200: {"description": "What is known of it", "content": example(_KEY)},
        **failing(errors.Forbidden, errors.KeyNotFound),
    },
)
async def get_key(key_id: KeyId, ring: Ring) -> Response:
    """Whose it is, what it may do, when it was used last; never the key."""
    return json_answer(ring.get(key_id))


@router.delete(
    "/v1/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke an API key",
    response_model=Key,
    responses={
        200: {"description": "The key, which opens nothing now", "content": example(_REVOKED)},
        **failing(errors.Forbidden, errors.KeyNotFound, *_WRITING),
    },
)
async def revoke_key(key_id: KeyId, ring: Ring) -> Response:
    """Refused from the next request on; a second time too. When the last key is revoked the server
    stays shut: `agent-browser keys create` makes another while it does not run.
    """
    return json_answer(await ring.revoke(key_id))


@router.post(
    "/v1/keys/{key_id}/rotate",
    operation_id="rotate_key",
    summary="Replace an API key",
    status_code=201,
    response_model=KeyMade,
    responses={
        201: {
            "description": "The new key, shown in this answer only",
            "content": example(_MADE),
            "headers": _PLACE,
        },
        **failing(*_MAKING, errors.KeyNotFound, *_WRITING),
    },
)
async def rotate_key(
    key_id: KeyId,
    ring: Ring,
    caller: Caller,
    request: Annotated[KeyRotate, _ROTATE] = KeyRotate(),  # noqa: B008 (never changed)
) -> Response:
    """A new key of the same name, owner and rights, and good for as long. The old one goes on for
    the grace.
    """
    made = await ring.rotate(caller, key_id, request)
    return json_answer(made, 201, {"Location": f"/v1/keys/{made.id}"})


@router.get(
    "/v1/whoami",
    operation_id="whoami",
    summary="Who am I?",
    response_model=WhoAmI,
    responses={200: {"description": "The caller", "content": example(_WHO)}, **failing()},
)
async def whoami(caller: Caller) -> Response:
    """To whom what the caller makes belongs, and what it may do."""
    return json_answer(
        WhoAmI(
            owner=caller.owner,
            name=caller.name,
            role=role_of(caller.rights),
            rights=sorted(caller.rights),
            key=caller.key,
            expires_at=caller.expires_at,
            metadata=dict(caller.metadata),
        )
    )
