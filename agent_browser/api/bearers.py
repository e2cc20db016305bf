"""Who comes with a bearer that is no key of ours and no JWT: an address of the operator's is asked.

What it says counts for a while. Where it does not answer nobody gets in.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_browser.api.asking import Asker, Unanswered
from agent_browser.api.remembered import Remembered
from agent_browser.api.single import Single
from agent_browser.api.tokens import LONGEST_NAME, strongest, within_tenant
from agent_browser.api.turns import Line, NoTurn, Turns
from agent_browser.clock import Clock
from agent_browser.errors import AgentBrowserError, AuthUnavailable, Forbidden, Unauthorized
from agent_browser.models.rights import ROLES
from agent_browser.service import Caller
from agent_browser.webhooks import signing

LONGEST = 4_096
"""Characters of a token."""
NOBODY_SECONDS = 5.0
"""How long an answer counts that a token is nobody's."""
FAILED_SECONDS = 1.0
"""How long it counts that there was no answer."""
MOST = 10_000
"""Answers that are remembered."""
KNOWN_SECONDS = 86_400.0
"""How long a token that was somebody's has its turn before strangers'."""
MAX_METADATA = 8_192
"""Bytes, as JSON."""
Refusal = Callable[[], AgentBrowserError]
_NOBODY = frozenset({401, 403, 404})
_Word = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")]

log = structlog.get_logger(__name__)


class _Answer(BaseModel):
    """What the address says; what else it says is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)

    user_id: _Word
    display_name: _Word | None = None
    roles: Annotated[list[str], Field(max_length=1_000)] | str = []
    tenant: _Word | None = None
    metadata: dict[str, Any] = {}
    expires_in: Annotated[float, Field(ge=0)] | None = None


class Bearers:
    """Knows callers by asking. What is remembered is found by digest, and has no token in it."""

    def __init__(
        self,
        url: str,
        asker: Asker,
        clock: Clock,
        *,
        cache: float,
        secret: str | None = None,
        turns: Turns | None = None,
    ) -> None:
        """`cache`: seconds for which an answer counts, less where it says so."""
        self._url = url
        self._asker = asker
        self._clock = clock
        self._cache = cache
        self._secret = secret
        self._known: Remembered[Caller | Refusal] = Remembered(MOST)
        """Who it is, or what is raised."""
        self._let_in: Remembered[bool] = Remembered(MOST)
        """Digests of tokens that were somebody's, when they were asked for last."""
        self._single = Single()
        self._turns = turns or Turns()

    def __repr__(self) -> str:
        return f"<Bearers {self._known!r}>"

    async def caller(self, token: str, digest: bytes, *, is_late: bool = False) -> Caller:
        """Who that is. Unauthorized where it is nobody, Forbidden without a role; AuthUnavailable
        where there is no answer that can be used, or it does not get its turn: one that `is_late`
        waits behind others, but not one that was somebody's of late.
        """
        if not token or len(token) > LONGEST or not token.isprintable():
            raise Unauthorized
        known = self._remembered(digest)
        if known is not None:
            return known
        async with self._single.file(digest):
            known = self._remembered(digest)
            if known is not None:
                return known
            try:
                async with self._turns.turn(self._line(digest, is_late=is_late)):
                    return await self._asked(token, digest)
            except NoTurn:
                raise self._refused(digest, AuthUnavailable, FAILED_SECONDS) from None

    def _line(self, digest: bytes, *, is_late: bool) -> Line:
        if self._let_in.get(digest, self._clock.monotonic()):
            return "known"
        return "late" if is_late else "new"

    def _remembered(self, digest: bytes) -> Caller | None:
        known = self._known.get(digest, self._clock.monotonic())
        if known is None or isinstance(known, Caller):
            return known
        raise known()

    async def _asked(self, token: str, digest: bytes) -> Caller:
        try:
            said = await self._ask(token)
            caller = None if said is None else self._caller(said)
        except Unanswered as exc:
            log.warning("the resolver of callers gives no answer", why=str(exc))
            raise self._refused(digest, AuthUnavailable, FAILED_SECONDS) from exc
        if said is None:
            self._let_in.forget(digest)
            raise self._refused(digest, Unauthorized, NOBODY_SECONDS)
        if caller is None:
            raise self._refused(digest, Forbidden.without_role, NOBODY_SECONDS)
        self._let_in.put(digest, True, self._clock.monotonic() + KNOWN_SECONDS)
        lasts = self._cache if said.expires_in is None else min(self._cache, said.expires_in)
        if lasts > 0:
            self._known.put(digest, caller, self._clock.monotonic() + lasts)
        return caller

    def _refused(self, digest: bytes, refusal: Refusal, seconds: float) -> AgentBrowserError:
        self._known.put(digest, refusal, self._clock.monotonic() + seconds)
        return refusal()

    async def _ask(self, token: str) -> _Answer | None:
        """What is said of it; None where it is nobody's. Unanswered."""
        body = json.dumps({"token": token}).encode()
        headers = {"Content-Type": "application/json", **self._proof(body)}
        said = await self._asker.ask("POST", self._url, body=body, headers=headers)
        if said.status in _NOBODY:
            return None
        if said.status != 200:
            raise Unanswered(f"it answered {said.status}")
        return _read(said.body)

    def _proof(self, body: bytes) -> Mapping[str, str]:
        """By what the address knows this server."""
        if self._secret is None:
            return {}
        if not self._secret.startswith(signing.PREFIX):
            return {"Authorization": f"Bearer {self._secret}"}
        at = int(self._clock.now().timestamp())
        return signing.headers(self._secret, f"msg_{secrets.token_urlsafe(16)}", at, body)

    def _caller(self, said: _Answer) -> Caller | None:
        """None of a user without a role. Unanswered where two users could come to one owner."""
        owner = said.user_id if said.tenant is None else within_tenant(said.tenant, said.user_id)
        if owner is None or (said.tenant is None and "/" in owner):
            raise Unanswered("a tenant has no slash in it, nor has a user_id without a tenant")
        role = strongest(said.roles)
        if role is None:
            return None
        expires_at = None
        if said.expires_in is not None:
            expires_at = self._clock.now() + timedelta(seconds=min(said.expires_in, 1e9))
        return Caller(
            owner,
            ROLES[role],
            key=said.user_id,
            name=said.display_name,
            expires_at=expires_at,
            metadata=said.metadata,
        )


def _read(body: bytes) -> _Answer:
    """Unanswered where it is not of the form; that says nothing of what was in it."""
    try:
        said = _Answer.model_validate_json(body)
    except ValidationError as exc:
        fields = {str(fault["loc"][0]) for fault in exc.errors() if fault["loc"]}
        raise Unanswered(f"it answered what is no answer: {', '.join(sorted(fields))}") from None
    if len(json.dumps(said.metadata)) > MAX_METADATA:
        raise Unanswered(f"metadata is over {MAX_METADATA} bytes")
    return said
