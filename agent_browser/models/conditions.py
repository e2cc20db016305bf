"""The conditions that a page may be shown under, beside its address: values of context options."""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from agent_browser.models.base import Input, Unfit

Preset = Literal["none", "slow-2g", "slow-3g", "3g", "fast-3g", "slow-4g", "4g"]
Kilobits = Annotated[float, Field(gt=0, le=10_000_000)]
Base64Url = Annotated[str, Field(min_length=1, max_length=8_192, pattern=r"^[A-Za-z0-9_-]+=*$")]
Headers = Annotated[dict[str, str], Field(max_length=64)]
Permission = Literal[
    "accelerometer", "ambient-light-sensor", "background-sync", "camera", "clipboard-read",
    "clipboard-write", "geolocation", "gyroscope", "local-fonts", "local-network-access",
    "magnetometer", "microphone", "midi", "midi-sysex", "notifications", "payment-handler",
    "screen-wake-lock", "storage-access",
]  # fmt: skip
Permissions = Annotated[list[Permission], Field(max_length=32)]
_KEY = ("id", "user_handle", "private_key", "public_key")
_HOST = re.compile(r"^[A-Za-z0-9._-]{1,255}$")


def _origin(text: str) -> str:
    """An origin in the form in which browsers write it; ValueError for what is none."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise ValueError("an origin is http(s)://host or http(s)://host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment or re.search(r"\s", text):
        raise ValueError("an origin has no path: http(s)://host or http(s)://host:port")
    if ":" in host:
        address = ipaddress.IPv6Address(host)
        if address.scope_id is not None:
            raise ValueError("an origin has no zone")
        shown = f"[{address.compressed}]"
    elif _HOST.match(host):
        shown = host
    else:
        raise ValueError("an origin is http(s)://host or http(s)://host:port")
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{shown}{port}"


Origin = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_origin)]


def _kind(value: object) -> str:
    return "(none)" if value == "none" else "(given)"


EITHER = Discriminator(_kind)
"""Tells what takes something away from what gives it. Faults are named without it."""
GIVEN = Tag("(given)")
Nothing = Annotated[Literal["none"], Tag("(none)")]


class Throttle(Input):
    """A slower network. What is absent is not slowed."""

    download_kbps: Kilobits | None = Field(default=None, description="kbit/s.")
    upload_kbps: Kilobits | None = Field(default=None, description="kbit/s.")
    latency_ms: float = Field(default=0, ge=0, le=60_000, description="Least ms of a request.")


PRESETS: dict[str, Throttle] = {
    "none": Throttle(),
    "slow-2g": Throttle(download_kbps=50, upload_kbps=50, latency_ms=2000),
    "slow-3g": Throttle(download_kbps=400, upload_kbps=400, latency_ms=400),
    "3g": Throttle(download_kbps=750, upload_kbps=250, latency_ms=100),
    "fast-3g": Throttle(download_kbps=1600, upload_kbps=750, latency_ms=150),
    "slow-4g": Throttle(download_kbps=3000, upload_kbps=1500, latency_ms=100),
    "4g": Throttle(download_kbps=9000, upload_kbps=9000, latency_ms=20),
}


class HttpCredentials(Input):
    """A name and a password for pages that ask with HTTP authentication (Basic, Digest, …)."""

    username: Annotated[str, Field(max_length=1_024)]
    password: Annotated[str, Field(max_length=1_024, json_schema_extra={"format": "password"})] = (
        Field(repr=False)
    )
    origin: Origin | None = Field(default=None, description="Only for this origin; else for all.")


class Passkey(Input):
    """A passkey that the session's virtual authenticator holds; with `rp_id` alone it is new."""

    rp_id: Annotated[str, Field(min_length=1, max_length=255)]
    id: Base64Url | None = None
    user_handle: Base64Url | None = None
    private_key: Annotated[Base64Url, Field(json_schema_extra={"format": "password"})] | None = (
        Field(default=None, repr=False)
    )
    public_key: Base64Url | None = None
    sign_count: int | None = Field(default=None, ge=0, le=2**32 - 1)

    @field_validator("rp_id")
    @classmethod
    def _is_a_host(cls, text: str) -> str:
        if not _HOST.match(text):
            raise ValueError("rp_id is a host name, such as example.com")
        return text.lower()

    @model_validator(mode="after")
    def _is_whole(self) -> "Passkey":
        parts = [getattr(self, name) for name in _KEY]
        if any(part is not None for part in parts) and None in parts:
            raise Unfit("id, user_handle, private_key and public_key go together", *_KEY)
        return self
