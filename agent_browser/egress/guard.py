"""Whose process is at the other end of a connection on this machine."""

import errno
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

_SOCK_DIAG, _BY_FAMILY, _ERROR = 4, 20, 2
_HEAD = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBBBI")
_PAIR = struct.Struct("!HH16s16s")
_CODE = struct.Struct("=i")
_GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""What the kernel says of a socket that is not there: of that one, and of no other."""
_MOST_STALE = 16
_UID_AT = _HEAD.size + 4 + 48 + 12


class Guard:
    """Asks the kernel for the owner of one socket, by its two ends: some microseconds however many
    sockets there are, where /proc/net/tcp takes milliseconds with a thousand of them. That file is
    read where the kernel does not answer such questions; where there is neither, everybody passes.

    It keeps out the processes of the machine's other users, and no process of our own user.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._has_answered = False
        """Whether the kernel ever named an owner."""
        self._mine = os.getuid() if hasattr(os, "getuid") else -1
        self._asks: socket.socket | None = None
        with suppress(OSError, AttributeError):
            self._asks = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG
            )
            self._asks.settimeout(0.5)

    def admits(self, theirs: tuple[str, int], ours: tuple[str, int]) -> bool:
        """Whether the process that connected from `theirs` to `ours` is of our own user."""
        owner = self._owner(theirs, ours)
        return owner is None or owner == self._mine

    def close(self) -> None:
        """Idempotent."""
        if self._asks is not None:
            self._asks.close()
            self._asks = None

    def _owner(self, theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
        if self._asks is None:
            return listed_owner(theirs)
        self._asked = (self._asked + 1) & 0xFFFF_FFFF
        try:
            owner = _answer(self._asks, self._asked, theirs, ours)
        except OSError:
            self.close()
            return listed_owner(theirs)
        if owner is None and not self._has_answered:
            return listed_owner(theirs)  # a kernel that knows no such question says the same
        self._has_answered = True
        return owner


def _answer(
    kernel: socket.socket, number: int, theirs: tuple[str, int], ours: tuple[str, int]
) -> int | None:
    """The user of that socket; None where there is none any more. OSError where the kernel does not
    answer such questions at all.
    """
    pair = _PAIR.pack(theirs[1], ours[1], socket.inet_aton(theirs[0]), socket.inet_aton(ours[0]))
    body = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFF_FFFF)
    body += pair + struct.pack("=I", 0) + b"\xff" * 8
    kernel.send(_HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, 1, number, 0) + body)
    for _ in range(_MOST_STALE):
        answer = kernel.recv(4_096)
        _, kind, _, of, _ = _HEAD.unpack_from(answer)
        if of != number:
            continue  # of a question that was given up
        if kind == _BY_FAMILY:
            return int(struct.unpack_from("=I", answer, _UID_AT)[0])
        if kind == _ERROR and -_CODE.unpack_from(answer, _HEAD.size)[0] in _GONE:
            return None
        break
    raise OSError("the kernel does not answer questions about sockets")


def listed_owner(theirs: tuple[str, int]) -> int | None:
    """The user of the socket at that end, as /proc/net/tcp has it; None where it has not."""
    address = int.from_bytes(socket.inet_aton(theirs[0]), "little")
    wanted = f"{address:08X}:{theirs[1]:04X}"
    with suppress(OSError):
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if columns[1] == wanted:
                return int(columns[7])
    return None
