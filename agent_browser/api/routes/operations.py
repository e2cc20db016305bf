"""For who runs the server: is it alive, is it ready, its metrics, its own reference."""

from importlib.resources import files
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from agent_browser import api, errors
from agent_browser.api import reference
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.metrics import CONTENT_TYPE, Metrics
from agent_browser.api.openapi import failing
from agent_browser.models.base import Output
from agent_browser.models.keys import Drain
from agent_browser.models.sessions import Health

router = APIRouter(tags=["operations"])

_PAGE = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
_TEXT = {"schema": {"type": "string"}}


class Alive(Output):
    """The server's process answers."""

    status: Literal["ok"] = "ok"
    service: Literal["agent-browser"] = "agent-browser"


class Ready(Output):
    """A real browser answered a real command."""

    status: Literal["ready"] = "ready"
    detail: str = Field(description="What was found, in words.")
    browser: str = Field(description="Product and version of the browser.")
    warnings: list[str] = Field(description="What an operator should know.")


@router.get(
    "/healthz",
    operation_id="healthz",
    summary="Is it alive?",
    response_model=Alive,
    responses={200: {"description": "It is", "content": example(Alive().model_dump())}},
)
@router.head("/healthz", include_in_schema=False)
async def healthz() -> Response:
    """Answers as long as the process does; no key is needed."""
    return json_answer(Alive())


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Is it ready?",
    response_model=Ready,
    responses={
        200: {
            "description": "It is",
            "content": example({"status": "ready", "detail": "2 browsers answer",
                                "browser": "HeadlessChrome/156.0.8078.79", "warnings": []}),
        },
        **failing(errors.Unavailable),
    },
)  # fmt: skip
@router.head("/readyz", include_in_schema=False)
async def readyz(request: Request, service: Service) -> Response:
    """Asks a browser for something. 503 while none answers, and from the moment of shutdown."""
    if request.app.state.draining:
        raise errors.Unavailable("the server is shutting down", retry_after=5.0)
    found = await service.readiness()
    if not found.ready:
        raise errors.Unavailable(
            found.detail, browser=found.browser, warnings=list(found.warnings), retry_after=5.0
        )
    return json_answer(
        Ready(detail=found.detail, browser=found.browser, warnings=list(found.warnings))
    )


@router.post(
    "/v1/drain",
    operation_id="begin_drain",
    summary="Take no new sessions",
    response_model=Drain,
    responses={
        200: {
            "description": "What still goes on",
            "content": example({"draining": True, "live": 4, "opening": 0}),
        },
        **failing(errors.Forbidden),
    },
)
async def begin_drain(service: Service, caller: Caller) -> Response:
    """Opens are refused and hibernated sessions not brought back, `/readyz` answers 503, as from a
    shutdown on; but sessions that live go on, and the process stays. A second time changes nothing.
    """
    service.hold_off()
    return json_answer(_drain(await service.health(caller), draining=True))


@router.delete(
    "/v1/drain",
    operation_id="end_drain",
    summary="Take sessions again",
    response_model=Drain,
    responses={
        200: {
            "description": "It does",
            "content": example({"draining": False, "live": 4, "opening": 0}),
        },
        **failing(errors.Forbidden),
    },
)
async def end_drain(service: Service, caller: Caller) -> Response:
    """Opens are taken again, unless the server shuts down."""
    service.take_again()
    health = await service.health(caller)
    return json_answer(_drain(health, draining=health.status == "draining"))


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format", "content": {"text/plain": _TEXT}},
        **failing(),
    },
)
async def metrics(request: Request) -> Response:
    """Sessions by state, opens, actions by outcome, waits, refusals, browsers, durations."""
    found: Metrics = request.app.state.metrics
    # In a thread: reading the memory of process trees takes a while.
    return Response(await to_thread.run_sync(found.render), media_type=CONTENT_TYPE)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The OpenAPI description of this server."""
    return Response(request.app.state.openapi_json(), media_type="application/json")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The description as a page to read."""
    return _page(reference.operations_page(request.app.openapi()))


@router.get("/docs/errors", include_in_schema=False)
async def docs_errors() -> Response:
    """Every error code; a problem's `type` leads here."""
    return _page(reference.errors_page())


@router.get("/docs/{name}.css", include_in_schema=False)
async def style(name: Annotated[str, Path(pattern=r"^reference$")]) -> Response:
    """The pages' style sheet."""
    return Response(
        files(api).joinpath("static", f"{name}.css").read_bytes(), media_type="text/css"
    )


def _drain(health: Health, *, draining: bool) -> Drain:
    return Drain(draining=draining, live=health.live, opening=health.opening)


def _page(html: str) -> Response:
    return Response(html, headers={"Content-Security-Policy": _PAGE}, media_type="text/html")
