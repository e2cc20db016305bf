"""Which rights a request needs, by its method and path. Pure.

What is not known here needs `admin`: a route that was forgotten is shut. What a body asks for, such
as JavaScript in a step of a run, is checked where bodies are read (`models.needs`).
"""

import re
from collections.abc import Sequence

from agent_browser.models.rights import Right

Rights = frozenset[Right]

NONE: Rights = frozenset()
WATCH: Rights = frozenset({"watch"})
DRIVE: Rights = frozenset({"drive"})
EXECUTE: Rights = frozenset({"drive", "execute"})
RECORDINGS: Rights = frozenset({"recordings"})
STATE: Rights = frozenset({"state"})
SET_STATE: Rights = frozenset({"drive", "state"})
SECRETS: Rights = frozenset({"secrets"})
ADMIN: Rights = frozenset({"admin"})

_SESSION = r"/v1/sessions/[^/]+"
_TABLE: Sequence[tuple[str, str, Rights]] = (
    ("GET", r"/healthz", NONE),
    ("GET", r"/v1/links/[^/]+", NONE),  # the link has its right in it
    ("GET", r"/readyz|/metrics|/openapi\.json|/docs|/docs/errors|/docs/[^/]+\.css", WATCH),
    ("GET", r"/v1/whoami|/v1/usage", WATCH),
    ("GET|POST|PATCH|PUT|DELETE", r"/v1/(?:keys|audit|drain|owners|usage|quotas)(?:/.*)?", ADMIN),
    # Sessions: what holds a login whole comes before what reads and drives.
    ("GET", rf"{_SESSION}/(?:storage/.+|cookies|state|messages)", STATE),
    ("PUT|DELETE", rf"{_SESSION}/(?:storage/.+|cookies|state)", SET_STATE),
    ("POST", rf"(?:{_SESSION}|/v1/functions)/(?:storage|cookies|messages)", SET_STATE),
    ("POST", rf"(?:{_SESSION}|/v1/functions)/execute", EXECUTE),
    ("GET", r"/v1/sessions|/v1/sessions/[^/]+", WATCH),
    ("GET", rf"{_SESSION}/(?:control|checkpoints|actions|events|uploads|traffic)", WATCH),
    ("POST", rf"/v1/sessions|{_SESSION}/[^/]+|/v1/functions/[^/]+", DRIVE),
    ("POST", rf"{_SESSION}/checkpoints/[^/]+/restore", DRIVE),
    ("PATCH", rf"{_SESSION}(?:/timeout)?", DRIVE),
    ("DELETE", rf"{_SESSION}(?:/control|/uploads/[^/]+)?", DRIVE),
    # What sessions leave behind, and start from.
    ("GET", r"/v1/profiles/[^/]+/state", STATE),
    ("GET", r"/v1/profiles(?:/[^/]+)?", WATCH),
    ("PUT|DELETE", r"/v1/profiles/[^/]+", SET_STATE),
    ("GET|DELETE", r"/v1/recordings(?:/[^/]+)?", RECORDINGS),
    ("POST", r"/v1/recordings/[^/]+/link", RECORDINGS),
    ("GET", r"/v1/artifacts/[^/]+", WATCH),
    ("POST", r"/v1/artifacts/[^/]+/link", WATCH),
    ("GET", r"/v1/secrets(?:/[^/]+)?", WATCH),
    ("PUT|POST|PATCH|DELETE", r"/v1/secrets(?:/[^/]+)?", SECRETS),
    ("GET", r"/v1/events|/v1/operations(?:/[^/]+(?:/events)?)?", WATCH),
    ("POST", r"/v1/operations/[^/]+/cancel", DRIVE),
    ("DELETE", r"/v1/operations/[^/]+", DRIVE),
    ("GET", r"/v1/webhooks(?:/[^/]+(?:/deliveries)?)?", WATCH),
    ("POST", r"/v1/webhooks(?:/[^/]+/test)?", DRIVE),
    ("PATCH|DELETE", r"/v1/webhooks/[^/]+", DRIVE),
    ("POST", r"/v1/(?:compare|scrape)", DRIVE),
)
"""The first that fits counts. HEAD is as GET."""
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RULES = {
    method: [
        (re.compile(path), rights)
        for methods, path, rights in _TABLE
        if method in methods.split("|")
    ]
    for method in _METHODS
}


def needed(method: str, path: str) -> Rights:
    """What a caller must have for it: all of these rights."""
    for pattern, rights in _RULES.get("GET" if method == "HEAD" else method, ()):
        if pattern.fullmatch(path):
            return rights
    return ADMIN
