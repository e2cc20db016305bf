"""Bodies of `POST /v1/functions/{function}`, one per function, and each function's example."""

from typing import Annotated, Any

from pydantic import Field

from agent_browser.models.base import Duration, Input
from agent_browser.models.functions import (
    CloseInput,
    ExecuteInput,
    InteractInput,
    OpenInput,
    ScreenshotInput,
    SnapshotInput,
)

SESSION = "ses_Zr3Jm1QdQnq9zN0cW4kE7A"
ARTIFACT = {
    "id": "art_V1StGXR8Z5jdHi6BmyTfqQ",
    "url": "/v1/artifacts/art_V1StGXR8Z5jdHi6BmyTfqQ",
    "content_type": "image/png",
    "size": 20145,
    "filename": "screenshot.png",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-11-20T09:30:00.000Z",
}


class _Call(Input):
    session: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description='"new", a session\'s id, or null for a session of this one call.'
    )
    session_timeout: Duration | None = Field(
        default=None, description="Idle timeout of a new session."
    )


class OpenCall(_Call):
    """Go to a page, in a session."""

    input: OpenInput


class SnapshotCall(_Call):
    """Look at a session's page."""

    input: SnapshotInput = SnapshotInput()


class InteractCall(_Call):
    """Do one action in a session's page."""

    input: InteractInput


class ScreenshotCall(_Call):
    """Take a picture of a session's page."""

    input: ScreenshotInput = ScreenshotInput()


class ExecuteCall(_Call):
    """Run JavaScript in a session's page."""

    input: ExecuteInput


class CloseCall(_Call):
    """End a session."""

    input: CloseInput = CloseInput()


CALLS: dict[str, type[_Call]] = {
    "open": OpenCall,
    "run": OpenCall,
    "snapshot": SnapshotCall,
    "interact": InteractCall,
    "screenshot": ScreenshotCall,
    "execute": ExecuteCall,
    "close": CloseCall,
}

_ELEMENT = {
    "ref": "@e1",
    "desc": '@e1 [a] "More information" href="https://example.org/more"',
    "tag": "a",
    "text": "More information",
    "role": "link",
    "name": "More information",
    "href": "https://example.org/more",
}
_PAGE = {
    "url": "https://example.com/",
    "title": "Example Domain",
    "status": 200,
    "elements": [_ELEMENT],
    "elements_text": _ELEMENT["desc"],
    "total": 1,
    "screenshot": None,
    "downloads": [],
    "dialogs": [],
    "tabs": [{"id": "t1", "url": "https://example.com/", "title": "Example Domain",
              "active": True}],
}  # fmt: skip

SUMMARIES: dict[str, str] = {
    "open": "Go to a page",
    "run": "Go to a page (another name of open)",
    "snapshot": "Look at the page",
    "interact": "Do one action",
    "screenshot": "Take a picture",
    "execute": "Run JavaScript in the page",
    "close": "End the session",
}
DESCRIPTIONS: dict[str, str] = {
    "open": """\
Navigates the session's active tab and answers with what can be acted on. A new session's context is
made with the options given; a live one keeps its state, and its options where they are left out. An
HTTP error page is an answer with its `status`, not an error.""",
    "run": "The same as `open`.",
    "snapshot": """\
What a person could act on, in document order, over all frames and open shadow roots. Each element
has a `ref` that names it for as long as it lives.""",
    "interact": """\
Click, fill, press, select, scroll, wait and so on. An action that could not be done is an answer
with `success` false and a `message` that says why.""",
    "screenshot": """\
Of the viewport, the whole page or one element. The picture is an artifact of the session.""",
    "execute": """\
An expression, statements (the last value counts) or a function; promises are awaited. What the code
throws is in `error`, and the call a success all the same.""",
    "close": "Closes the context and answers with its videos. Closing twice is a success.",
}
INPUT_EXAMPLES: dict[str, dict[str, Any]] = {
    "open": {"url": "https://example.com"},
    "run": {"url": "https://example.com"},
    "snapshot": {"limit": 50},
    "interact": {"action": "click", "ref": "@e1"},
    "screenshot": {"full_page": True},
    "execute": {"code": "document.title"},
    "close": {},
}
OUTPUT_EXAMPLES: dict[str, dict[str, Any]] = {
    "open": {"session_id": SESSION, **_PAGE},
    "run": {"session_id": SESSION, **_PAGE},
    "snapshot": {"session_id": SESSION, **_PAGE},
    "interact": {
        "session_id": SESSION,
        "success": True,
        "action": "click",
        "message": None,
        "code": None,
        "snapshot": _PAGE,
        "screenshot": None,
        "url": "https://example.com/",
        "title": "Example Domain",
        "downloads": [],
        "dialogs": [],
        "new_tabs": [],
    },
    "screenshot": {"session_id": SESSION, "screenshot": ARTIFACT, "width": 1280, "height": 720},
    "execute": {
        "session_id": SESSION,
        "result": "Example Domain",
        "value": "Example Domain",
        "error": None,
    },
    "close": {"session_id": SESSION, "success": True, "video": None, "videos": []},
}
