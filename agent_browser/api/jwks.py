"""The public keys that JWTs are signed with: the one of a file, or those of an address, fetched
when they are wanted and kept for a while.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio
import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent_browser.api.asking import Asker, Unanswered
from agent_browser.clock import Clock
from agent_browser.errors import AuthUnavailable, Unauthorized

PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
FRESH = 600.0
"""Seconds after which the keys are fetched again."""
LAST = 3_600.0
"""Seconds for which they count where they can't be fetched again."""
AGAIN = 30.0
"""Seconds between two fetches, however many tokens name a key that is not there."""
AT_FIRST = 1.0
"""The same while there are no keys at all."""
MOST_KEYS = 100
LEAST_BITS = 2_048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
ALGORITHMS = _RSA | frozenset(_CURVES.values()) | {"EdDSA"}
"""Those with a public key alone: with one of the others, who can check could also sign."""

log = structlog.get_logger(__name__)


class KeySource(Protocol):
    """Has the keys."""

    async def key(self, kid: str | None, algorithm: str) -> PublicKey:
        """The key of that id for that algorithm. Unauthorized where there is none, AuthUnavailable
        where that can't be told.
        """
        ...


def algorithms_of(key: object) -> frozenset[str]:
    """What a key may be used with: each kind with its own, so that no token chooses. Empty for a
    key that is too short, or of no kind that is taken. Pure.
    """
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA if key.key_size >= LEAST_BITS else frozenset()
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = _CURVES.get(key.curve.name)
        return frozenset({name}) if name is not None else frozenset()
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return frozenset({"EdDSA"})
    return frozenset()


class FileKey:
    """The key of a file. `key` takes it for every id."""

    def __init__(self, key: PublicKey) -> None:
        self._key = key

    async def key(self, kid: str | None, algorithm: str) -> PublicKey:
        if algorithm not in algorithms_of(self._key):
            raise Unauthorized
        return self._key


def read_key(file: Path) -> PublicKey:
    """The public key of a PEM file. OSError; ValueError where it is none that can be taken."""
    data = file.read_bytes()
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ValueError(f"JWT_KEY: {file} is not a public key in PEM form") from exc
    if not algorithms_of(key):
        raise ValueError(
            f"JWT_KEY: {file} is of no kind that is taken: RSA of {LEAST_BITS} bits at least, an "
            "EC key of P-256, P-384 or P-521, Ed25519"
        )
    assert isinstance(key, PublicKey)
    return key


@dataclass(frozen=True)
class _Listed:
    kid: str | None
    algorithms: frozenset[str]
    key: PublicKey


class KeySet:
    """The keys of an address (JWKS)."""

    def __init__(self, url: str, asker: Asker, clock: Clock) -> None:
        self._url = url
        self._asker = asker
        self._clock = clock
        self._lock = anyio.Lock()
        self._keys: list[_Listed] = []
        self._fetched: float | None = None
        """When they were fetched last, with success."""
        self._tried: float | None = None
        self._failed = False
        """Whether the last fetch did."""

    async def key(self, kid: str | None, algorithm: str) -> PublicKey:
        found = self._find(kid, algorithm)
        # Who has a key, if an old one, need not wait for those who fetch.
        if found is None or (self._age() >= FRESH and not self._lock.locked()):
            await self._refresh(kid, algorithm)
            found = self._find(kid, algorithm)
        if self._age() >= LAST or (found is None and self._failed):
            raise AuthUnavailable(retry_after=self._wait())
        if found is None:
            raise Unauthorized
        return found

    def _find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        fit = [one.key for one in self._keys
               if algorithm in one.algorithms and kid in (None, one.kid)]  # fmt: skip
        # A token that names no key has to leave no choice.
        return fit[0] if fit and (kid is not None or len(fit) == 1) else None

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._clock.monotonic() - self._fetched

    def _wait(self) -> float:
        """Seconds until the next fetch may be made."""
        if self._tried is None:
            return 0.0
        between = AT_FIRST if self._fetched is None else AGAIN
        return max(0.0, self._tried + between - self._clock.monotonic())

    async def _refresh(self, kid: str | None, algorithm: str) -> None:
        """Fetch them, unless that was done, or may not be yet; of many who want it one does it."""
        async with self._lock:
            is_known = self._find(kid, algorithm) is not None
            if (is_known and self._age() < FRESH) or self._wait() > 0:
                return
            self._tried = self._clock.monotonic()
            self._failed = True
            try:
                said = await self._asker.ask("GET", self._url)
                if said.status != 200:
                    raise Unanswered(f"it answered {said.status}")
                self._keys = _read(said.body)
            except Unanswered as exc:
                log.warning("the keys of tokens can't be fetched", why=str(exc))
                return
            self._fetched, self._failed = self._clock.monotonic(), False
            log.info("keys of tokens fetched", keys=len(self._keys))


def _read(body: bytes) -> list[_Listed]:
    """The keys that can be taken; others, such as secrets, are passed over. Unanswered."""
    try:
        document = json.loads(body)
        keys = document["keys"]
        if not isinstance(keys, list):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise Unanswered("it answered no JWKS") from exc
    found = (_listed(entry) for entry in keys[:MOST_KEYS] if isinstance(entry, dict))
    return [one for one in found if one is not None]


def _listed(entry: Mapping[str, Any]) -> _Listed | None:
    if entry.get("kty") not in ("RSA", "EC", "OKP") or "d" in entry:
        return None
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return None
    said = entry.get("alg")
    try:
        key = jwt.PyJWK.from_dict(dict(entry)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    algorithms = algorithms_of(key)
    algorithms = algorithms if said is None else algorithms & {str(said)}
    kid = entry.get("kid")
    if not algorithms or not (kid is None or isinstance(kid, str)):
        return None
    return _Listed(kid, algorithms, key)
