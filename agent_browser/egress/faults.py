"""What can be wrong with a proxy, in a plain sentence and in Chromium's word for it."""

from agent_browser.egress.upstream import Upstream


class ProxyFault(Exception):
    """A proxy that can't be used; `reason` is Chromium's word, `sentence` says what to do."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence


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
