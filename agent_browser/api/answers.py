"""Answers: models as JSON, made once, and work that ends when its caller goes away."""

import json
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import anyio
from fastapi import Request
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

T = TypeVar("T")


class CallerGone(Exception):
    """The caller closed the connection before the answer; nobody reads what is answered now."""


def json_answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The model as JSON. Half a surrogate pair, which JavaScript allows in its strings and UTF-8
    does not, becomes U+FFFD.
    """
    try:
        body = model.model_dump_json().encode()
    except (PydanticSerializationError, UnicodeEncodeError):
        body = to_json(_whole(model.model_dump()))
    return Response(body, status, headers, "application/json")


def document_answer(document: dict[str, Any]) -> Response:
    """JSON that is to be read into the same again: half a surrogate pair is kept, as an escape."""
    try:
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, 200, media_type="application/json")


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """What `work` comes to; CallerGone, and `work` cancelled, when the caller goes away before. The
    request's body must have been read.

    The work gets the task of its own, not the watch for the caller: Playwright looks through the
    whole stack at each call, and a web framework's is deep.
    """
    outcome: list[T] = []
    failures: list[Exception] = []

    async def do() -> None:
        try:
            outcome.append(await work)
        except Exception as exc:  # raised below, as itself and not in a group
            failures.append(exc)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(do)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not outcome:
        raise CallerGone
    return outcome[0]


def example(value: object) -> dict[str, Any]:
    """A JSON answer's example, for OpenAPI."""
    return {"application/json": {"example": json.loads(json.dumps(value))}}
