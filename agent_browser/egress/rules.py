"""A list of hosts, addresses and networks, made ready for a quick answer. Pure."""

import ipaddress
from collections.abc import Iterable
from typing import TypeVar

from agent_browser.egress.addresses import Address, is_localhost, literal, literals, plain

_Key = TypeVar("_Key")
_Ports = frozenset[int] | None
"""The ports that an entry is for; None for all."""


class Rules:
    """Rules as models/egress.py has them: `host`, `*.host` for what is below it, an address, a
    network; each but the network with `:port` if it is for one port alone. ValueError names the
    rule that can't be read.

    Names are looked up in a dictionary for each of their ends, networks in one for each length of
    prefix that there is: what an answer costs hangs on neither's number.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._names: dict[str, _Ports] = {}
        self._below: dict[str, _Ports] = {}
        self._networks: dict[int, dict[int, dict[int, _Ports]]] = {4: {}, 6: {}}
        self.count = 0
        for rule in rules:
            try:
                self._add(rule)
            except ValueError as exc:
                raise ValueError(
                    f"{rule!r} is no rule: it must be a host, *.host, an address or a network, "
                    "with a port after a colon if it is for one alone"
                ) from exc
            self.count += 1

    def names(self, host: str, port: int) -> bool:
        """Whether a rule of a name is for that host, in its plain form."""
        if _has(self._names, host, port):
            return True
        if self._below:
            at = host.find(".")
            while at >= 0:
                if _has(self._below, host[at + 1 :], port):
                    return True
                at = host.find(".", at + 1)
        return False

    def holds(self, address: Address, port: int) -> bool:
        """Whether a rule of an address or a network is for that address."""
        number, most = int(address), address.max_prefixlen
        return any(
            _has(entries, number >> (most - length), port)
            for length, entries in self._networks[address.version].items()
        )

    @property
    def has_networks(self) -> bool:
        """Whether there is a rule of an address or a network."""
        return any(self._networks.values())

    def _add(self, rule: str) -> None:
        if "/" in rule:
            network = ipaddress.ip_network(rule, strict=False)
            self._add_network(network.network_address, network.prefixlen, None)
            return
        host, ports = _parts(rule)
        if host.startswith("*."):
            name = plain(host[2:])
            if literal(name) is not None and not is_localhost(name):
                raise ValueError("nothing is below an address")
            _put(self._below, name, ports)
            return
        name = plain(host)
        found = literals(name)
        if not found or is_localhost(name):
            _put(self._names, name, ports)
        for address in found:
            self._add_network(address, address.max_prefixlen, ports)

    def _add_network(self, address: Address, length: int, ports: _Ports) -> None:
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped is not None and length >= 96:
            address, length = mapped, length - 96
        entries = self._networks[address.version].setdefault(length, {})
        _put(entries, int(address) >> (address.max_prefixlen - length), ports)


def _parts(rule: str) -> tuple[str, _Ports]:
    """Host and ports of host, host:port, [address]:port and a bare address."""
    if rule.startswith("["):
        host, closed, rest = rule[1:].partition("]")
        if not closed or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError
        port = rest[1:] if rest else None
    elif rule.count(":") > 1:
        host, port = rule, None
    else:
        host, colon, after = rule.partition(":")
        port = after if colon else None
    if port is None:
        return host, None
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError
    return host, frozenset((int(port),))


def _put(entries: dict[_Key, _Ports], key: _Key, ports: _Ports) -> None:
    there = entries.get(key, frozenset())
    entries[key] = None if ports is None or there is None else there | ports


def _has(entries: dict[_Key, _Ports], key: _Key, port: int) -> bool:
    ports = entries.get(key, frozenset())
    return ports is None or port in ports
