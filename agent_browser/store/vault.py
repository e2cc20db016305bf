"""The vault: encrypts states and gives them back. Pure: bytes in, bytes out.

    magic 7 · format 1 · key id 8 · nonce 12 · AES-256-GCM's ciphertext and tag

Each session's files have a key of their own, made from the server's: random nonces then never run
out, and no file is read in another's place.
"""

import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent_browser.errors import CheckpointUnusable, StateLocked

MAGIC = b"ABSTATE"
FORMAT = 1
KEY_BYTES = 32
LARGEST = 2**31 - 2**16
"""Bytes that can be sealed at once."""
_HEAD = struct.Struct(">7sB8s")
_NONCE = 12
_TAG = 16
HEAD = _HEAD.size
"""How many of its first bytes say what a file is."""
ADDED = HEAD + _NONCE + _TAG
"""By how many bytes a sealed file is longer."""

Standing = Literal["current", "older", "locked", "newer", "foreign"]
"""What a file's head says: sealed with the key for writing, with an older one that is there too,
with one that is not; of a newer format; or no file of ours.
"""


class TooLarge(Exception):
    """More than can be sealed at once."""


class Vault:
    """Seals with the first key, opens with any. Of keys nothing is told, in `repr` neither."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a vault has a key at least, each of 32 bytes")
        self._keys = {key_id(key): key for key in keys}
        self._newest = key_id(keys[0])

    def __repr__(self) -> str:
        return f"<Vault {len(self._keys)} keys>"

    def seal(self, data: bytes, key: str, name: str) -> bytes:
        """The data encrypted for that place: the file of that name of that session, or profile.
        TooLarge.
        """
        if len(data) > LARGEST:
            raise TooLarge
        head = _HEAD.pack(MAGIC, FORMAT, self._newest)
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(self._newest, key).encrypt(nonce, data, _bound(head, key, name))
        return head + nonce + sealed

    def open(self, sealed: bytes, key: str, name: str) -> bytes:
        """The data of a sealed file of that place. StateLocked, CheckpointUnusable."""
        standing = self.standing(sealed)
        if standing == "locked":
            raise StateLocked(
                "this state was encrypted with another key than the server has. Give the server "
                "that key; nothing was changed."
            )
        if standing == "newer":
            raise CheckpointUnusable("the checkpoint was made by a newer version of the server")
        if standing == "foreign":
            raise CheckpointUnusable("the checkpoint's file is damaged, or of another program")
        head, nonce, rest = sealed[:HEAD], sealed[HEAD : HEAD + _NONCE], sealed[HEAD + _NONCE :]
        if len(rest) < _TAG:
            raise CheckpointUnusable("the checkpoint's file is cut short")
        try:
            cipher = self._cipher(_HEAD.unpack(head)[2], key)
            return cipher.decrypt(nonce, rest, _bound(head, key, name))
        except InvalidTag as exc:
            raise CheckpointUnusable(
                "the checkpoint's file is damaged, or not where it was written"
            ) from exc

    def standing(self, head: bytes) -> Standing:
        """What the first bytes of a file, `HEAD` of them, say of it."""
        if len(head) < HEAD or head[: len(MAGIC)] != MAGIC:
            return "foreign"
        _, format, id = _HEAD.unpack(head[:HEAD])
        if format != FORMAT:
            return "newer" if format > FORMAT else "foreign"
        if id not in self._keys:
            return "locked"
        return "current" if id == self._newest else "older"

    def name(self, key: str, digest: str) -> str:
        """A name for content of that digest: it tells nothing to who does not have the key."""
        text = f"{key}\0{digest}".encode()
        return hmac.digest(self._of(self._newest, b"names"), text, "sha256")[:16].hex()

    def _cipher(self, id: bytes, key: str) -> AESGCM:
        return AESGCM(self._of(id, b"files\0" + key.encode()))

    def _of(self, id: bytes, purpose: bytes) -> bytes:
        return hmac.digest(self._keys[id], b"agent-browser state\0" + purpose, "sha256")


def key_id(key: bytes) -> bytes:
    """Which key a file was sealed with: tells nothing of the key."""
    return hashlib.sha256(b"agent-browser state key id\0" + key).digest()[:8]


def _bound(head: bytes, key: str, name: str) -> bytes:
    """What a ciphertext is bound to. Lengths are in it, so that no two places make the same."""
    parts = [part.encode() for part in (key, name)]
    return head + b"".join(struct.pack(">I", len(part)) + part for part in parts)
