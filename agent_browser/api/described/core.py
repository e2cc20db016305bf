"""The functions of one page: open, snapshot, interact, screenshot, execute, close."""

from agent_browser import errors
from agent_browser.api.described.about import ARTIFACT, About

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
    "unfinished_downloads": [],
    "dialogs": [],
    "tabs": [{"id": "t1", "url": "https://example.com/", "title": "Example Domain",
              "active": True}],
    "refused_tabs": 0,
}  # fmt: skip

_OPEN = About(
    "Go to a page",
    """\
Navigates the session's active tab and answers with what can be acted on. A new session's context is
made with the options given; a live one keeps its state, and its options where they are left out. An
HTTP error page is an answer with its `status`, not an error.""",
    {"url": "https://example.com"},
    _PAGE,
    (
        errors.InvalidUrl,
        errors.InvalidTimeout,
        errors.EgressDenied,
        errors.OptionNeedsNewSession,
        errors.NavigationFailed,
        errors.ProfileNotFound,
        errors.CheckpointUnusable,
        errors.StateLocked,
    ),
)

ABOUT: dict[str, About] = {
    "open": _OPEN,
    "run": _OPEN._replace(
        summary="Go to a page (another name of open)", description="The same as `open`."
    ),
    "snapshot": About(
        "Look at the page",
        """\
What a person could act on, in document order, over all frames and open shadow roots. Each element
has a `ref` that names it for as long as it lives. What does not fit is left out, and `note` says
so.""",
        {"limit": 50, "max_chars": 20_000},
        _PAGE,
    ),
    "interact": About(
        "Do one action",
        """\
Click, fill, press, select, scroll, wait and so on. An action that could not be done is an answer
with `success` false and a `message` that says why.""",
        {"action": "click", "ref": "@e1"},
        {
            "success": True,
            "action": "click",
            "message": None,
            "code": None,
            "snapshot": _PAGE,
            "screenshot": None,
            "url": "https://example.com/",
            "title": "Example Domain",
            "downloads": [],
            "unfinished_downloads": [],
            "dialogs": [],
            "new_tabs": [],
        },
    ),
    "screenshot": About(
        "Take a picture",
        """\
Of the viewport, the whole page or one element. The picture is an artifact of the session.""",
        {"full_page": True},
        {"screenshot": ARTIFACT, "width": 1280, "height": 720},
        (errors.StorageFull,),
    ),
    "execute": About(
        "Run JavaScript in the page",
        """\
An expression, statements (the last value counts) or a function; promises are awaited. What the code
throws is in `error`, and the call a success all the same.""",
        {"code": "document.title"},
        {"result": "Example Domain", "value": "Example Domain", "error": None},
    ),
    "close": About(
        "End the session",
        """\
Closes the context and answers with its videos. Closing twice is a success.""",
        {},
        {"success": True, "video": None, "videos": []},
    ),
}
