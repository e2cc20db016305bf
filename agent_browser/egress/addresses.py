"""Hosts and addresses: what a host stands for by itself, and which addresses nobody sends to. Pure
but for the machine's own way to read a number as an address.
"""

import ipaddress
import re
import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import idna

Address = IPv4Address | IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23",  # most clouds; containers on one
        "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    )
)  # fmt: skip
_METADATA_NAMES = frozenset(
    ("metadata", "metadata.google.internal", "metadata.goog", "instance-data",
     "instance-data.ec2.internal", "metadata.azure.internal", "metadata.tencentyun.com")
)  # fmt: skip
_LAST_32 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
"""Networks whose addresses end in an IPv4 address: NAT64, the old compatible form, translated."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_UNICAST = IPv6Network("2000::/3")
_BROADCAST = IPv4Address("255.255.255.255")
_LOCALHOST = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")


def literal(host: str) -> Address | None:
    """The address that a host stands for by itself, as the system's resolver reads it: decimal,
    octal and hex forms too, and localhost. None for a name.
    """
    plain = host.rstrip(".").strip("[]").partition("%")[0].lower()
    if is_localhost(plain):
        return _LOCALHOST[0]
    try:
        return ipaddress.ip_address(plain)
    except ValueError:
        pass
    if not _NUMBER.match(plain.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, ValueError):
        return None


def is_localhost(host: str) -> bool:
    """Whether a host in its plain form is this machine by its name."""
    return host == "localhost" or host.endswith(".localhost")


def literals(host: str) -> tuple[Address, ...]:
    """All addresses that a host in its plain form stands for without a look-up."""
    if is_localhost(host):
        return _LOCALHOST
    address = literal(host)
    return () if address is None else (address,)


def plain(host: str) -> str:
    """A host in the one form that rules and decisions are in: small letters, no final dot, an
    address as it is usually written and without brackets. ValueError for what is no host.
    """
    if host.isascii() and "%" not in host:
        text = host.lower()
    elif "%" in host and host.lstrip("[")[:4].lower() == "fe80":
        text = host.partition("%")[0].lower()  # a zone; refused for what it is
    else:
        try:
            text = idna.encode(host, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError) as exc:
            raise ValueError("this is no name of a host") from exc
    text = text.removesuffix(".")
    if not is_localhost(text):
        address = literal(text)
        if address is not None:
            return str(address)
        # Where the last part is a number, no resolver may be left to make an address of it.
        if not _NAME.fullmatch(text) or _NUMBER.match(text.rpartition(".")[2]):
            raise ValueError("this is no name of a host")
    elif not _NAME.fullmatch(text):
        raise ValueError("this is no name of a host")
    return text


def written(host: str, port: int) -> str:
    """host:port, with brackets where it takes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_metadata_name(host: str) -> bool:
    """Whether a host in its plain form is a name that clouds give their metadata."""
    return host in _METADATA_NAMES


@lru_cache(maxsize=4_096)
def refusal(address: Address, *, exposed: bool) -> str | None:
    """Why it may not be dialled; None where it may. `exposed`: only what everybody reaches is
    allowed.
    """
    for one in meant(address):
        if one in _METADATA or one.is_link_local:
            return "it is an address of the machine's own metadata"
        if one.is_unspecified or one.is_multicast or one == _BROADCAST:
            return "it is no address of one host"
        if int(one) < 1 << 24 and one.version == 4:
            return "it is no address of one host"
        if exposed and not _is_public(one):
            return "it is not an address of the public network"
    return None


def _is_public(address: Address) -> bool:
    if address.version == 6 and address not in _UNICAST and address not in _LAST_32[0]:
        return False
    return address.is_global


@lru_cache(maxsize=4_096)
def meant(address: Address) -> tuple[Address, ...]:
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
