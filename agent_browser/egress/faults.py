"""Why a connection was not made: in Chromium's word, and in a plain sentence where it has none.

Fault ── DeniedFault, DirectFault, ProxyFault
"""

import errno
import socket

from agent_browser.egress.upstream import Upstream
from agent_browser.errors import EgressDenied


class Fault(Exception):
    """No connection. `reason` is Chromium's word for it."""

    def __init__(self, reason: str, sentence: str = "") -> None:
        super().__init__(f"{reason}: {sentence}" if sentence else reason)
        self.reason = reason
        self.sentence = sentence


class DeniedFault(Fault):
    """The policy refuses it: `host` is what was asked for, `why` the rule in a few words."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__("net::ERR_BLOCKED_BY_ADMINISTRATOR", f"{host} can't be reached: {why}")
        self.host = host
        self.why = why

    def error(self) -> EgressDenied:
        """The same for a caller."""
        return EgressDenied(self.sentence, host=self.host)


class DirectFault(Fault):
    """A connection without a proxy failed, as it would have in a browser without one."""


class ProxyFault(Fault):
    """A proxy that can't be used; `sentence` says what to do."""


_WORDS = {
    errno.ECONNREFUSED: "CONNECTION_REFUSED",
    errno.ETIMEDOUT: "CONNECTION_TIMED_OUT",
    errno.EHOSTUNREACH: "ADDRESS_UNREACHABLE",
    errno.ENETUNREACH: "ADDRESS_UNREACHABLE",
    errno.EADDRNOTAVAIL: "ADDRESS_INVALID",
    errno.ECONNRESET: "CONNECTION_RESET",
    errno.ECONNABORTED: "CONNECTION_ABORTED",
    errno.EACCES: "NETWORK_ACCESS_DENIED",
    errno.EPERM: "NETWORK_ACCESS_DENIED",
    errno.ENETDOWN: "INTERNET_DISCONNECTED",
}
EMPTY = "net::ERR_EMPTY_RESPONSE"
RESET = "net::ERR_CONNECTION_RESET"


def direct(exc: BaseException) -> DirectFault:
    """The fault of a look-up or a connection that failed so."""
    if isinstance(exc, socket.gaierror):
        return DirectFault("net::ERR_NAME_NOT_RESOLVED")
    if isinstance(exc, TimeoutError):
        return DirectFault("net::ERR_CONNECTION_TIMED_OUT")
    number = getattr(exc, "errno", None) or 0
    return DirectFault(f"net::ERR_{_WORDS.get(number, 'CONNECTION_FAILED')}")


def unreachable(upstream: Upstream, why: str) -> ProxyFault:
    """Nobody there, or nobody that answers in time."""
    return ProxyFault(
        "net::ERR_PROXY_CONNECTION_FAILED",
        f"the proxy {upstream.server} {why}. Check proxy_url, and that the proxy runs",
    )


def refused_us(upstream: Upstream) -> ProxyFault:
    """Name or password wrong, or missing."""
    what = (
        "does not accept the name and password. Check proxy_username and proxy_password"
        if upstream.wants_credentials
        else "wants a name and a password. Give proxy_username and proxy_password"
    )
    return ProxyFault("net::ERR_PROXY_AUTH_REQUESTED", f"the proxy {upstream.server} (407) {what}")


def socks_refused_us(upstream: Upstream) -> ProxyFault:
    """The same of a SOCKS proxy."""
    return ProxyFault(
        "net::ERR_SOCKS_CONNECTION_FAILED",
        f"the proxy {upstream.server} does not accept the name and password. Check "
        "proxy_username and proxy_password",
    )


def not_a_proxy(upstream: Upstream) -> ProxyFault:
    """Somebody else answers there."""
    kind = "a SOCKS5" if upstream.scheme == "socks5" else "an HTTP"
    return ProxyFault(
        "net::ERR_TUNNEL_CONNECTION_FAILED",
        f"what answers at {upstream.server} is not {kind} proxy. Check the scheme and port of "
        "proxy_url",
    )


def untrusted(upstream: Upstream, why: str) -> ProxyFault:
    """TLS to the proxy failed."""
    return ProxyFault(
        "net::ERR_PROXY_CERTIFICATE_INVALID",
        f"TLS with the proxy {upstream.server} failed ({why}). Check its certificate, or use "
        "http:// if it does not speak TLS",
    )


def no_way(upstream: Upstream, target: str, why: str) -> ProxyFault:
    """The proxy is well, but does not get there."""
    return ProxyFault(
        "net::ERR_TUNNEL_CONNECTION_FAILED",
        f"the proxy {upstream.server} could not reach {target} ({why}). Check the address, or "
        "what the proxy allows",
    )
