"""How deliveries are signed, in the form of Standard Webhooks: an HMAC-SHA256 over id, time and
body, so that a receiver knows who sent it and that it is not an old one sent again. Pure.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A fresh secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: what is base64 after `whsec_`, or else its text in UTF-8.
    ValueError for `whsec_` and no base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode("utf-8")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError("after whsec_ the secret is base64") from exc
    if len(key) < 12:
        raise ValueError("after whsec_ the secret is the base64 of 12 bytes or more")
    return key


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The value of `Webhook-Signature`."""
    signed = f"{id}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def headers(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Those of a delivery."""
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature(secret, id, timestamp, body),
    }
