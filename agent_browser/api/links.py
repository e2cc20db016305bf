"""Signed links: an address that leads to one thing, for a while, without a key. Pure.

    nonce 12 · AES-256-GCM's ciphertext and tag, as base64; purpose bound to it, not in it

What it says (whose it is, what, until when) can't be read, nor changed; one for another purpose is
none. Who has it may read that one thing and nothing else: it is a secret, and in no log.
"""

import base64
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.types import Scope

from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import LinkInvalid

Purpose = Literal["artifact", "live"]
"""`live`: to look on at a session."""
PATH = "/v1/links/"
_NONCE = 12
_PADDED_TO = 128
"""Bytes: how long an owner's name is does not show."""
_FORM = re.compile(r"[A-Za-z0-9_-]{60,4000}")


@dataclass(frozen=True)
class Link:
    """What a link leads to."""

    owner: str
    id: str
    expires_at: datetime


class Signer:
    """Makes links with the first key, reads those of any."""

    def __init__(self, keys: Sequence[bytes], *, clock: Clock | None = None) -> None:
        self._ciphers = [AESGCM(key) for key in keys]
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"<Signer {len(self._ciphers)} keys>"

    def sign(self, purpose: Purpose, owner: str, id: str, seconds: float) -> tuple[str, datetime]:
        """A token for so long, and when it is over. It stands in addresses."""
        expires = self._clock.now() + timedelta(seconds=seconds)
        expires = expires.replace(microsecond=expires.microsecond // 1000 * 1000)
        said = json.dumps([round(expires.timestamp() * 1000), owner, id]).encode()
        said += b" " * (-len(said) % _PADDED_TO)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._ciphers[0].encrypt(nonce, said, _bound(purpose))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("="), expires

    def read(self, purpose: Purpose, token: str) -> Link:
        """What it leads to. LinkInvalid for one that is over, changed, or of another purpose: the
        same for each.
        """
        said = self._opened(purpose, token)
        milliseconds, owner, id = json.loads(said)
        expires = datetime.fromtimestamp(milliseconds / 1000, UTC)
        if expires <= self._clock.now():
            raise LinkInvalid
        return Link(owner, id, expires)

    def _opened(self, purpose: Purpose, token: str) -> bytes:
        if _FORM.fullmatch(token) is None:
            raise LinkInvalid
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise LinkInvalid from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(purpose))
            except InvalidTag:
                continue
        raise LinkInvalid


def is_link(scope: Scope) -> bool:
    """Whether the request comes by a link, and so without a key."""
    path: str = scope["path"]
    return path.startswith(PATH) and scope.get("method") in ("GET", "HEAD")


def shown(path: str) -> str:
    """The path as logs may have it: a link is a secret."""
    return f"{PATH}***" if path.startswith(PATH) else path[:200]


def _bound(purpose: Purpose) -> bytes:
    return b"agent-browser link 1 " + purpose.encode()
