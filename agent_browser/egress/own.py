"""The ports that this server itself listens on, which nobody may reach through it."""

import socket
from collections import Counter

from agent_browser.egress.addresses import Address, meant


class Own:
    """A register of TCP ports of this machine: the API's, and each session's proxy's."""

    def __init__(self) -> None:
        self._ports: Counter[int] = Counter()

    def add(self, port: int) -> None:
        """From now on nobody reaches it, by whatever address of this machine."""
        self._ports[port] += 1

    def discard(self, port: int) -> None:
        """It is no longer ours."""
        self._ports[port] -= 1
        if self._ports[port] <= 0:
            del self._ports[port]

    def holds(self, address: Address, port: int) -> bool:
        """Whether that is one of them. An address is this machine's where it can be bound."""
        return port in self._ports and any(_is_ours(one) for one in meant(address))


def _is_ours(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((str(address), 0))
    except OSError:
        return False
    return True
