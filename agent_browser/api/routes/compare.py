"""The comparing route: two pages in, how they differ out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer, while_connected
from agent_browser.api.deps import Artifacts, Caller, Service
from agent_browser.api.described.about import ARTIFACT
from agent_browser.api.openapi import failing
from agent_browser.comparing.compare import compare as compare_pages
from agent_browser.models.comparing import CompareInput, CompareOutput

router = APIRouter(tags=["functions"])

_SHOWN: dict[str, Any] = {
    "a": {"url": "https://example.com"},
    "b": {"url": "https://example.org"},
    "options": {"width": 1024, "height": 768},
    "masks": [{"selector": "css=.advert"}],
}
_SIDE = {"url": "https://example.com/", "title": "Example Domain", "status": 200,
         "screenshot": ARTIFACT, "width": 1024, "height": 768}  # fmt: skip
_ANSWER: dict[str, Any] = {
    "same": False,
    "a": _SIDE,
    "b": {**_SIDE, "url": "https://example.org/"},
    "screenshot": {"ratio": 0.00125, "pixels": 983, "counted": 786432, "width": 1024,
                   "height": 768, "same_size": True, "picture": ARTIFACT,
                   "box": {"x": 40, "y": 120, "width": 310, "height": 24}},
    "elements": {"same": True, "total_a": 1, "total_b": 1},
    "text": {"same": False, "added": 1, "removed": 1,
             "diff": "@@ -1,3 +1,3 @@\n Example Domain\n \n-old words\n+new words"},
    "status": {"same": True, "differing": []},
    "timing": {"load": {"a": 41.2, "b": 43.0, "difference": 1.8}},
}  # fmt: skip


@router.post(
    "/v1/compare",
    operation_id="compare",
    summary="Compare two pages",
    response_model=CompareOutput,
    responses={
        200: {"description": "How they differ", "content": example(_ANSWER)},
        **failing(
            errors.InvalidUrl,
            errors.EgressDenied,
            errors.SessionNotFound,
            errors.SessionEnded,
            errors.DialogWaiting,
            errors.PayloadTooLarge,
            errors.SessionQueueFull,
            errors.NavigationFailed,
            errors.PoolFull,
            errors.BrowserLost,
            errors.StorageFull,
            errors.DeadlineExceeded,
        ),
    },
)
async def compare(
    request: Request,
    input: Annotated[
        CompareInput,
        Body(openapi_examples={"usual": {"summary": "Two addresses", "value": _SHOWN}}),
    ],
    service: Service,
    store: Artifacts,
    caller: Caller,
) -> Response:
    """Two sessions as they are, or two addresses opened side by side with the same options, or one
    of each. Sessions made for this are ended, those given go on. Pictures are artifacts.
    """
    work = compare_pages(service, store, caller, input)
    return json_answer(await while_connected(request, work))
