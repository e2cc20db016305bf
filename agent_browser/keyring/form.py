"""What a key looks like: `abk_`, twelve letters that name it, 43 of secret, six of checksum. Pure.

The checksum lets scanners of source code tell a leaked key from other text without asking anybody.
"""

import secrets
import string
import zlib
from dataclasses import dataclass, field

PREFIX = "abk_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LETTERS = frozenset(_ALPHABET)
_NAME = 12
_SECRET = 43
"""Letters of 62 that have 256 bits."""
_SUM = 6
LENGTH = len(PREFIX) + _NAME + _SECRET + _SUM


@dataclass(frozen=True)
class NewKey:
    """A fresh key: `text` is the secret, `id` what it is called by."""

    id: str
    text: str = field(repr=False)


def new_key() -> NewKey:
    """A key of 256 random bits."""
    name, secret = (_random(count) for count in (_NAME, _SECRET))
    head = PREFIX + name + secret
    return NewKey(f"key_{name}", head + _checksum(head))


def is_key(text: str) -> bool:
    """Whether it has the form of such a key, its checksum too (not whether there is such a key)."""
    if len(text) != LENGTH or not text.startswith(PREFIX):
        return False
    head, last = text[:-_SUM], text[-_SUM:]
    return _LETTERS.issuperset(text[len(PREFIX) :]) and _checksum(head) == last


def prefix_of(key_id: str) -> str:
    """What the key of that id begins with."""
    return PREFIX + key_id.removeprefix("key_")


def _random(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _checksum(head: str) -> str:
    number, letters = zlib.crc32(head.encode("ascii")), ""
    for _ in range(_SUM):
        number, digit = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[digit] + letters
    return letters
