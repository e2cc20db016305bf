"""A DNS server that changes its mind between look-ups."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import cast

_KINDS = {1: 4, 28: 6}


class Nameserver(asyncio.DatagramProtocol):
    """For each name the addresses of its first look-up, of its second, and so on; the last ones
    again after that. `asked` counts look-ups (of IPv4 addresses, which each look-up is of).
    """

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._names = names
        self.asked: Counter[str] = Counter()
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        name, end = _name(data)
        (kind,) = struct.unpack_from(">H", data, end)
        rounds = self._names.get(name)
        if rounds is not None and kind == 1:
            self.asked[name] += 1
        found: list[bytes] = []
        if rounds is not None:
            texts = rounds[min(max(self.asked[name], 1), len(rounds)) - 1]
            addresses = [ip_address(text) for text in texts]
            found = [one.packed for one in addresses if one.version == _KINDS.get(kind)]
        status = 0 if rounds is not None else 3
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | status, 1, len(found), 0, 0)
        body = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(packed)) + packed for packed in found
        )
        assert self._transport is not None
        self._transport.sendto(head + data[12 : end + 4] + body, addr)


def _name(data: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode().lower())
        at += size + 1
    return ".".join(labels), at + 1


@asynccontextmanager
async def nameserver(**names: Sequence[Sequence[str]]) -> AsyncIterator[Nameserver]:
    """One that listens; `_` in a name is a dot."""
    made = Nameserver({name.replace("_", "."): rounds for name, rounds in names.items()})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: made, ("127.0.0.1", 0))
    try:
        yield made
    finally:
        transport.close()
