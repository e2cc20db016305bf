"""Errors as answers: the one table of statuses, and the one place that makes problem+json of them.

A problem's `type` is an address on this server that explains it: `/docs/errors#<code>`.
"""

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from agent_browser import errors
from agent_browser.errors import AgentBrowserError
from agent_browser.models.problems import FieldError, Problem
from agent_browser.session.lifecycle import range_of
from agent_browser.settings import Settings

_TIMEOUTS = ("session_timeout", "idle", "max_duration", "warning", "retention")
MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[AgentBrowserError], int] = {
    errors.InvalidRequest: 400,
    errors.InvalidTimeout: 400,
    errors.InvalidUrl: 400,
    errors.NotOpened: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.EgressDenied: 403,
    errors.HostNotAllowed: 403,
    errors.NotFound: 404,
    errors.SessionNotFound: 404,
    errors.ArtifactNotFound: 404,
    errors.OperationNotFound: 404,
    errors.WebhookNotFound: 404,
    errors.ProfileNotFound: 404,
    errors.CheckpointNotFound: 404,
    errors.SecretNotFound: 404,
    errors.KeyNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.OptionNeedsNewSession: 409,
    errors.IdempotencyConflict: 409,
    errors.DialogWaiting: 409,
    errors.ControlTaken: 409,
    errors.AlreadyRecording: 409,
    errors.CannotRenew: 422,
    errors.NotRecording: 409,
    errors.AlreadyTracing: 409,
    errors.NotTracing: 409,
    errors.CannotHibernate: 409,
    errors.CheckpointUnusable: 409,
    errors.Gone: 410,
    errors.SessionEnded: 410,
    errors.SessionExpired: 410,
    errors.LinkInvalid: 410,
    errors.PayloadTooLarge: 413,
    errors.RangeNotSatisfiable: 416,
    errors.TooMany: 429,
    errors.SessionQueueFull: 429,
    errors.RateLimited: 429,
    errors.QuotaExceeded: 429,
    errors.AgentBrowserError: 500,
    errors.InternalError: 500,
    errors.NavigationFailed: 502,
    errors.Unavailable: 503,
    errors.PoolFull: 503,
    errors.BrowserLost: 503,
    errors.PageCrashed: 503,
    errors.BrowserMissing: 503,
    errors.StorageFull: 503,
    errors.DatabaseUnusable: 503,
    errors.ResumeFailed: 503,
    errors.StateLocked: 503,
    errors.AuthUnavailable: 503,
    errors.DeadlineExceeded: 504,
}
"""Every class of the tree but ActionFailed, which is never a problem of its own."""

_MOST_FIELDS = 32
_LONGEST_NAME = 128


def status_of(error: AgentBrowserError) -> int:
    """The HTTP status of an error; that of its nearest ancestor for a class the table lacks."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: AgentBrowserError, request_id: str) -> Problem:
    """What the caller is told. A code's own fields never take the place of the common ones."""
    own = {
        name: value
        for name, value in error.fields.items()
        if name not in Problem.model_fields and value not in (None, [])
    }
    return Problem(
        type=f"/docs/errors#{error.code}",
        title=error.title,
        status=status_of(error),
        detail=error.detail,
        code=error.code,
        retryable=error.retryable,
        recovery=error.recovery,
        request_id=request_id,
        **own,
    )


def answer(error: AgentBrowserError, request_id: str) -> Response:
    """The problem+json answer, with the headers that go with its status."""
    problem = problem_of(error, request_id)
    # Escaped to ASCII: a detail may quote page text that UTF-8 can't hold.
    body = json.dumps(problem.model_dump(mode="python"), default=str).encode()
    return Response(body, problem.status, headers=_headers(error), media_type=MEDIA_TYPE)


