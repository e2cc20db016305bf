"""A proxy that a caller names for a session: its address, and what it wants to know of us. Pure."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

Scheme = Literal["http", "https", "socks5"]
_PORTS: dict[str, int] = {"http": 80, "https": 443, "socks5": 1080}
_HOST = re.compile(r"^(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$")


@dataclass(frozen=True)
class Upstream:
    """A proxy. What it shows of itself has no password in it."""

    scheme: Scheme
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Host and port, as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.address}"

    @property
    def wants_credentials(self) -> bool:
        """Whether a name or a password was given for it."""
        return self.username is not None


def parse(url: str, username: str | None, password: str | None) -> Upstream:
    """The proxy at that address; a bare host:port is an http proxy. ValueError says what is wrong
    and never repeats the address, which may hold a password.
    """
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise ValueError("it has a space or a control character in it")
    text = url if "://" in url else f"http://{url}"
    scheme = text.partition("://")[0].lower()
    if scheme not in _PORTS:
        raise ValueError(f"the scheme must be one of {', '.join(_PORTS)}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not a URL with a valid host and port") from None
    if not host or parts.path not in ("", "/") or "?" in text or "#" in text or "\\" in text:
        raise ValueError("it must be scheme://host:port, without a path")
    if port == 0:
        raise ValueError("the port must be between 1 and 65535")
    host = _host(host)
    inside = (_decoded(parts.username), _decoded(parts.password))
    name = username if username is not None else inside[0]
    secret = password if password is not None else inside[1]
    if secret is not None and not name and scheme != "http":
        raise ValueError("a password needs a name: give proxy_username too")
    _check_credentials(scheme, name, secret)
    return Upstream(
        cast("Scheme", scheme),
        host,
        port or _PORTS[scheme],
        name if name is not None else ("" if secret is not None else None),
        secret,
    )


def _host(host: str) -> str:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError:
            raise ValueError("not a valid IPv6 address") from None
    if not _HOST.match(host):
        raise ValueError("not a valid host name")
    return host


def _decoded(part: str | None) -> str | None:
    return unquote(part) if part else None


def _check_credentials(scheme: str, name: str | None, secret: str | None) -> None:
    for part in (name or "", secret or ""):
        if any(ord(character) < 32 or ord(character) == 127 for character in part):
            raise ValueError("the name or password has control characters in it")
        if scheme == "socks5" and len(part.encode()) > 255:
            raise ValueError("SOCKS5 takes names and passwords of at most 255 bytes")
    if scheme != "socks5" and name is not None and ":" in name:
        raise ValueError("the name can't have a colon in it")
    if scheme == "socks5" and name and not secret:
        raise ValueError("SOCKS5 with a name needs a password: give proxy_password too")
