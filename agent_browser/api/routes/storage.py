"""What a session's pages store and send each other, as resources: storage, cookies, messages."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import caller_of, service_of
from agent_browser.api.described import ABOUT
from agent_browser.api.openapi import failing
from agent_browser.api.problems import invalid
from agent_browser.api.routes.functions import EVERY, SessionId
from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput, CookiesOutput
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.messages import MessagesInput, MessagesOutput, PostedList
from agent_browser.models.storage import (
    Area,
    Entry,
    EntryList,
    StorageInput,
    StorageOutput,
    StoragePut,
)

router = APIRouter(prefix="/v1/sessions/{session_id}", tags=["sessions"])
LONGEST = 1_024
"""Characters of a key or a filter in an address, which has room for so much; in a body it may be
longer.
"""
I = TypeVar("I", bound=Input)  # noqa: E741

AreaName = Annotated[
    Area, Path(description="local: localStorage; session: sessionStorage.", examples=["local"])
]
KeyPath = Annotated[
    str, Path(max_length=LONGEST, description="The entry's key; slashes may be in it.")
]
_Origin = Annotated[
    str | None,
    Query(max_length=512, description="Of which origin; the active tab's page's if absent."),
]
_Frame = Annotated[
    str | None,
    Query(
        max_length=LONGEST,
        description="A frame of the tab: its number, name, address or glob of it, or a ref or "
        "selector of its element.",
    ),
]
_Tab = Annotated[str | None, Query(max_length=16, description="t2 or active.")]
_Prefix = Annotated[
    str | None, Query(max_length=LONGEST, description="Only entries whose keys begin so.")
]


async def _place(origin: _Origin = None, frame: _Frame = None, tab: _Tab = None) -> dict[str, Any]:
    """Which storage an address's query means, as the function `storage` takes it."""
    named = int(frame) if frame is not None and frame.isascii() and frame.isdigit() else frame
    return _given(origin=origin, frame=named, tab=tab)


_Place = Annotated[dict[str, Any], Depends(_place)]
_ENTRY = ABOUT["storage"].output["entry"]
_ENTRIES = {
    "items": [_ENTRY], "next_cursor": None, "total": 1, "origin": "https://app.example.com",
    "area": "local",
}  # fmt: skip
_POSTED = {
    "items": ABOUT["messages"].output["messages"], "next_cursor": "1", "recording": True,
    "dropped": 0,
}  # fmt: skip
_PUT = Body(
    openapi_examples={
        "usual": {"summary": "A value for a minute", "value": {"value": {"n": 1}, "expires_in": 60}}
    }
)


