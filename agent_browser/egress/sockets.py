"""Sockets that lead out: made to the first of a host's addresses that takes one, and noticed when
nobody is at their other end any more.
"""

import errno
import re
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest

import aiohappyeyeballs

from agent_browser.egress.addresses import Address

NEXT_AFTER = 0.25
"""Seconds after which the next address of a host is tried beside the one before."""
MOST_ADDRESSES = 8
GONE_AFTER = 120.0
"""Seconds that what was sent may stay without an answer of the other side's system, or without
room at it.
"""
_NUMBERS = re.compile(r"\[Errno (\d+)\]")

_Info = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


async def connected(found: Sequence[Address], port: int) -> tuple[socket.socket, Address]:
    """A connection to the first of them that takes one, the others tried beside a slow one; and
    the address that took it. OSError, RuntimeError.
    """
    tried: dict[socket.socket, Address] = {}
    infos = {_info(address, port): address for address in by_turns(found)[:MOST_ADDRESSES]}

    def made(info: _Info) -> socket.socket:
        one = socket.socket(info[0], info[1], info[2])
        tried[one] = infos[info]
        return one

    try:
        # The address is the one that was asked for: of a connection that its site has reset by
        # now the system knows none.
        one = await aiohappyeyeballs.start_connection(
            list(infos),
            happy_eyeballs_delay=NEXT_AFTER,
            socket_factory=made,
        )
    except OSError as exc:
        if exc.errno is not None:
            raise
        # Of several failures one that somebody answered says most; else the last counts.
        raise OSError(_errno(exc), str(exc)) from exc
    try:
        noticed(one)
    except BaseException:
        one.close()
        raise
    return one, tried[one]


def by_turns(found: Sequence[Address]) -> list[Address]:
    """All of them, of both families by turns: whichever is cut off, both are tried."""
    first = found[0].version if found else 4
    ones = [address for address in found if address.version == first]
    others = [address for address in found if address.version != first]
    pairs = chain.from_iterable(zip_longest(ones, others))
    return [address for address in pairs if address is not None]


def noticed(made: socket.socket) -> None:
    """As a browser has it: a site that is gone is noticed, however quiet the connection is; and
    one that takes nothing. OSError.
    """
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 45)
    taking(made)


def taking(made: socket.socket) -> None:
    """The system ends it where the other side takes nothing for so long. OSError."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(GONE_AFTER * 1_000))


def _info(address: Address, port: int) -> _Info:
    if address.version == 4:
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port))
    where = (str(address), port, 0, 0)
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)


def _errno(exc: OSError) -> int:
    numbers = [int(number) for number in _NUMBERS.findall(str(exc))]
    return errno.ECONNREFUSED if errno.ECONNREFUSED in numbers else (numbers or [0])[-1]
