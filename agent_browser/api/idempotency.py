"""The Idempotency-Key header: a POST that is sent again gets the first one's answer and acts once.

In memory and bounded; an answer that invites another try (429, 5xx) is not kept, nor one that
another key of the same owner's may not get (401, 403), and none that is about a session that was
purged. Who has other rights sends another request.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_browser.api.limits import takes_files
from agent_browser.errors import IdempotencyConflict, InvalidRequest

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_ALSO_TELLING = (b"accept",)
MOST_PURGED = 1_000
"""Purged sessions that are remembered, for the sake of what was under way."""
STREAMS = frozenset({"/v1/scrape"})
"""Routes whose answers have no bound, and can't be given again."""
_SECRET = re.compile(r"/v1/keys(?:/[^/]+/rotate)?")
"""Routes whose answers have what is shown once, and kept nowhere."""
_RUN = re.compile(r"/v1/sessions/[^/]+/run")
_YES = ("true", "1", "yes", "on", "t", "y")
_ANOTHER_TRY = frozenset({401, 403, 429})
"""Answers that a caller gets for want of something, and not of the request."""
_SESSION = re.compile(rb"ses_[A-Za-z0-9_-]{22}")


@dataclass
class _Entry:
    """A request that is being done, or was: then `answer` has its messages."""

    fingerprint: bytes
    at: float
    sessions: frozenset[bytes] = frozenset()
    """Those that the request names."""
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: list[Message] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.answer)

    def is_about(self, sessions: Collection[bytes]) -> bool:
        """Whether the request or its answer names one of these."""
        if not self.sessions.isdisjoint(sessions):
            return True
        body = b"".join(message.get("body", b"") for message in self.answer)
        return not set(_SESSION.findall(body)).isdisjoint(sessions)

    @property
    def is_final(self) -> bool:
        status = self.answer[0]["status"] if self.answer else 500
        return status < 500 and status not in _ANOTHER_TRY


class Idempotency:
    """ASGI middleware; a request without the header passes untouched. A key counts per owner."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        most: int = 10_000,
        bound: int = 67_108_864,
        seconds: float = 86_400.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most` answers of `bound` bytes in all are kept, for `seconds`."""
        self._app = app
        self._most = most
        self._bound = bound
        self._seconds = seconds
        self._monotonic = monotonic
        self._entries: dict[tuple[str, bytes], _Entry] = {}
        self._bytes = 0
        self._purged: dict[bytes, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "DELETE":
            await self._app(scope, receive, self._noticing(scope, send))
            return
        key = _key(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        # Files sent again take the place of the same files: nothing has to be kept for that.
        if key is None or takes_files(scope):
            await self._app(scope, receive, send)
            return
        if scope["path"] in STREAMS:
            raise InvalidRequest("Idempotency-Key: this answer is a stream, which is not kept")
        if _SECRET.fullmatch(scope["path"]):
            raise InvalidRequest("Idempotency-Key: this answer has a key in it, which is not kept")
        if not _KEY.fullmatch(key):
            raise InvalidRequest("Idempotency-Key: 1 to 255 printable ASCII characters")
        body = await _read(receive)
        if _RUN.fullmatch(scope["path"]) and _has_steps(body):
            # The operation is what is begun once; who sends the request again follows it anew.
            await self._app(scope, _before(body, receive), send)
            return
        name = (scope["state"]["caller"].owner, key)
        fingerprint = _fingerprint(scope, body)
        while (entry := self._current(name)) is not None:
            if entry.fingerprint != fingerprint:
                raise IdempotencyConflict
            await entry.done.wait()
            if entry.answer:
                await _replay(entry.answer, send)
                return
        await self._first(name, fingerprint, scope, body, send)

    def _current(self, name: tuple[str, bytes]) -> _Entry | None:
        entry = self._entries.get(name)
        if entry is not None and self._monotonic() - entry.at > self._seconds:
            self._drop(name)
            return None
        return entry

    def _noticing(self, scope: Scope, send: Send) -> Send:
        """The same `send`, but with the success of a purge its session's answers go."""
        purged = _SESSION.search(scope["path"].encode())
        query = scope.get("query_string", b"").decode("latin-1").lower()
        asked = parse_qs(query).get("purge", [""])[-1]
        if purged is None or asked not in _YES:
            return send

        async def notice(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 204:
                self._forget(purged[0])
            await send(message)

        return notice

    def _forget(self, session: bytes) -> None:
        self._purged[session] = None
        if len(self._purged) > MOST_PURGED:
            del self._purged[next(iter(self._purged))]
        done = [(name, entry) for name, entry in self._entries.items() if entry.done.is_set()]
        for name, entry in done:
            if entry.is_about((session,)):
                self._drop(name)

    async def _first(
        self, name: tuple[str, bytes], fingerprint: bytes, scope: Scope, body: bytes, send: Send
    ) -> None:
        # No await between the look for an entry and this: one of two at once is the first.
        named = frozenset(_SESSION.findall(b" ".join((*_where(scope), body))))
        entry = self._entries[name] = _Entry(fingerprint, self._monotonic(), named)
        sent: list[Message] = []

        async def record(message: Message) -> None:
            sent.append(dict(message))
            await send(message)

        try:
            await self._app(scope, _replayed(body), record)
            entry.answer = sent
        finally:
            if entry.is_final and not (self._purged and entry.is_about(self._purged)):
                self._bytes += entry.size
            else:
                entry.answer = []
                self._entries.pop(name, None)
            entry.done.set()
            self._make_room()

    def _make_room(self) -> None:
        finished = [name for name, entry in self._entries.items() if entry.done.is_set()]
        for name in finished:
            if len(self._entries) <= self._most and self._bytes <= self._bound:
                break
            self._drop(name)

    def _drop(self, name: tuple[str, bytes]) -> None:
        self._bytes -= self._entries.pop(name).size


def _key(scope: Scope) -> bytes | None:
    found: list[bytes] = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if len(found) > 1:
        raise InvalidRequest("Idempotency-Key: sent twice")
    return found[0] if found else None


def _where(scope: Scope) -> tuple[bytes, bytes]:
    return scope["path"].encode(), scope.get("query_string", b"")


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    told = [value for name, value in scope["headers"] if name in _ALSO_TELLING]
    digest = hashlib.sha256()
    rights = ",".join(sorted(scope["state"]["caller"].rights)).encode()
    for part in (*_where(scope), *told, rights, body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _has_steps(body: bytes) -> bool:
    """Whether it is a run, as the route tells it from the other form of its body."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "steps" in found


def _before(body: bytes, receive: Receive) -> Receive:
    """The body again, and then what comes of the caller."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _replayed(body: bytes) -> Receive:
    """The body again; after it, nothing: the caller's going away must not undo what a second try
    will ask for.
    """
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await anyio.sleep_forever()
        raise AssertionError

    return receive


async def _replay(answer: list[Message], send: Send) -> None:
    start = answer[0]
    headers = [*start["headers"], (b"idempotency-replayed", b"true")]
    await send({**start, "headers": headers})
    for message in answer[1:]:
        await send(message)
