"""Routes whose usual body is read at once: FastAPI's own way of solving an endpoint's parameters
takes longer than what most functions do. Whatever is not usual goes that way, its errors too.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from agent_browser.api.answers import CallerGone

Endpoint = Callable[..., Awaitable[Response]]
LONGEST_PARAMETER = 256
"""Characters of a path's parameter; a longer one is refused by the usual way."""

BODIES: dict[Endpoint, tuple[str, type[BaseModel]]] = {}
"""The endpoints that may be called so: the name of the body's parameter, and its model."""


class QuickRoute(APIRoute):
    """An endpoint in BODIES is called with its path's parameters, texts, and its body alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual = super().get_route_handler()
        known = BODIES.get(self.endpoint)
        if known is None:
            return usual
        endpoint: Endpoint = self.endpoint
        name, model = known

        async def handle(request: Request) -> Response:
            parameters = request.path_params
            body = await _usual_body(request, model)
            if body is None or any(len(text) > LONGEST_PARAMETER for text in parameters.values()):
                return await usual(request)
            return await endpoint(request, **parameters, **{name: body})

        return handle


async def _usual_body(request: Request, model: type[BaseModel]) -> BaseModel | None:
    """The body, where it is JSON that the model takes. The request remembers what was read."""
    if request.headers.get("content-type", "") != "application/json":
        return None
    try:
        return model.model_validate(json.loads(await request.body()))
    except ClientDisconnect as exc:
        raise CallerGone from exc
    except (ValueError, ValidationError, RecursionError):
        return None
