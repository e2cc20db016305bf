"""Who comes with a JWT: its signature and claims checked, its owner, role and name read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from agent_browser.api.jwks import ALGORITHMS, KeySource
from agent_browser.api.remembered import Remembered
from agent_browser.clock import Clock
from agent_browser.errors import Forbidden, Unauthorized
from agent_browser.models.rights import ROLES, Role
from agent_browser.service import Caller
from agent_browser.settings import Settings

LONGEST = 8_192
"""Characters of a token."""
LONGEST_NAME = 200
LEEWAY = 30.0
"""Seconds by which clocks may differ."""
RECHECK = 600.0
"""Seconds after which a token's signature is checked again: its key may be listed no more."""
MOST = 10_000
"""Tokens that are remembered."""
_BY_POWER: tuple[Role, ...] = ("admin", "operator", "viewer")


@dataclass(frozen=True)
class Claims:
    """Where in a token things are, as the settings say."""

    issuer: str
    audience: str
    owner: str
    roles: str
    name: str
    tenant: str | None
    default_role: Role | None

    @classmethod
    def of(cls, settings: Settings) -> "Claims":
        """Those of settings that take tokens."""
        return cls(
            settings.jwt_issuer or "",
            settings.jwt_audience or "",
            settings.jwt_owner_claim,
            settings.jwt_roles_claim,
            settings.jwt_name_claim,
            settings.jwt_tenant_claim,
            settings.jwt_default_role,
        )


class Tokens:
    """Knows callers by their JWTs."""

    def __init__(self, claims: Claims, keys: KeySource, clock: Clock) -> None:
        self._claims = claims
        self._keys = keys
        self._clock = clock
        self._remembered: Remembered[Caller] = Remembered(MOST)

    async def caller(self, token: str, digest: bytes) -> Caller:
        """Who that is. Unauthorized, whatever is wrong with it; Forbidden where it is right and
        names no role; AuthUnavailable where its key can't be had.
        """
        now = self._clock.now().timestamp()
        known = self._remembered.get(digest, now)
        if known is not None:
            return known
        claims = await self._verified(token)
        caller = read_caller(claims, self._claims)
        until = min(float(claims["exp"]), now + RECHECK)
        self._remembered.put(digest, caller, until)
        return caller

    async def _verified(self, token: str) -> Mapping[str, Any]:
        if len(token) > LONGEST:
            raise Unauthorized
        kid, algorithm = _head(token)
        # Where the key is, and what it may be used with, is for us to say: what else a token's
        # header names (jku, x5u, jwk, x5c) is not looked at.
        key = await self._keys.key(kid, algorithm)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._claims.audience,
                issuer=self._claims.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as exc:
            raise Unauthorized from exc
        return claims


def _head(token: str) -> tuple[str | None, str]:
    """The key's id and the algorithm that a token names. Unauthorized."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as exc:
        raise Unauthorized from exc
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS or "crit" in header or header.get("b64") is False:
        raise Unauthorized
    if kid is not None and not (isinstance(kid, str) and len(kid) <= LONGEST_NAME):
        raise Unauthorized
    return kid, str(algorithm)


def read_caller(claims: Mapping[str, Any], where: Claims) -> Caller:
    """Who a token's claims say that it is. Unauthorized without an owner, Forbidden without a role.
    Pure.
    """
    owner = subject = _word(_at(claims, where.owner))
    if subject is None:
        raise Unauthorized
    if where.tenant is not None:
        owner = within_tenant(_word(_at(claims, where.tenant)), subject)
    if owner is None:
        raise Unauthorized
    try:
        expires_at = datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise Unauthorized from exc
    role = strongest(_at(claims, where.roles)) or where.default_role
    if role is None:
        raise Forbidden.without_role()
    name = _word(_at(claims, where.name))
    return Caller(owner, ROLES[role], key=subject, name=name, expires_at=expires_at)


def within_tenant(tenant: str | None, subject: str) -> str | None:
    """An owner of a tenant's; None where there is none. A tenant has no slash in it, else two could
    come to the same. Pure.
    """
    return None if tenant is None or "/" in tenant else f"{tenant}/{subject}"


def strongest(said: object) -> Role | None:
    """The role with the most rights of a list, or of words in a text; None where none is ours.
    Pure.
    """
    words = said.replace(",", " ").split() if isinstance(said, str) else said
    if not isinstance(words, list):
        return None
    return next((role for role in _BY_POWER if role in words), None)


def _at(claims: Mapping[str, Any], path: str) -> object:
    """The claim of that name, else what is at that path."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _word(value: object) -> str | None:
    """A text that can be an owner, or a name: on one line, not too long."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if text and len(text) <= LONGEST_NAME and text.isprintable() else None
