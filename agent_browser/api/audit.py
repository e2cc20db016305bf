"""What of the requests goes into the audit log: all that changes something, what was refused, what
an admin read of states and videos, and what an admin did, looks too, with what is another owner's.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

import structlog
from starlette.types import Scope

from agent_browser.clock import Clock, SystemClock
from agent_browser.models.audit import AuditEntry
from agent_browser.models.catalogue import INPUTS
from agent_browser.quotas.rate import Rate
from agent_browser.service import Caller

REFUSED = frozenset({401, 403, 429})
GONE = 499
"""The status of an answer that nobody waited for."""
STRANGERS = 600
"""Entries a minute for who was not let in: nobody fills the log from outside."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ONLY_ALIVE = frozenset({"heartbeat_session", "keepalive_session"})
"""Sent every few seconds, to say that nothing has changed."""
_HOLDS = ("/state", "/storage", "/cookies", "/recordings", "/artifacts", "/secrets", "/messages")
"""What an admin reads of others, and they would want to know."""
_LONGEST = 200

log = structlog.get_logger(__name__)


class Put(Protocol):
    """Takes an entry, at once."""

    def put(self, entry: AuditEntry) -> None: ...


class Audit:
    """Makes an entry of a request whose answer has begun."""

    def __init__(self, to: Put, *, clock: Clock | None = None) -> None:
        self._to = to
        self._clock = clock or SystemClock()
        self._strangers = Rate()

    def note(self, scope: Scope, status: int, code: str | None) -> None:
        """A request was answered so. Never an error: what fails is logged."""
        try:
            state: Mapping[str, Any] = scope.get("state", {})
            caller: Caller | None = state.get("caller")
            if not _is_noted(scope, status, caller, state):
                return
            if caller is None and self._strangers.take(self._clock.monotonic(), STRANGERS):
                return
            self._to.put(self._entry(scope, status, code, caller, state))
        except Exception:
            log.exception("a request could not be put into the audit log")

    def _entry(
        self,
        scope: Scope,
        status: int,
        code: str | None,
        caller: Caller | None,
        state: Mapping[str, Any],
    ) -> AuditEntry:
        named = dict(scope.get("path_params", {}))
        session = named.pop("session_id", None) or state.get("session")
        for name in ("function", "token"):  # a link's is a secret
            named.pop(name, None)
        subject = next(iter(named.values()), None)
        client = scope.get("client")
        return AuditEntry.model_construct(
            id=0,
            at=self._clock.now(),
            owner=caller.owner if caller else None,
            key=caller.key if caller else None,
            name=caller.name if caller else None,
            client=caller.client if caller else None,
            address=client[0] if client else None,
            method=scope["method"][:16],
            route=_route(scope),
            action=_action(scope),
            session_id=None if session is None else str(session)[:64],
            subject=None if subject is None else str(subject)[:_LONGEST],
            status=status,
            code=code,
            request_id=state.get("request_id", ""),
        )


def _is_noted(scope: Scope, status: int, caller: Caller | None, state: Mapping[str, Any]) -> bool:
    if status in REFUSED:
        return True
    if _action(scope) in _ONLY_ALIVE:
        return False
    is_admin = caller is not None and caller.key is not None and "admin" in caller.rights
    if is_admin and caller is not None and (caller.reached or _lists_others(scope, caller)):
        return True
    if scope["method"] not in _READS:
        return not state.get("looks")
    return is_admin and any(part in _route(scope) for part in _HOLDS)


def _lists_others(scope: Scope, caller: Caller) -> bool:
    """Whether a list is of another owner's sessions."""
    if _route(scope) != "/v1/sessions":
        return False
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return any(owner != caller.owner for owner in query.get("owner", ()))


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path_format", ""))


def _action(scope: Scope) -> str:
    """The function that was called, or the operation's id; the method where there is neither."""
    operation = str(getattr(scope.get("route"), "operation_id", None) or scope["method"][:16])
    head, _, function = operation.partition("_")
    return function if head in ("session", "call") and function in INPUTS else operation