async def _done(request: Request, function: str, session_id: str, input: Input) -> FunctionOutput:
    if session_id == "new":  # a word of function calls; here it would be somebody's id
        raise errors.SessionNotFound(session_id)
    service, caller = service_of(request), caller_of(request)
    return await while_connected(request, service.call(caller, function, input, session=session_id))


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _input(kind: type[I], values: Mapping[str, Any]) -> I:
    """The input that is asked for in path and query. InvalidRequest that names what is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as exc:
        faults = [{**fault, "loc": ("query", *fault["loc"])} for fault in exc.errors()]
        raise invalid(faults) from exc


async def _storage(
    request: Request,
    session_id: str,
    place: Mapping[str, Any],
    values: Mapping[str, Any],
    body: StoragePut | None = None,
) -> StorageOutput:
    given = _given(**values) | dict(place)
    if body is not None:  # null is a value
        given |= {name: getattr(body, name) for name in body.model_fields_set}
    input = _input(StorageInput, given)
    return cast("StorageOutput", await _done(request, "storage", session_id, input))


@router.get(
    "/storage/{area}",
    operation_id="list_storage",
    summary="List the entries of an origin's storage",
    response_model=EntryList,
    responses={
        200: {"description": "Entries by key", "content": example(_ENTRIES)},
        **failing(*EVERY),
    },
)
async def list_storage(
    request: Request,
    session_id: SessionId,
    area: AreaName,
    place: _Place,
    prefix: _Prefix = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most entries in a page.")] = 1_000,
    cursor: Annotated[
        str | None,
        Query(
            max_length=8_192,
            pattern="^[A-Za-z0-9_=-]*$",
            description="The `next_cursor` of the page before.",
        ),
    ] = None,
) -> Response:
    """localStorage of an origin that a frame of the session is of, or was; sessionStorage of one
    that a frame of the tab is of.
    """
    values = {"area": area, "prefix": prefix, "limit": limit, "cursor": cursor}
    output = await _storage(request, session_id, place, values)
    return json_answer(
        EntryList(
            items=output.entries,
            next_cursor=output.next_cursor,
            total=output.total,
            origin=output.origin,
            area=output.area,
        )
    )


@router.delete(
    "/storage/{area}",
    operation_id="clear_storage",
    summary="Clear an origin's storage",
    status_code=204,
    response_class=Response,
    responses=failing(*EVERY),
)
async def clear_storage(
    request: Request,
    session_id: SessionId,
    area: AreaName,
    place: _Place,
    prefix: _Prefix = None,
) -> Response:
    """All of it, or what begins with a prefix. Cookies and databases stay."""
    values = {"action": "clear", "area": area, "prefix": prefix}
    await _storage(request, session_id, place, values)
    return Response(status_code=204)


@router.get(
    "/storage/{area}/{key:path}",
    operation_id="get_storage_entry",
    summary="Read an entry of storage",
    response_model=Entry,
    responses={
        200: {"description": "The entry", "content": example(_ENTRY)},
        **failing(*EVERY, errors.NotFound),
    },
)
async def get_storage_entry(
    request: Request,
    session_id: SessionId,
    area: AreaName,
    key: KeyPath,
    place: _Place,
) -> Response:
    """One that has expired is not there any more."""
    values = {"action": "get", "area": area, "key": key}
    return _entry(await _storage(request, session_id, place, values))


@router.put(
    "/storage/{area}/{key:path}",
    operation_id="put_storage_entry",
    summary="Put an entry into storage",
    response_model=Entry,
    responses={
        200: {"description": "The entry as it is now", "content": example(_ENTRY)},
        **failing(*EVERY, errors.Conflict),
    },
)
async def put_storage_entry(
    request: Request,
    session_id: SessionId,
    area: AreaName,
    key: KeyPath,
    body: Annotated[StoragePut, _PUT],
    place: _Place,
) -> Response:
    """A text is stored as it is, any other value as its JSON. Other documents of the origin get the
    event `storage`, as if the document in which it is done had stored it. With `expires_in` it
    goes after so many seconds, from the page's storage too.
    """
    values = {"action": "put", "area": area, "key": key}
    return _entry(await _storage(request, session_id, place, values, body))


@router.delete(
    "/storage/{area}/{key:path}",
    operation_id="delete_storage_entry",
    summary="Delete an entry of storage",
    status_code=204,
    response_class=Response,
    responses=failing(*EVERY),
)
async def delete_storage_entry(
    request: Request,
    session_id: SessionId,
    area: AreaName,
    key: KeyPath,
    place: _Place,
) -> Response:
    """A success where there was none."""
    values = {"action": "delete", "area": area, "key": key}
    await _storage(request, session_id, place, values)
    return Response(status_code=204)


def _entry(output: StorageOutput) -> Response:
    if output.entry is None:
        raise RuntimeError("an entry was asked for, and none came")
    return json_answer(output.entry)


_Name = Annotated[str | None, Query(max_length=LONGEST, description="Only of this name.")]
_Domain = Annotated[
    str | None, Query(max_length=LONGEST, description="Only of this domain, as listed.")
]
_Path = Annotated[str | None, Query(max_length=LONGEST, description="Only of this path.")]


@router.get(
    "/cookies",
    operation_id="list_cookies",
    summary="List a session's cookies",
    response_model=CookiesOutput,
    responses={
        200: {"description": "Those that fit", "content": example(ABOUT["cookies"].output)},
        **failing(*EVERY),
    },
)
async def list_cookies(
    request: Request,
    session_id: SessionId,
    url: Annotated[
        str | None, Query(max_length=LONGEST, description="Only those that are sent there.")
    ] = None,
    name: _Name = None,
    domain: _Domain = None,
    path: _Path = None,
) -> Response:
    """Those that are hidden from scripts too, and partitioned ones."""
    filters = _given(url=url, name=name, domain=domain, path=path)
    input = _input(CookiesInput, {"action": "list", **filters})
    return json_answer(await _done(request, "cookies", session_id, input))


@router.delete(
    "/cookies",
    operation_id="delete_cookies",
    summary="Delete a session's cookies",
    response_model=CookiesOutput,
    responses={
        200: {"description": "How many went", "content": example(ABOUT["cookies"].output)},
        **failing(*EVERY),
    },
)
async def delete_cookies(
    request: Request,
    session_id: SessionId,
    name: _Name = None,
    domain: _Domain = None,
    path: _Path = None,
) -> Response:
    """Those of that name, domain and path; all if none is given."""
    filters = _given(name=name, domain=domain, path=path)
    action = "delete" if filters else "clear"
    input = _input(CookiesInput, {"action": action, **filters})
    return json_answer(await _done(request, "cookies", session_id, input))


@router.get(
    "/messages",
    operation_id="list_messages",
    summary="List what windows and frames sent each other",
    response_model=PostedList,
    responses={
        200: {"description": "Those that are kept, oldest first", "content": example(_POSTED)},
        **failing(*EVERY),
    },
)
async def list_messages(
    request: Request,
    session_id: SessionId,
    tab: _Tab = None,
    origin: Annotated[
        str | None, Query(max_length=512, description="Only those from this origin.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most messages in a page.")] = 100,
    cursor: Annotated[
        str | None, Query(max_length=16, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """Of the time in which it was switched on, with `POST …/messages` and the action start."""
    input = _input(MessagesInput, _given(tab=tab, origin=origin, limit=limit, cursor=cursor))
    output = cast("MessagesOutput", await _done(request, "messages", session_id, input))
    return json_answer(
        PostedList(
            items=output.messages,
            next_cursor=output.next_cursor,
            recording=output.recording,
            dropped=output.dropped,
        )
    )
