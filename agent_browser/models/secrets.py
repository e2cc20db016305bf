"""Secrets by name: what is typed for a caller that does not see it."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from agent_browser.models.base import Input, Output, Timestamp, Unfit

SHORTEST = 4
"""Characters of a secret: a shorter one is found in every other text, and can't be masked."""
LONGEST = 4_096
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_PORTS = {"http": 80, "https": 443}

SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""What a secret is kept under: it stands in addresses."""
Kind = Literal["text", "totp"]


class SecretRef(Input):
    """A secret of the caller's in the place of a text."""

    secret: SecretName


def _origin(value: object) -> str:
    """An origin or a host as it is compared. ValueError."""
    text = value.strip().lower() if isinstance(value, str) else ""
    scheme, _, rest = text.rpartition("://")
    fault = "an origin is https://acme.example, acme.example or *.acme.example, perhaps with a port"
    if scheme not in ("", "http", "https") or len(text) > 300:
        raise ValueError(fault)
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
        head, wild = ("*.", host[2:]) if host.startswith("*.") else ("", host)
        if not wild.isascii():
            wild = wild.encode("idna").decode()
    except (ValueError, UnicodeError):
        raise ValueError(fault) from None
    if parts.netloc != rest or "@" in rest or not (_HOST.fullmatch(wild) or _is_ip(wild)):
        raise ValueError(fault)
    if head and "." not in wild.strip(".") and wild != "localhost":
        raise ValueError("a wildcard stands below a name of two parts at least: *.acme.example")
    host = f"[{wild}]" if ":" in wild else f"{head}{wild.rstrip('.')}"
    shown = "" if port is None or port == _PORTS.get(scheme or "https") else f":{port}"
    return (f"{scheme}://" if scheme else "") + host + shown


Origin = Annotated[
    str, BeforeValidator(_origin), WithJsonSchema({"type": "string", "maxLength": 300})
]


class SecretInput(Input):
    """The body of `PUT /v1/secrets/{name}`: all that the secret is to be. One of `value` and
    `totp`, and where it may be typed.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    value: Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)] | None = Field(
        default=None, repr=False, description="The text itself."
    )
    totp: Annotated[str, Field(min_length=16, max_length=2_048)] | None = Field(
        default=None,
        repr=False,
        description="otpauth://totp/…, or its key in base32: the code of the moment is typed.",
    )
    origins: Annotated[list[Origin], Field(max_length=64)] = Field(
        default=[],
        description="Where it may be typed: https://acme.example, acme.example, *.acme.example.",
    )
    any_origin: bool = Field(default=False, description="It may be typed anywhere.")
    description: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "SecretInput":
        if (self.value is None) == (self.totp is None):
            raise Unfit("a secret is a value or a totp, one of them", "value", "totp")
        if self.value is not None and len(self.value.strip()) < SHORTEST:
            raise Unfit(f"a secret has {SHORTEST} characters at least besides spaces", "value")
        if self.any_origin == bool(self.origins):
            raise Unfit(
                "say where it may be typed: origins, or any_origin true", "origins", "any_origin"
            )
        return self


class Secret(Output):
    """A secret as callers see it: never its value."""

    name: str
    kind: Kind
    """text, or totp: a code that is another every half minute."""
    origins: list[str] = []
    any_origin: bool = False
    description: str | None = None
    created_at: Timestamp
    updated_at: Timestamp
    last_used_at: Timestamp | None = None
    """When it was typed last."""


class SecretList(Output):
    """By name."""

    items: list[Secret]
    next_cursor: str | None = None


def may_be_typed(origins: Iterable[str], origin: str) -> bool:
    """Whether one of the origins and hosts is that of a document, as browsers write it. A host
    without a scheme is of https, and of http on this machine's own names and addresses only.
    """
    place = urlsplit(origin)
    host, port = place.hostname or "", place.port or _PORTS.get(place.scheme)
    if place.scheme not in _PORTS or not host:
        return False
    return any(_is_of(pattern, place, host, port) for pattern in origins)


def _is_of(pattern: str, place: SplitResult, host: str, port: int | None) -> bool:
    asked = urlsplit(pattern if "://" in pattern else f"//{pattern}")
    scheme, wanted = asked.scheme, asked.hostname or ""
    if scheme and scheme != place.scheme:
        return False
    if not scheme and place.scheme == "http" and not _is_loopback(host):
        return False
    any_port = not scheme and asked.port is None and _is_loopback(host)
    if not any_port and (asked.port or _PORTS[place.scheme]) != port:
        return False
    if wanted.startswith("*."):
        return host.endswith(wanted[1:]) and len(host) > len(wanted) - 1
    return host == wanted


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ip(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
