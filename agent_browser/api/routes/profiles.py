"""Profiles: saved states under names, that sessions start from."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import document_answer, example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.models import cookiefile
from agent_browser.models.base import ProfileName
from agent_browser.models.profiles import Profile, ProfileInput, ProfileList
from agent_browser.models.state import Cookie, StateDocument
from agent_browser.session.documents import storage_state

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])

_PROFILE: dict[str, Any] = {
    "name": "shop-login",
    "description": "the test account",
    "created_at": "2026-11-20T09:30:00.000Z",
    "updated_at": "2026-11-20T09:30:00.000Z",
    "timeouts": {"idle": 7200.0},
    "options": {"locale": "de-CH", "extra_headers": {"X-Api-Key": "***"}},
    "cookies": 4,
    "origins": ["https://shop.example.com"],
    "passkeys": 0,
    "size": 20145,
    "losses": [],
}
_STORAGE: dict[str, Any] = {
    "cookies": [
        {
            "name": "sid",
            "value": "4f1c",
            "domain": "shop.example.com",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": True,
            "sameSite": "Lax",
        }
    ],
    "origins": [
        {
            "origin": "https://shop.example.com",
            "localStorage": [{"name": "token", "value": "81b2"}],
        }
    ],
}
_COOKIES = "# Netscape HTTP Cookie File\nshop.example.com\tFALSE\t/\tTRUE\t0\tsid\t4f1c\n"
_PUT = Body(
    openapi_examples={
        "session": {
            "summary": "The login of a session",
            "value": {"session_id": SESSION, "description": "the test account"},
        },
        "playwright": {
            "summary": "A file of Playwright's",
            "value": {"storage_state": _STORAGE, "timeouts": {"idle": "2h"}},
        },
        "cookies": {"summary": "A file of curl's", "value": {"cookies": _COOKIES}},
        "options": {"summary": "Other options", "value": {"options": {"locale": "de-CH"}}},
    }
)
Name = Annotated[ProfileName, Path(description="The profile's name.", examples=["shop-login"])]
Form = Annotated[
    Literal["state", "playwright", "cookies"],
    Query(
        description="state: all of it; playwright: just what Playwright's `storage_state` has; "
        "cookies: a cookies.txt of curl's and Netscape's form."
    ),
]
_KEPT = (errors.StateLocked, errors.CheckpointUnusable, errors.DatabaseUnusable)
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The profile", "content": example(_PROFILE)}
}


@router.get(
    "",
    operation_id="list_profiles",
    summary="List profiles",
    response_model=ProfileList,
    responses={
        200: {
            "description": "All of them",
            "content": example({"items": [_PROFILE], "next_cursor": None}),
        },
        **failing(errors.DatabaseUnusable),
    },
)
async def list_profiles(service: Service, caller: Caller) -> Response:
    """The caller's profiles, by name."""
    return json_answer(await service.profiles(caller))


@router.get(
    "/{name}",
    operation_id="get_profile",
    summary="Look a profile up",
    response_model=Profile,
    responses={**_KNOWN, **failing(errors.ProfileNotFound, errors.DatabaseUnusable)},
)
async def get_profile(name: Name, service: Service, caller: Caller) -> Response:
    """What it has, and how much it holds; secrets of its options are masked."""
    return json_answer(await service.profile(caller, name))


@router.put(
    "/{name}",
    operation_id="put_profile",
    summary="Save a profile",
    response_model=Profile,
    responses={
        **_KNOWN,
        **failing(
            *_KEPT, errors.SessionNotFound, errors.SessionEnded, errors.SessionExpired,
            errors.CheckpointNotFound, errors.InvalidTimeout, errors.Conflict,
            errors.SessionQueueFull, errors.QuotaExceeded, errors.BrowserLost, errors.StorageFull,
            errors.DeadlineExceeded, errors.PayloadTooLarge,
        ),
    },
)  # fmt: skip
async def put_profile(
    name: Name, service: Service, caller: Caller, request: Annotated[ProfileInput, _PUT]
) -> Response:
    """Makes it, or changes what is given of it: its state from a session, a file of Playwright's or
    of curl's; its description, timeouts and options. Sessions that started from it stay as they
    are. One that fails leaves what there was. `MAX_STATE` bytes at most.
    """
    return json_answer(await service.put_profile(caller, name, request))


@router.delete(
    "/{name}",
    operation_id="delete_profile",
    summary="Delete a profile",
    status_code=204,
    response_class=Response,
    responses=failing(errors.ProfileNotFound, errors.StorageFull, errors.DatabaseUnusable),
)
async def delete_profile(name: Name, service: Service, caller: Caller) -> Response:
    """Erases it at once. Sessions that started from it stay as they are."""
    await service.delete_profile(caller, name)
    return Response(status_code=204)


@router.get(
    "/{name}/state",
    operation_id="get_profile_state",
    summary="Export a profile",
    response_model=StateDocument,
    response_model_exclude_none=True,
    responses={
        200: {
            "description": "What it holds",
            "content": {
                **example({**_STORAGE, "version": 1, "tabs": []}),
                "text/plain": {"schema": {"type": "string"}, "example": _COOKIES},
            },
        },
        **failing(*_KEPT, errors.ProfileNotFound),
    },
)
async def get_profile_state(
    name: Name, service: Service, caller: Caller, form: Form = "state"
) -> Response:
    """What it holds, with its secrets, but for timeouts and options. What is in sessionStorage is
    that of its one tab, which only the form `state` has. The form `cookies` has no place for
    SameSite and partitions.
    """
    document = await service.profile_state(caller, name)
    if form == "cookies":
        return Response(_cookie_file(document.cookies), media_type="text/plain")
    if form == "playwright":
        return document_answer(storage_state(document))
    return document_answer(document.model_dump(by_alias=True, exclude_unset=True))


def _cookie_file(cookies: list[Cookie]) -> str:
    try:
        return cookiefile.written(cookies)
    except ValueError as exc:
        fault = {"field": "form", "message": str(exc)}
        raise errors.InvalidRequest(f"form: {exc}", [fault]) from exc
