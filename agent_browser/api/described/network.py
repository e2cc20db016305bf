"""The functions on a session's network and console in words and examples."""

from agent_browser import errors
from agent_browser.api.described.about import ARTIFACT, About

_AT = "2026-11-20T09:30:00.000Z"
_TRAFFIC = {
    "id": "r12", "tab": "t1", "method": "GET", "url": "https://example.com/api/orders?token=***",
    "type": "fetch", "state": "done", "status": 200, "status_text": "OK",
    "mime": "application/json", "transferred": 412, "size": 207, "started_at": _AT,
    "first_byte_ms": 18.2, "total_ms": 21.7, "from_cache": False, "from_service_worker": False,
    "failure": None, "redirected_from": None, "redirected_to": None,
}  # fmt: skip

ABOUT: dict[str, About] = {
    "requests": About(
        "List the session's requests",
        """\
What its pages asked of the network, oldest first, with status, type, size and timing, and the
WebSockets that they opened. Secrets in addresses are masked.""",
        {"status": "4xx", "type": ["fetch", "xhr"], "limit": 20},
        {"requests": [_TRAFFIC], "total": 1, "kept": 14, "dropped": 0, "sockets": []},
    ),
    "request": About(
        "Look at one request",
        """\
Headers, what was sent and what came, with secrets masked. A body larger than `max_bytes` is an
artifact as well. Why there is no body is in `body_error`.""",
        {"id": "r12"},
        {
            "request": _TRAFFIC,
            "request_headers": [{"name": "Authorization", "value": "***"}],
            "response_headers": [{"name": "Content-Type", "value": "application/json"}],
            "redirects": [],
            "protocol": "http/1.1",
            "address": "93.184.216.34:443",
            "body": '{"orders": []}',
            "body_size": 14,
            "truncated": False,
            "file": None,
            "body_error": None,
        },
        (errors.StorageFull,),
    ),
    "route": About(
        "Change requests before they leave",
        """\
Rules for all tabs of the session: block, answer, change headers, redirect, delay. The first rule
that fits a request counts. Answers with all rules and how often each was applied.""",
        {"rules": [{"url": "**/*.png", "action": "block"}]},
        {"rules": [{"id": "rule1", "url": "**/*.png", "action": "block", "matched": 0}]},
    ),
    "har": About(
        "Record traffic as a HAR",
        """\
Start and stop in the live session; the file is HAR 1.2 with auth headers, cookies and secret
parameters masked, and bodies in it unless left out.""",
        {"action": "stop"},
        {
            "recording": False,
            "started_at": _AT,
            "har": {**ARTIFACT, "content_type": "application/json", "filename": "session.har"},
            "entries": 14,
            "omitted": 0,
            "complete": True,
        },
        (errors.StorageFull,),
    ),
    "console": About(
        "Read the console",
        """\
What the pages wrote to their console, and the errors that nobody caught (`pageerror`): the newest
`limit` that fit, in the order in which they came.""",
        {"level": ["error", "pageerror"]},
        {
            "messages": [
                {"level": "pageerror", "text": "boom", "at": _AT, "tab": "t1",
                 "url": "https://example.com/app.js", "line": 10, "column": 5, "stack": None}
            ],
            "total": 1,
            "counts": {"pageerror": 1, "log": 3},
        },
    ),
}  # fmt: skip
