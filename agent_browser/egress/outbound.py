"""What this server itself sends to, webhooks first of all: the same policy as for the sessions,
decided on the address that is dialled and not on the name that led there.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
import httpx

from agent_browser.egress.addresses import Address, literal, literals, plain
from agent_browser.egress.policy import Policy
from agent_browser.errors import EgressDenied, InvalidUrl

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host's name; OSError where it has none."""

RESOLVE_TIMEOUT = 5.0
MAX_URL = 2_048
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Where to send. `host` is the name or literal as it was given, without a trailing dot."""

    url: httpx.URL
    host: str
    port: int

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.url.scheme == "https"


def read_target(text: str) -> Target:
    """The parts of an address that something may be sent to. InvalidUrl for any but http and https,
    for names and passwords in it, and for what is none.
    """
    if len(text) > MAX_URL or not text.isprintable() or " " in text:
        raise InvalidUrl(f"an address is at most {MAX_URL} characters, without spaces")
    try:
        url = httpx.URL(text)
        host, port = url.raw_host.decode("ascii").rstrip("."), url.port
    except (httpx.InvalidURL, ValueError, TypeError) as exc:
        raise InvalidUrl("this is no address") from exc
    if url.scheme not in PORTS or not host:
        raise InvalidUrl("only http:// and https:// addresses can be sent to")
    if url.userinfo:
        raise InvalidUrl("an address to send to has no name and password in it")
    if port is not None and not 0 < port < 65_536:
        raise InvalidUrl("a port is between 1 and 65535")
    return Target(url, host, port or PORTS[url.scheme])


async def resolve(host: str, port: int) -> list[Address]:
    """As the system does it. OSError; TimeoutError where it takes too long."""
    with anyio.fail_after(RESOLVE_TIMEOUT):
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in texts]


class Outbound:
    """What may be sent to, from this server: what `policy` allows. Without one it is `public-only`
    where others than this machine's users can make the server send (`exposed`), else `open`.
    """

    def __init__(
        self, policy: Policy | None = None, *, exposed: bool = False, resolve: Resolve = resolve
    ) -> None:
        self._policy = policy or Policy.of("public-only" if exposed else "open")
        self._resolve = resolve

    def check(self, url: str) -> Target:
        """The address, if nothing in it says that it can't be sent to. A name is not looked up.
        InvalidUrl, EgressDenied.
        """
        target = read_target(url)
        why = self._policy.refuses_host(_plain(target), target.port)
        if why is not None:
            raise _denied(target, why)
        return target

    async def dial(self, url: str) -> list[Address]:
        """Where that address leads now, only what may be dialled. Whoever sends dials one of these
        and looks the name up no second time. InvalidUrl, EgressDenied, OSError.
        """
        target = self.check(url)
        host = _plain(target)
        found = literals(host) or await self._resolve(target.host, target.port)
        if not found:
            raise OSError(f"{target.host} has no address")
        reach = self._policy.reaches(host, target.port, found)
        if reach.reason is not None:
            raise _denied(target, reach.reason)
        return list(reach.addresses)


def _plain(target: Target) -> str:
    try:
        return plain(target.host)
    except ValueError as exc:
        raise InvalidUrl("this is no address: its host is none") from exc


def _denied(target: Target, why: str) -> EgressDenied:
    return EgressDenied(f"{target.host} can't be sent to: {why}", host=target.host)


def addressed(target: Target, address: Address) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
    """The URL that dials that address and no other, the headers and the extensions with which the
    server and its certificate are still those of the host.
    """
    headers = {"Host": target.url.netloc.decode("ascii")}
    extensions = {"sni_hostname": target.host} if literal(target.host) is None else {}
    return target.url.copy_with(host=str(address)), headers, extensions
