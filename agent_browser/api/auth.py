"""Who is calling: by a key of the settings, a key that is kept, a JWT, or what a resolver says."""

import hmac
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import anyio

from agent_browser.api.asking import Asker
from agent_browser.api.attempts import Attempts
from agent_browser.api.bearers import Bearers
from agent_browser.api.jwks import FileKey, KeySet, KeySource, read_key
from agent_browser.api.tokens import LEEWAY, Claims, Tokens
from agent_browser.clock import Clock, SystemClock
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import Forbidden, RateLimited, Unauthorized
from agent_browser.keyring import form
from agent_browser.keyring.kept import digest_of
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.rights import ROLES, Role
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings

_LONGEST_NAME = 100
_LONGEST_KEY = 8_192
"""Characters of what a caller sends; more is not even hashed."""


class Keys:
    """The configured keys and their owners."""

    def __init__(self, keys: Mapping[str, str], admins: Collection[str] = ()) -> None:
        """`keys`: key → owner's name; `admins` are names."""
        self._callers: dict[bytes, tuple[bytes, Caller]] = {}
        for key, name in keys.items():
            role: Role = "admin" if name in admins else "operator"
            digest = digest_of(key)
            self._callers[digest] = (digest, Caller(name, ROLES[role], key=name, name=name))

    def __len__(self) -> int:
        return len(self._callers)

    def find(self, digest: bytes) -> Caller | None:
        """Whose key has that digest; None where no key has it."""
        found = self._callers.get(digest)
        # How long the look-up takes tells of a digest, which nobody can choose.
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        return found[1]


class Callers:
    """Lets callers in. An async context manager, entered once, where JWTs are taken or a resolver
    is asked. Without keys, JWT and resolver everybody is the one local caller.
    """

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring | None = None,
        *,
        outbound: Outbound | None = None,
        clock: Clock | None = None,
    ) -> None:
        """ValueError, OSError for a JWT_KEY that can't be used."""
        self._clock = clock or SystemClock()
        self._keys = Keys(settings.keys, settings.admins)
        self._keyring = keyring
        # The operator's own addresses, which may be inside.
        self._asker = Asker(outbound or Outbound(exposed=False), timeout=settings.auth_timeout)
        self._tokens = _tokens(settings, self._asker, self._clock)
        self._bearers = _bearers(settings, self._asker, self._clock)
        self._attempts = Attempts()
        self._stack = AsyncExitStack()
        if keyring is not None:
            keyring.is_open = lambda: not self.needs_key

    async def __aenter__(self) -> Self:
        if self._tokens is not None or self._bearers is not None:
            await self._stack.enter_async_context(self._asker)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def needs_key(self) -> bool:
        """Whether a caller has to send one."""
        return bool(self._keys or self._tokens or self._bearers) or not (
            self._keyring is None or self._keyring.is_empty
        )

    @property
    def has_usable(self) -> bool:
        """Whether anybody could be let in by what they send."""
        return bool(self._keys or self._tokens or self._bearers) or (
            self._keyring is not None and self._keyring.has_usable
        )

    async def until_over(self, caller: Caller) -> None:
        """Come back when what it came with lets nobody in any more: its key was revoked or has
        ended, its token has. At once where that is so already, else never for what has no end.
        """
        ring, key = self._keyring, caller.key
        if ring is not None and key is not None and ring.has(key):
            await ring.until_over(key)
        elif caller.expires_at is not None:
            left = (caller.expires_at - self._clock.now()).total_seconds() + LEEWAY
            await anyio.sleep(max(0.0, left))
        else:
            await anyio.sleep_forever()

    async def caller(
        self, *, authorization: str | None, api_key: str | None, address: str | None = None
    ) -> Caller:
        """Whose key or token these headers carry, from that address. Unauthorized without one that
        is known, Forbidden for a token without a role; RateLimited in place of these after many of
        them, never for one that is good. AuthUnavailable.
        """
        token = _token(authorization, api_key)
        if not token or len(token) > _LONGEST_KEY:
            if not self.needs_key:
                return LOCAL
            raise Unauthorized  # nothing was tried, and nothing is counted
        digest = digest_of(token)
        found = self._keys.find(digest)
        if found is None and self._keyring is not None:
            found = self._keyring.find(digest)
        if found is not None:
            return found
        if not self.needs_key:
            return LOCAL
        return await self._looked_up(token, digest, address)

    async def _looked_up(self, token: str, digest: bytes, address: str | None) -> Caller:
        try:
            # What looks like a key of ours is nobody else's business.
            if not token.startswith(form.PREFIX):
                if self._tokens is not None and token.count(".") == 2:
                    return await self._tokens.caller(token, digest)
                if self._bearers is not None:
                    waits = self._attempts.wait(address, self._clock.monotonic())
                    return await self._bearers.caller(token, digest, is_late=waits > 0)
            raise Unauthorized
        except (Unauthorized, Forbidden):
            wait = self._attempts.wait(address, self._clock.monotonic())
            if wait:
                raise _too_many(wait) from None
            self._attempts.failed(address, self._clock.monotonic())
            raise


def _tokens(settings: Settings, asker: Asker, clock: Clock) -> Tokens | None:
    if settings.jwt_key is not None:
        source: KeySource = FileKey(read_key(settings.jwt_key))
    elif settings.jwt_jwks_url is not None:
        source = KeySet(settings.jwt_jwks_url, asker, clock)
    else:
        return None
    return Tokens(Claims.of(settings), source, clock)


def _bearers(settings: Settings, asker: Asker, clock: Clock) -> Bearers | None:
    if settings.auth_url is None:
        return None
    secret = settings.auth_secret
    return Bearers(
        settings.auth_url,
        asker,
        clock,
        cache=settings.auth_cache,
        secret=None if secret is None else secret.get_secret_value(),
    )


def _too_many(wait: float) -> RateLimited:
    return RateLimited(
        "too many calls from this address had no valid key or token", retry_after=wait
    )


def _token(authorization: str | None, api_key: str | None) -> str:
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    return (api_key or "").strip()


def client_name(header: str | None) -> str | None:
    """What a caller calls itself, made plain: a line of 100 characters at most; None for none."""
    if header is None:
        return None
    with suppress(UnicodeDecodeError):  # it is Latin-1, as headers were once
        header = header.encode("latin-1").decode()
    shown = "".join(letter if letter.isprintable() else " " for letter in header)
    return " ".join(shown.split())[:_LONGEST_NAME].strip() or None
