"""What every request passes: its id, Host and Origin, who calls and whether they may, the bounds of
its body; and the last resort for what goes wrong behind.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_browser.api import limits, links, problems, rights
from agent_browser.api.answers import CallerGone
from agent_browser.api.audit import GONE, Audit
from agent_browser.api.auth import Callers, client_name
from agent_browser.api.origins import Origins
from agent_browser.errors import AgentBrowserError, HostNotAllowed, InternalError, Unauthorized
from agent_browser.ids import new_request_id
from agent_browser.quotas.headers import Header
from agent_browser.quotas.quotas import Quotas
from agent_browser.service import Caller

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ONCE = (
    b"host", b"origin", b"authorization", b"x-api-key", b"content-length", b"content-type",
    b"x-control-token",
)  # fmt: skip
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNLESS_GIVEN = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)

log = structlog.get_logger(__name__)


class Gate:
    """ASGI middleware around the whole app. Routes find `caller` and `request_id` in the request's
    state.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        callers: Callers,
        origins: Origins,
        quotas: Quotas,
        audit: Audit | None,
        max_body: int,
        max_state: int,
        max_upload: int,
    ) -> None:
        self._app = app
        self._callers = callers
        self._origins = origins
        self._quotas = quotas
        self._audit = audit
        self._max_body = max_body
        self._max_state = max(max_state, max_body)
        self._max_form = max_upload + limits.FORM_HEADS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send, _request_id(scope["headers"]), partial(self._answered, scope))
        state = scope.setdefault("state", {})
        state["request_id"] = answer.request_id
        path = links.shown(scope["path"])
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        try:
            headers = await self._admit(scope)
            form = limits.takes_files(scope)
            long = self._max_state if limits.takes_state(scope) else self._max_body
            limit = self._max_form if form else long
            if limits.check_head(headers, limit, form=form):
                seconds = limits.FORM_SECONDS if form else limits.BODY_SECONDS
                receive = limits.BoundedBody(receive, limit, seconds=seconds)
            await self._app(scope, receive, answer)
        except AgentBrowserError as exc:
            if answer.started:
                raise
            log.info("request refused", code=exc.code, path=path)
            state["code"] = exc.code
            refusal = problems.answer(exc, answer.request_id)
            if any(name == b"expect" for name, _ in scope["headers"]):
                # The body, which waits for a word that does not come, would be taken for the next
                # request. Else the rest of the body is read and dropped: closing on a caller that
                # still sends would lose it the answer.
                refusal.headers["Connection"] = "close"
            await refusal(scope, receive, answer)
        except CallerGone:
            log.info("caller gone", method=scope["method"], path=path)
            if self._audit is not None and not answer.started:
                self._audit.note(scope, GONE, None)
        except Exception:
            log.exception("a request failed", method=scope["method"], path=path)
            if answer.started:
                raise
            state["code"] = InternalError.code
            await problems.answer(InternalError(), answer.request_id)(scope, receive, answer)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._admit(scope)
        except AgentBrowserError as exc:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": exc.code})
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> dict[bytes, bytes]:
        """Let it in, as a caller with the rights for it, or raise; its headers."""
        headers = dict(scope["headers"])
        _refuse_doubles(scope["headers"])
        if links.is_link(scope):  # from wherever: it has its right in it, and changes nothing
            self._origins.check(host=_text(headers, b"host"), origin=None, fetch_site=None)
            return headers
        self._origins.check(
            host=_text(headers, b"host"),
            origin=_text(headers, b"origin"),
            fetch_site=_text(headers, b"sec-fetch-site"),
        )
        # A WebSocket begins as a GET.
        needed = rights.needed(scope.get("method", "GET"), scope["path"])
        if needed:
            caller = await self._caller(scope, headers)
            scope.setdefault("state", {})["caller"] = caller
            self._quotas.call(caller.owner)
            for right in sorted(needed):
                caller.require(right)
        return headers

    def _answered(self, scope: Scope, status: int) -> list[Header]:
        """An answer begins: put down what is to be, and say what is left of its owner's quotas."""
        state = scope["state"]
        if self._audit is not None:
            self._audit.note(scope, status, state.get("code"))
        caller: Caller | None = state.get("caller")
        return [] if caller is None else self._quotas.headers(caller.owner)

    async def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        """Who calls: whose key it is, and which of the owner's programs."""
        peer = scope.get("client")
        caller = await self._callers.caller(
            authorization=_text(headers, b"authorization"),
            api_key=_text(headers, b"x-api-key"),
            address=peer[0] if peer else None,
        )
        if "admin" in caller.rights and caller.key is not None:
            caller = replace(caller, reached=set())
        if b"x-client-name" in headers:
            caller = replace(caller, client=client_name(_text(headers, b"x-client-name")))
        if b"x-control-token" in headers:
            caller = replace(caller, control=_text(headers, b"x-control-token"))
        return caller


class _Answer:
    """A `send` that adds the headers that every answer has."""

    def __init__(
        self, send: Send, request_id: str, answered: Callable[[int], list[Header]]
    ) -> None:
        """`answered` is told its status, and gives further headers."""
        self._send = send
        self._answered = answered
        self.request_id = request_id
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            given = {name for name, _ in headers}
            headers += [pair for pair in _UNLESS_GIVEN if pair[0] not in given]
            headers += _ALWAYS
            headers.append((b"x-request-id", self.request_id.encode()))
            headers += self._answered(message["status"])
            message = {**message, "headers": headers}
        await self._send(message)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's own, if it is harmless in a log, else a fresh one."""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return new_request_id()


def _refuse_doubles(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Two of a header that decides something would let a proxy and this server decide apart."""
    seen = set()
    for name, _ in headers:
        if name in _ONCE:
            if name in seen:
                if name in (b"authorization", b"x-api-key"):
                    raise Unauthorized
                raise HostNotAllowed(f"the header {name.decode('ascii')} was sent twice")
            seen.add(name)


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1").strip()
