"""Recording as a verb, and traces."""

from agent_browser import errors
from agent_browser.api.described.about import ARTIFACT, SESSION, About

_VIDEO = {
    **ARTIFACT,
    "content_type": "video/webm",
    "filename": f"{ARTIFACT['id']}.webm",
    "session_id": SESSION,
    "width": 1280,
    "height": 720,
    "duration": 12.48,
    "fps": 25.0,
    "chapters": [{"title": "Log in", "at": 3.2}],
}
_JPEG = {**ARTIFACT, "content_type": "image/jpeg", "filename": "thumbnail.jpg"}

ABOUT: dict[str, About] = {
    "record": About(
        "Record a video of the live session",
        """\
`start` and `stop` in the session as it is: nothing of its state is lost. The video follows the
active tab and is as long as what it shows took. `stop` answers with it, a thumbnail and a contact
sheet; `chapter` marks a part; `restart` is stop and start; `status` says what runs.""",
        {"action": "stop"},
        {
            "action": "stop",
            "recording": False,
            "seconds": 12.48,
            "tab": None,
            "width": 1280,
            "height": 720,
            "fps": 25,
            "format": "webm",
            "chapters": [{"title": "Log in", "at": 3.2}],
            "video": _VIDEO,
            "thumbnail": _JPEG,
            "contact_sheet": {**_JPEG, "filename": "contact_sheet.jpg"},
            "partial": False,
            "code": None,
            "message": None,
        },
        (
            errors.AlreadyRecording,
            errors.NotRecording,
            errors.BrowserMissing,
            errors.StorageFull,
        ),
    ),
    "trace": About(
        "Record a Playwright trace",
        """\
`start` and `stop`; `stop` answers with a zip that Playwright's trace viewer opens. A trace holds
what the pages held, and what was typed into them.""",
        {"action": "stop"},
        {
            "action": "stop",
            "tracing": False,
            "seconds": 8.1,
            "trace": {**ARTIFACT, "content_type": "application/zip", "filename": "trace.zip"},
            "partial": False,
            "message": None,
        },
        (errors.AlreadyTracing, errors.NotTracing, errors.StorageFull),
    ),
}
