"""The one policy for addresses that this server itself sends to: which may be dialled, decided on
the address that is dialled and not on the name that led there.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import anyio
import httpx

from agent_browser.errors import EgressDenied, InvalidUrl

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host's name or literal; OSError where it has none."""

RESOLVE_TIMEOUT = 5.0
MAX_URL = 2_048
PORTS = {"http": 80, "https": 443}

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23",  # most clouds; containers on one
        "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    )
)  # fmt: skip
_LAST_32 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
"""Networks whose addresses end in an IPv4 address: NAT64, the old compatible form, translated."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


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


def literal(host: str) -> Address | None:
    """The address that a host stands for by itself, as the system's resolver reads it: decimal,
    octal and hex forms too, and localhost. None for a name. Pure.
    """
    plain = host.rstrip(".").strip("[]").partition("%")[0].lower()
    if plain == "localhost" or plain.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(plain)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, ValueError):
        return None


def refusal(address: Address, *, exposed: bool) -> str | None:
    """Why it may not be dialled; None where it may. `exposed`: others than this machine's users can
    make the server send, so that only what everybody reaches anyway is allowed. Pure.
    """
    for meant in _meant(address):
        if meant in _METADATA or meant.is_link_local:
            return "it is an address of the machine's own metadata"
        if meant.is_unspecified or meant.is_multicast or meant == IPv4Address("255.255.255.255"):
            return "it is no address of one host"
        if exposed and not meant.is_global:
            return "it is not an address of the public network"
    return None


def _meant(address: Address) -> tuple[Address, ...]:
    """The address, and the IPv4 addresses inside it that a gateway would reach by it."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _LOCAL_NAT64:
        return address, *_inside_nat64(address)
    inside: list[Address] = []
    if address.sixtofour is not None:
        inside.append(address.sixtofour)
    if address.teredo is not None:
        inside += address.teredo
    if any(address in network for network in _LAST_32) and int(address) > 1:
        inside.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address, *inside


def _inside_nat64(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """What a translator's own prefix may hide, of the lengths that there are for it."""
    octets = address.packed
    places = (octets[6:8] + octets[9:11], octets[7:8] + octets[9:12], octets[9:13], octets[12:16])
    return tuple(IPv4Address(place) for place in places if any(place))


async def resolve(host: str, port: int) -> list[Address]:
    """As the system does it. OSError; TimeoutError where it takes too long."""
    with anyio.fail_after(RESOLVE_TIMEOUT):
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in texts]


class Outbound:
    """What may be sent to, from this server. `exposed` as in `refusal`."""

    def __init__(self, *, exposed: bool, resolve: Resolve = resolve) -> None:
        self._exposed = exposed
        self._resolve = resolve

    def check(self, url: str) -> Target:
        """The address, if nothing in it says that it can't be sent to. A name is not looked up.
        InvalidUrl, EgressDenied.
        """
        target = read_target(url)
        address = literal(target.host)
        if address is not None:
            self._allow(target, [address])
        return target

    async def dial(self, url: str) -> list[Address]:
        """Where that address leads now, only what may be dialled. Whoever sends dials one of these
        and looks the name up no second time. InvalidUrl, EgressDenied, OSError.
        """
        target = self.check(url)
        address = literal(target.host)
        found = [address] if address is not None else await self._resolve(target.host, target.port)
        if not found:
            raise OSError(f"{target.host} has no address")
        return self._allow(target, found)

    def _allow(self, target: Target, found: Sequence[Address]) -> list[Address]:
        reasons = [refusal(address, exposed=self._exposed) for address in found]
        allowed = [address for address, why in zip(found, reasons, strict=True) if why is None]
        if not allowed:
            raise EgressDenied(f"{target.host} can't be sent to: {reasons[0]}", host=target.host)
        return allowed


def addressed(target: Target, address: Address) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
    """The URL that dials that address and no other, the headers and the extensions with which the
    server and its certificate are still those of the host.
    """
    headers = {"Host": target.url.netloc.decode("ascii")}
    extensions = {"sni_hostname": target.host} if literal(target.host) is None else {}
    return target.url.copy_with(host=str(address)), headers, extensions
