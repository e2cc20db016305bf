"""Usage and quotas: what an owner may have and use, and what it has and used."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import AllQuotas, Caller
from agent_browser.api.openapi import failing
from agent_browser.models.usage import QUOTAS, OwnerQuotas, QuotasInput, Usage
from agent_browser.quotas.quotas import Quotas

router = APIRouter(tags=["operations"])

_USAGE: dict[str, Any] = {
    "owner": "ann",
    "quotas": [
        {
            "name": "calls",
            "unit": "calls",
            "limit": 600,
            "used": 12,
            "remaining": 588,
            "window": 60,
            "resets_at": "2026-11-20T09:31:00.000Z",
        }
    ],
    "stored": {"artifacts": 20145, "recordings": 0, "uploads": 0, "states": 81920, "profiles": 0},
}
_QUOTAS: dict[str, Any] = {
    "owner": "ann",
    "limits": {
        "sessions": 20,
        "hibernated": None,
        "calls": 600,
        "recording": None,
        "bytes": 1073741824,
        "traffic": None,
    },
    "given": {"sessions": 20},
}
_PUT = Body(
    openapi_examples={
        "usual": {"summary": "More sessions", "value": {"sessions": 20, "traffic": 10_000_000_000}}
    }
)
Owner = Annotated[
    str, Path(min_length=1, max_length=512, description="The owner's name.", examples=["ann"])
]
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The limits", "content": example(_QUOTAS)}
}


@router.get(
    "/v1/usage",
    operation_id="get_usage",
    summary="What is used of the quotas",
    response_model=Usage,
    responses={
        200: {"description": "Each quota", "content": example(_USAGE)},
        **failing(errors.Forbidden),
    },
)
async def get_usage(
    quotas: AllQuotas,
    caller: Caller,
    owner: Annotated[
        str | None,
        Query(min_length=1, max_length=512, description="Another's, for who has `admin`."),
    ] = None,
) -> Response:
    """The caller's own: of each quota its limit, what is used of it, and when that counts no
    more.
    """
    if owner is not None and owner != caller.owner:
        caller.require("admin")
    return json_answer(quotas.usage(owner or caller.owner))


@router.get(
    "/v1/quotas/{owner:path}",
    operation_id="get_quotas",
    summary="Look an owner's limits up",
    response_model=OwnerQuotas,
    responses={**_KNOWN, **failing(errors.Forbidden)},
)
async def get_quotas(owner: Owner, quotas: AllQuotas, caller: Caller) -> Response:
    """Those in force, and those of them that were given for this owner. For who has `admin`."""
    caller.require("admin")
    return json_answer(_of(quotas, owner))


@router.put(
    "/v1/quotas/{owner:path}",
    operation_id="put_quotas",
    summary="Give an owner other limits",
    response_model=OwnerQuotas,
    responses={
        **_KNOWN,
        **failing(errors.Forbidden, errors.StorageFull, errors.DatabaseUnusable),
    },
)
async def put_quotas(
    owner: Owner, quotas: AllQuotas, caller: Caller, request: Annotated[QuotasInput, _PUT]
) -> Response:
    """From now on, in the place of those given before; what is not given is as the server's
    settings say, 0 is no limit. What is over a new limit stays. For who has `admin`.
    """
    caller.require("admin")
    await quotas.give(owner, request)
    return json_answer(_of(quotas, owner))


def _of(quotas: Quotas, owner: str) -> OwnerQuotas:
    limits = quotas.limits(owner)
    return OwnerQuotas(
        owner=owner,
        limits={name: limits[name] or None for name in QUOTAS},
        given=dict(quotas.given(owner)),
    )
