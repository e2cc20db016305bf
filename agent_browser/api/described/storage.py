"""The functions on what pages store and send each other, in words and examples."""

from agent_browser import errors
from agent_browser.api.described.about import About

_AT = "2026-11-20T09:30:00.000Z"
_ENTRY = {
    "key": "cart", "value": '{"n":1}', "json": {"n": 1}, "type": "persistent", "created": _AT,
    "expires": "2026-11-20T09:31:00.000Z",
}  # fmt: skip
_COOKIE = {
    "name": "sid", "value": "31d4d96e407aad42", "domain": ".example.com", "path": "/",
    "expires": -1, "httpOnly": True, "secure": True, "sameSite": "Lax", "partitionKey": None,
}  # fmt: skip

ABOUT: dict[str, About] = {
    "storage": About(
        "Read and change localStorage and sessionStorage",
        """\
Entries of an origin, in a frame of any tab of the session: get, put, delete, list, clear. A change
is made as if the document itself had made it. What is put with `expires_in` goes after that time,
from the page's storage too.""",
        {"action": "put", "key": "cart", "value": {"n": 1}, "expires_in": "1m"},
        {
            "area": "local",
            "origin": "https://app.example.com",
            "tab": "t1",
            "entry": _ENTRY,
            "entries": [],
            "total": 0,
            "next_cursor": None,
            "removed": 0,
        },
        (errors.NotFound, errors.Conflict),
    ),
    "cookies": About(
        "List, set and delete cookies",
        """\
Those of the session, in Playwright's form; those that are hidden from scripts, and partitioned ones
too. Set from a list, or from the `text` of a cookies.txt as curl writes them.""",
        {"action": "list", "url": "https://example.com"},
        {"cookies": [_COOKIE], "total": 1, "changed": 0, "refused": []},
    ),
    "messages": About(
        "See what windows and frames send each other",
        """\
postMessage traffic of the session, while it is switched on: start, stop, list, clear. The latest
1,000 are kept. Pages can neither see nor forge it.""",
        {"action": "start"},
        {
            "recording": True,
            "messages": [
                {"at": _AT, "tab": "t1", "frame": "https://shop.example/",
                 "origin": "https://pay.example", "target": "https://shop.example",
                 "source": "child", "data": {"type": "paid"}, "truncated": False}
            ],
            "next_cursor": "1",
            "kept": 1,
            "dropped": 0,
        },
    ),
}  # fmt: skip