def _headers(error: AgentBrowserError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    retry_after = error.fields.get("retry_after")
    if isinstance(retry_after, int | float):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="agent-browser"'
    if isinstance(error, errors.MethodNotAllowed):
        headers["Allow"] = error.fields["allow"]
    if isinstance(error, errors.RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.fields['size']}"
    return headers


def invalid(faults: Iterable[Mapping[str, Any]]) -> errors.InvalidRequest:
    """InvalidRequest naming each wrong field; never a value, which may be a secret."""
    told = [(_names(fault), _message(fault)) for fault in itertools.islice(faults, _MOST_FIELDS)]
    said = "; ".join(
        f"{', '.join(names)}: {message}" if any(names) else message for names, message in told[:5]
    )
    named = [FieldError(field=name, message=message) for names, message in told for name in names]
    return errors.InvalidRequest(said, errors=[error.model_dump() for error in named])


def _names(fault: Mapping[str, Any]) -> list[str]:
    """The fields that a fault is of: where it was found, or in there those that do not fit."""
    whole = _name(fault.get("loc", ()))
    within = getattr(fault.get("ctx", {}).get("error"), "fields", ())
    return [f"{whole}.{field}" if whole else field for field in within] or [whole]


def _name(location: tuple[str | int, ...]) -> str:
    # In parentheses is which of several forms of a body was read: no field's name.
    parts = [str(part)[:_LONGEST_NAME] for part in location[1:] if not str(part).startswith("(")]
    if location and location[0] != "body":
        return ".".join(parts) or str(location[0])
    return ".".join(parts)


def _message(fault: Mapping[str, Any]) -> str:
    kind = fault.get("type")
    if kind == "json_invalid":
        return f"not JSON: {fault.get('ctx', {}).get('error', 'malformed')}"
    if kind == "extra_forbidden":
        return "there is no such field"
    return str(fault.get("msg", "invalid")).removeprefix("Value error, ")


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Let the app, which has these routes, answer every error with a problem. What is no
    AgentBrowserError, and not of routing or validation, passes: the gate answers it with 500.
    """

    async def answer_routing(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        error = _routing_error(request, exc, routes)
        request.state.code = error.code
        return answer(error, _request_id(request))

    app.add_exception_handler(AgentBrowserError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, answer_routing)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


async def _answer_own(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, AgentBrowserError)
    request.state.code = exc.code
    return answer(exc, _request_id(request))


async def _answer_validation(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    faults = [dict(fault) for fault in exc.errors()]
    for fault in faults:
        if fault.get("type") == "json_invalid":
            fault["loc"] = ("body",)  # else the offset would be taken for a field's name
    error = _timeout(request, faults) or invalid(faults)
    request.state.code = error.code
    return answer(error, _request_id(request))


def _timeout(request: Request, faults: list[dict[str, Any]]) -> errors.InvalidTimeout | None:
    """What a timeout that is no duration at all is told: the range, as one out of it is."""
    names = [str(part) for part in faults[0].get("loc", ())] if len(faults) == 1 else []
    name = next((name for name in reversed(names) if name in _TIMEOUTS), None)
    if name is None:
        return None
    settings: Settings = request.app.state.settings
    given = str(faults[0].get("input"))[:_LONGEST_NAME]
    return errors.InvalidTimeout(name, given, *range_of(settings, name))


def _routing_error(
    request: Request, exc: HTTPException, routes: Sequence[BaseRoute]
) -> AgentBrowserError:
    # What reading a body raises comes wrapped in "There was an error parsing the body".
    if isinstance(exc.__cause__, AgentBrowserError):
        return exc.__cause__
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return errors.NotFound("there is nothing at this address; /docs has those that there are")
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return errors.MethodNotAllowed(request.method, _methods_here(request, routes))
    if exc.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.InvalidRequest("the request's body could not be read as JSON in UTF-8")
    return errors.InternalError()


def _methods_here(request: Request, routes: Sequence[BaseRoute]) -> str:
    methods: set[str] = set()
    for route in routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods))
