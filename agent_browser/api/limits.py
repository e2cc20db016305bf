"""Bounds of a request's body: its bytes, its form, how long it may take to arrive."""

import re
import time
from collections.abc import Mapping

import anyio
from starlette.types import Message, Receive, Scope

from agent_browser.errors import DeadlineExceeded, InvalidRequest, PayloadTooLarge

BODY_SECONDS = 60.0
FORM_SECONDS = 900.0
"""The same for files, which are larger."""
FORM_HEADS = 1_048_576
"""Bytes that a form may have beside its files' own."""
_UPLOADS = re.compile(r"/v1/sessions/[^/]+/uploads")
_STATES = re.compile(r"/v1/(sessions/[^/]+/state|profiles/[^/]+)")


def takes_files(scope: Scope) -> bool:
    """Whether the request's body is files in a form, and has bounds of its own."""
    return scope["method"] == "POST" and _UPLOADS.fullmatch(scope["path"]) is not None


def takes_state(scope: Scope) -> bool:
    """Whether the request's body is a state, JSON that may be longer than others."""
    return scope["method"] == "PUT" and _STATES.fullmatch(scope["path"]) is not None


def check_head(headers: Mapping[bytes, bytes], limit: int, *, form: bool = False) -> bool:
    """Whether a body follows, as the head says. PayloadTooLarge by its Content-Length.
    InvalidRequest for one that isn't JSON: a form or plain text is what a page of another site can
    send without asking. Where a `form` is taken, only the check of its origin keeps such pages out.
    """
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise InvalidRequest("Content-Length: not a number")
    if int(length[:20]) > limit:
        raise PayloadTooLarge(limit)
    has_body = int(length) > 0 or b"transfer-encoding" in headers
    content_type = headers.get(b"content-type")
    if form and _kind(content_type or b"") == b"multipart/form-data":
        return has_body
    if (content_type is not None or has_body) and not _is_json(content_type or b""):
        if form:
            raise InvalidRequest("Content-Type: the body must be multipart/form-data")
        raise InvalidRequest("Content-Type: the body must be application/json")
    return has_body


def _kind(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()


def _is_json(content_type: bytes) -> bool:
    kind = _kind(content_type)
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


class BoundedBody:
    """A `receive` that counts: PayloadTooLarge past `limit` bytes, DeadlineExceeded when the body
    is not there within a minute. After the body it only waits for the client to go away.
    """

    def __init__(self, receive: Receive, limit: int, *, seconds: float = BODY_SECONDS) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._count = 0
        self._ended = False

    async def __call__(self) -> Message:
        if self._ended:
            return await self._receive()
        with anyio.move_on_after(self._deadline - time.monotonic()) as scope:
            message = await self._receive()
        if scope.cancelled_caught:
            raise DeadlineExceeded("request body", self._seconds)
        self._count += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._count > self._limit:
            raise PayloadTooLarge(self._limit)
        return message
