"""Which Host and Origin headers are this server's own: against DNS rebinding and requests that a
page elsewhere makes in the user's browser. Pure.

Rebinding needs a name that the attacker's DNS answers for. So a server on loopback takes loopback
names and addresses; one that is bound elsewhere (it has keys then) takes any IP address too. All
other names have to be listed in ALLOWED_HOSTS.
"""

import ipaddress
import re
from collections.abc import Iterable

from agent_browser.errors import HostNotAllowed

_AUTHORITY = re.compile(r"^(\[[0-9a-f:.]+\]|[^\[\]:/@?#\s]+)(?::(\d{1,5}))?$")


class Origins:
    """What this server is called."""

    def __init__(self, bound: str, allowed: Iterable[str] = ()) -> None:
        """`bound`: the address or name that is bound. `allowed`: further names."""
        self._names = {"localhost", _bare(bound), *(_bare(name) for name in allowed)}
        self._takes_addresses = not is_loopback(bound)

    def check(self, *, host: str | None, origin: str | None, fetch_site: str | None) -> None:
        """HostNotAllowed for a request that isn't meant for this server, or that a page of another
        site makes. `fetch_site` is the Sec-Fetch-Site header.
        """
        if host is None or not self._is_own(host):
            raise HostNotAllowed(
                "the Host header is not a name of this server; ALLOWED_HOSTS adds names"
            )
        if origin is not None and not _is_origin_of(origin, host):
            raise HostNotAllowed("the Origin header is another site's; pages can't call from there")
        if fetch_site is not None and fetch_site.lower() not in ("same-origin", "none"):
            raise HostNotAllowed("a page of another site can't call this server")

    def _is_own(self, host: str) -> bool:
        match = _AUTHORITY.match(host.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self._names or is_loopback(name) or (self._takes_addresses and _is_ip(name))


def is_loopback(host: str) -> bool:
    """Whether it is `localhost` or an address of this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bare(name: str) -> str:
    return name.strip().strip("[]").lower()


def _is_origin_of(origin: str, host: str) -> bool:
    """Whether a page of that origin came from here. https too: a proxy before this server may end
    TLS.
    """
    scheme, _, authority = origin.lower().partition("://")
    return scheme in ("http", "https") and authority == host.lower()
