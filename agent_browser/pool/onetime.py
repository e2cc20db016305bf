"""Codes of one time (TOTP), of an address as authenticators read it or of its key alone. Pure."""

import base64
import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyotp import TOTP

SHORTEST = 10
"""Bytes of a key. Those of many sites have 80 bits, which RFC 4226 wants more of."""
LONGEST = 120
"""Seconds that a code is good for, at most."""
_DIGESTS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


class Codes(TOTP):
    """What a site expects at a moment; pyotp's, but for the length of keys that it takes."""

    def byte_secret(self) -> bytes:
        """The key. ValueError."""
        padded = self.secret + "=" * (-len(self.secret) % 8)
        key = base64.b32decode(padded, casefold=True)
        if len(key) < SHORTEST:
            raise ValueError
        return key

    def code(self, now: datetime) -> str:
        """The code of that moment."""
        return self.generate_otp(int(now.timestamp()) // self.interval)


def codes_of(text: str) -> Codes:
    """The codes of an `otpauth://totp/` address, or of a key in base32. ValueError, which says
    what is wrong and nothing of the key.
    """
    asked: dict[str, Any] = {}
    key = text
    if "://" in text:
        key, asked = _read(text)
    try:
        return Codes("".join(key.split()).replace("-", "").rstrip("="), **asked)
    except (ValueError, TypeError):
        pass
    raise ValueError("its key is base32, of 80 bits at least; digits are 6, 7 or 8")


def _read(address: str) -> tuple[str, dict[str, Any]]:
    """The key of an address, and what it says besides. ValueError."""
    try:
        parts = urlsplit(address.strip())
        given = parse_qs(parts.query, max_num_fields=32)
    except ValueError:
        parts, given = urlsplit(""), {}
    if (parts.scheme, parts.netloc.lower()) != ("otpauth", "totp"):
        raise ValueError("only otpauth://totp/… addresses are taken, or a key in base32")
    if any(len(values) != 1 for values in given.values()):
        raise ValueError("each of its parameters is said once")
    said = {name: values[0] for name, values in given.items()}
    digest = _DIGESTS.get(said.get("algorithm", "SHA1").upper())
    digits, period = said.get("digits", "6"), said.get("period", "30")
    if digest is None or digits not in ("6", "7", "8") or "encoder" in said:
        raise ValueError("its algorithm is SHA1, SHA256 or SHA512, its digits are 6, 7 or 8")
    if not period.isascii() or not period.isdecimal() or not 5 <= int(period[:6]) <= LONGEST:
        raise ValueError(f"its period is 5 to {LONGEST} seconds")
    return said.get("secret", ""), {
        "digits": int(digits),
        "interval": int(period),
        "digest": digest,
    }
