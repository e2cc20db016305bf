"""The scraping route: many addresses in, a line of JSON for each as it is done."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.deps import Caller, Service, UntilOver
from agent_browser.api.described import SESSION
from agent_browser.api.openapi import failing
from agent_browser.api.streaming import NDJSON, Lines
from agent_browser.models.scraping import ScrapeInput, ScrapeResult, ScrapeSummary
from agent_browser.scraping.scrape import Scrape

router = APIRouter(tags=["scraping"])

_SHOWN: dict[str, Any] = {
    "urls": ["https://example.com", {"url": "https://example.org", "id": "second"}],
    "concurrency": 4,
    "per_host": {"concurrency": 2, "delay": 0.5},
    "read": [{"function": "execute", "input": {"code": "document.title"}, "name": "heading"}],
}
_LINES = (
    ScrapeResult(
        index=0, url="https://example.com", final_url="https://example.com/", status=200,
        title="Example Domain", ok=True, attempts=1, seconds=0.412, session_id=SESSION,
        heading={"result": "Example Domain", "value": "Example Domain", "error": None},
    ),
    ScrapeSummary(total=1, ok=1, failed=0, attempts=1, codes={}, seconds=0.413),
)  # fmt: skip
_CONTENT = {
    NDJSON: {
        "schema": {"type": "string"},
        "example": "".join(json.dumps(line.model_dump(mode="json")) + "\n" for line in _LINES),
    }
}


@router.post(
    "/v1/scrape",
    operation_id="scrape",
    summary="Read many pages",
    response_class=Response,
    responses={
        200: {"description": "A line for each address, then a summary", "content": _CONTENT},
        **failing(errors.SessionNotFound, errors.SessionEnded, errors.PayloadTooLarge),
    },
)
async def scrape(
    request: Annotated[
        ScrapeInput,
        Body(openapi_examples={"usual": {"summary": "Two pages", "value": _SHOWN}}),
    ],
    asked: Request,
    service: Service,
    caller: Caller,
    until: UntilOver,
) -> Response:
    """Opens each address, reads it with the functions named, and answers a line of JSON for each as
    it is done; the last line is a summary. What goes wrong with one address is in its own line. A
    reader that goes away ends it all. An Idempotency-Key is refused: a stream is not kept.
    """
    work = Scrape(service, caller, request, outbound=asked.app.state.outbound)
    await work.check()
    return Lines(work.run, until=until)
