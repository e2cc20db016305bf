"""Who is calling: API keys, kept hashed and compared in constant time."""

import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress

from agent_browser.errors import Unauthorized
from agent_browser.service import LOCAL, Caller

_LONGEST_NAME = 100


class Keys:
    """The configured keys and their owners. Without any, everybody is the one local caller."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys`: key → owner's name."""
        self._callers = [(_digest(key), Caller(owner)) for key, owner in keys.items()]

    def __len__(self) -> int:
        return len(self._callers)

    def caller(self, *, authorization: str | None, api_key: str | None) -> Caller:
        """The owner of the key that these headers carry. Unauthorized without a known one."""
        if not self._callers:
            return LOCAL
        digest = _digest(_key(authorization, api_key))
        found = None
        for known, caller in self._callers:
            # No early end: how long it takes says nothing about which key was near.
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None:
            raise Unauthorized
        return found


def _key(authorization: str | None, api_key: str | None) -> str:
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


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
