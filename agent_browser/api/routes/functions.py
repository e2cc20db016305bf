"""The function routes: `/v1/functions/{function}` and `/v1/sessions/{id}/{function}`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.calls import CALLS
from agent_browser.api.deps import caller_of, service_of
from agent_browser.api.described import ABOUT, SESSION
from agent_browser.api.openapi import Responses, failing
from agent_browser.api.quick import BODIES, Endpoint, QuickRoute
from agent_browser.models.base import Input
from agent_browser.models.catalogue import INPUTS, OUTPUTS
from agent_browser.models.control import acts
from agent_browser.models.functions import ScreenshotInput
from agent_browser.service import Image

SessionId = Annotated[
    str, Path(max_length=256, description="The session's id.", examples=[SESSION])
]

router = APIRouter(route_class=QuickRoute)
unknown = APIRouter()
"""Functions that there are not; to be asked after all other routes."""

EVERY = (
    errors.SessionNotFound,
    errors.SessionEnded,
    errors.DialogWaiting,
    errors.ControlTaken,
    errors.PayloadTooLarge,
    errors.SessionQueueFull,
    errors.QuotaExceeded,
    errors.RateLimited,
    errors.PoolFull,
    errors.BrowserLost,
    errors.DeadlineExceeded,
)
"""What every function may answer."""


# What these routes need of the app is taken from the request: see `api.quick`.


async def answer(
    request: Request,
    function: str,
    input: Input,
    session: str | None,
    timeout: float | None = None,
) -> Response:
    """Do one function while the caller is there, and answer its output."""
    service, caller = service_of(request), caller_of(request)
    request.state.looks = not acts(input)  # this and the session, for the audit log
    request.state.session = None if session == "new" else session
    work = service.call(caller, function, input, session=session, session_timeout=timeout)
    output = await while_connected(request, work)
    if session == "new":
        request.state.session = output.session_id
    return json_answer(output)


def _function_endpoint(function: str, body: type[BaseModel]) -> Endpoint:
    async def endpoint(request: Request, call: Any) -> Response:
        return await answer(request, function, call.input, call.session, call.session_timeout)

    return _with_body(endpoint, "call", body, {"session": "new", "input": ABOUT[function].input})


def _session_endpoint(function: str, body: type[BaseModel]) -> Endpoint:
    async def endpoint(request: Request, session_id: SessionId, input: Any) -> Response:
        if session_id == "new":  # a word of function calls; here it would be somebody's id
            raise errors.SessionNotFound(session_id)
        wanted = _image_wanted(request) if function == "screenshot" else None
        if wanted is not None:
            if input.if_changed:
                raise errors.InvalidRequest(
                    "if_changed is of pictures that are kept: Accept application/json with it",
                    [{"field": "if_changed", "message": "not with Accept: image/*"}],
                )
            service, caller = service_of(request), caller_of(request)
            request.state.looks = True
            picture = service.capture(caller, session_id, _in_form(input, wanted))
            return _image(await while_connected(request, picture))
        return await answer(request, function, input, session_id)

    return _with_body(endpoint, "input", body, ABOUT[function].input)


def _with_body(
    endpoint: Endpoint, name: str, body: type[BaseModel], shown: dict[str, Any]
) -> Endpoint:
    """Give the endpoint its body's type. No body at all is as good as `{}` where nothing in it is
    required.
    """
    marker = Body(openapi_examples={"usual": {"summary": "The usual call", "value": shown}})
    endpoint.__annotations__[name] = Annotated[body, marker]
    if not any(field.is_required() for field in body.model_fields.values()):
        endpoint.__defaults__ = (body(),)
    BODIES[endpoint] = (name, body)
    return endpoint


def _image_wanted(request: Request) -> str | None:
    """The image type that the Accept header prefers to JSON: "*" for any, None for none."""
    ranges = [part.split(";") for part in request.headers.get("accept", "").lower().split(",")]
    wanted = [kind.strip() for kind, *more in ranges if not any(map(_is_zero, more))]
    if "application/json" in wanted:
        return None
    return next((kind.removeprefix("image/") for kind in wanted if kind.startswith("image/")), None)


def _is_zero(parameter: str) -> bool:
    """Whether it is a quality of 0: what has it is not accepted."""
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in ("", "0.", ".", "0")


def _in_form(input: ScreenshotInput, wanted: str) -> ScreenshotInput:
    """The input with the type that Accept names, unless the body names one itself."""
    if "type" not in input.model_fields_set and wanted in ("png", "jpeg", "webp"):
        return input.model_copy(update={"type": wanted})
    return input


def _image(picture: Image) -> Response:
    headers = {"X-Image-Width": str(picture.width), "X-Image-Height": str(picture.height)}
    return Response(picture.data, headers=headers, media_type=picture.content_type)


def responses(function: str, *, images: bool = False) -> Responses:
    """What a function's route may answer, for OpenAPI."""
    content = example({"session_id": SESSION, **ABOUT[function].output})
    if images:
        for kind in ("image/png", "image/jpeg", "image/webp"):
            content[kind] = {"schema": {"type": "string", "format": "binary"}}
    ok = {"description": "What came of it", "content": content}
    return {200: ok, **failing(*ABOUT[function].errors, *EVERY)}


def _add(path: str, endpoint: Endpoint, function: str, **options: Any) -> None:
    about = ABOUT[function]
    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        response_model=OUTPUTS[function],
        **{"summary": about.summary, "description": about.description, **options},
    )


# Routes are tried one after the other: those of a session, which are called most, come first.
for _name, _input in INPUTS.items():
    if _name == "run":  # its body may also be a list of steps: see `routes.runs`
        continue
    _is_picture = _name == "screenshot"
    _add(
        f"/v1/sessions/{{session_id}}/{_name}",
        _session_endpoint(_name, _input),
        _name,
        operation_id=f"session_{_name}",
        summary=f"{ABOUT[_name].summary}, in this session",
        description=ABOUT[_name].description
        + (" `Accept: image/*` gets the picture itself." if _is_picture else ""),
        tags=["sessions"],
        responses=responses(_name, images=_is_picture),
    )
for _name in INPUTS:
    _add(
        f"/v1/functions/{_name}",
        _function_endpoint(_name, CALLS[_name]),
        _name,
        operation_id=f"call_{_name}",
        tags=["functions"],
        responses=responses(_name),
    )


@unknown.post("/v1/functions/{function}", include_in_schema=False)
async def _unknown_function(function: str) -> Response:
    raise _no_function(function)


@unknown.post("/v1/sessions/{session_id}/{function}", include_in_schema=False)
async def _unknown_session_function(session_id: str, function: str) -> Response:
    raise _no_function(function)


def _no_function(name: str) -> errors.NotFound:
    names = list(INPUTS)
    return errors.NotFound(
        f"there is no function {name[:64]!r}; there are {', '.join(names)}", functions=names
    )
