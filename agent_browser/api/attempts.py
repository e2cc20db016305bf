"""Callers who were not let in, by the address that they call from: too many are told to wait. Pure.

It spares the log and the resolver, and locks nobody out: a key that is known, and a token that is
remembered or checked here, are let in whatever others at that address do, which behind a proxy is
everybody; new tokens for the resolver have their turn (`api.turns`). Guessing is kept from getting
anywhere by the length of keys, not by this.
"""

import ipaddress
from collections import OrderedDict

BURST = 60.0
"""Attempts that fail before an address has to wait."""
A_SECOND = 1.0
"""Attempts that it has again each second."""
MOST = 4_096
"""Addresses that are remembered; those that failed last."""
_PREFIX = 64
"""Bits of an IPv6 address that are one subscriber's."""


class Attempts:
    """Who failed how often."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By network: attempts that count, and as of when."""

    def __len__(self) -> int:
        return len(self._failed)

    def wait(self, address: str | None, now: float) -> float:
        """Seconds until it may fail again; 0 where it may."""
        over = self._count(_network(address), now) + 1 - BURST
        return max(0.0, over / A_SECOND)

    def failed(self, address: str | None, now: float) -> None:
        """It did. Not to be told of what failed while it had to wait: it has one a second then."""
        network = _network(address)
        # A bound, so that who goes on for a day need not wait for a day.
        self._failed[network] = (min(BURST, self._count(network, now) + 1), now)
        self._failed.move_to_end(network)
        while len(self._failed) > MOST:
            self._failed.popitem(last=False)

    def _count(self, network: str, now: float) -> float:
        count, at = self._failed.get(network, (0.0, now))
        return max(0.0, count - (now - at) * A_SECOND)


def _network(address: str | None) -> str:
    """What an address counts as: of IPv6 its network, since each has billions."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _PREFIX), strict=False))
    return str(ip)
