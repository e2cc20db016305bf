"""Cursors: opaque to callers, checked when they come back."""

import base64
import hashlib
import json
import math
from typing import Any

from agent_browser.errors import InvalidRequest


def write(kind: str, question: object, *keys: object) -> str:
    """A cursor after the item with these keys, in the answer to that question alone."""
    packed = json.dumps([kind, _mark(question), *keys], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read(cursor: str, kind: str, question: object, *types: type) -> tuple[Any, ...]:
    """The keys in it. InvalidRequest for one that is made up, or another list's."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = json.loads(packed)
    except (ValueError, RecursionError):
        raise _unknown() from None
    if not isinstance(found, list) or found[:2] != [kind, _mark(question)]:
        raise _unknown()
    keys = found[2:]
    if [type(key) for key in keys] != list(types) or any(_is_odd(key) for key in keys):
        raise _unknown()
    return tuple(keys)


def _mark(question: object) -> str:
    return hashlib.sha256(repr(question).encode("utf-8", "replace")).hexdigest()[:12]


def _is_odd(key: object) -> bool:
    return isinstance(key, int | float) and not (math.isfinite(key) and abs(key) < 2**63)


def _unknown() -> InvalidRequest:
    return InvalidRequest(
        "the cursor is not of this list; take the next_cursor of an answer to the same question",
        [{"field": "cursor", "message": "not a cursor of this list"}],
    )
