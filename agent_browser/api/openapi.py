"""The OpenAPI description: FastAPI's, with this server's errors and keys in it."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from agent_browser.api import problems
from agent_browser.errors import AgentBrowserError, InternalError, InvalidRequest
from agent_browser.models.problems import Problem

Responses = dict[int | str, dict[str, Any]]

_REFERENCE = {"$ref": "#/components/schemas/Problem"}
_DESCRIPTION = """\
A pool of isolated headless-browser sessions. Open a session, look at its page, act on it, take
pictures, run code in it, close it. Every error is `application/problem+json` with a stable `code`.
"""
_TAGS = [
    {"name": "functions", "description": "What a session can do, in the form of one call."},
    {"name": "sessions", "description": "Sessions, and the functions on one of them."},
    {"name": "profiles", "description": "Saved states that sessions start from: logins."},
    {"name": "secrets", "description": "Texts that sessions type by name, and nobody reads."},
    {"name": "runs", "description": "Steps in one request, and what became of them."},
    {"name": "scraping", "description": "Many pages in one request."},
    {"name": "events", "description": "What happens to sessions, as streams and to addresses."},
    {"name": "artifacts", "description": "Screenshots, videos and other files of sessions."},
    {"name": "keys", "description": "Who may call, and what they may do."},
    {"name": "operations", "description": "For who runs the server."},
]


def failing(*kinds: type[AgentBrowserError]) -> Responses:
    """The problems that an operation answers with, for its `responses`."""
    by_status: dict[int, list[type[AgentBrowserError]]] = {}
    for kind in (*kinds, InvalidRequest):
        status = problems.STATUS[kind]
        if kind not in by_status.setdefault(status, []):
            by_status[status].append(kind)
    responses: Responses = {
        status: _problem(", ".join(f"`{kind.code}`" for kind in kinds_here))
        for status, kinds_here in sorted(by_status.items())
    }
    responses["default"] = _problem(f"Any other problem, such as `{InternalError.code}`")
    return responses


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {problems.MEDIA_TYPE: {"schema": dict(_REFERENCE)}},
    }


def install(app: FastAPI, *, needs_key: Callable[[], bool]) -> None:
    """Let `/openapi.json` be this description; it is made once, and once more when the first key
    is.
    """
    made: dict[bool, dict[str, Any]] = {}

    def describe() -> dict[str, Any]:
        needs = needs_key()
        if needs not in made:
            made[needs] = _describe(app, needs_key=needs)
        return made[needs]

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI, *, needs_key: bool) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary="A pool of isolated headless-browser sessions",
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": "This server"}],
    )
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token."},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    # Without configured keys the schemes are optional, which is what the empty one says.
    schema["security"] = [{"bearer": []}, {"key": []}, *([] if needs_key else [{}])]
    schema["paths"]["/healthz"]["get"]["security"] = []
    return schema
