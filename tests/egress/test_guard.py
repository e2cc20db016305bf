"""Whose process is at the other end."""

import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from agent_browser.egress import guard as guards
from agent_browser.egress.guard import Guard, listed_owner
from tests.egress.client import Client, proxied, site

NOBODY = 65_534


@contextmanager
def connected() -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """The two ends of a connection of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = listening.getsockname()
        with socket.create_connection(ours) as one, listening.accept()[0]:
            yield one.getsockname(), ours


def test_our_own_users_processes_pass() -> None:
    guard = Guard()
    with connected() as (theirs, ours):
        assert guard.admits(theirs, ours)
        assert listed_owner(theirs) == os.getuid()
    guard.close()
    guard.close()


def test_without_the_kernels_answer_the_list_is_read() -> None:
    guard = Guard()
    guard.close()
    with connected() as (theirs, ours):
        assert guard.admits(theirs, ours)


def test_a_socket_that_nobody_knows_is_of_no_other_user() -> None:
    guard = Guard()
    assert guard.admits(("127.0.0.1", 1), ("127.0.0.1", 2))
    guard.close()


def test_a_socket_that_is_gone_does_not_end_the_asking() -> None:
    guard = Guard()
    assert guard._asks is not None
    for _ in range(3):
        with connected() as (theirs, ours):
            assert guard.admits(theirs, ours)
        assert guard.admits(("127.0.0.1", 1), ("127.0.0.1", 2))
        assert guard._asks is not None
    guard.close()


def test_before_the_kernel_named_anybody_the_list_has_the_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel without such questions says of every socket that it is not there."""
    listed: list[tuple[str, int]] = []

    def listed_owner(theirs: tuple[str, int]) -> int:
        listed.append(theirs)
        return NOBODY

    monkeypatch.setattr(guards, "listed_owner", listed_owner)
    guard = Guard()
    assert not guard.admits(("127.0.0.1", 1), ("127.0.0.1", 2))
    with connected() as (theirs, ours):
        assert guard.admits(theirs, ours)
    assert guard.admits(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert listed == [("127.0.0.1", 1)]
    guard.close()


def test_where_the_kernel_answers_something_else_it_is_asked_no_more() -> None:
    guard = Guard()
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    assert guard._asks is not None
    guard._asks.close()
    guard._asks = ours
    with kernel:
        refused = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -errno.EPERM)
        kernel.send(struct.pack("=IHHII", 16, 20, 0, 77, 0))  # of another question
        kernel.send(refused)
        with connected() as (theirs, here):
            assert guard.admits(theirs, here)
    assert guard._asks is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.anyio
async def test_another_users_process_may_not_use_a_port() -> None:
    code = (
        "import os, socket, sys; os.setgroups([]); os.setuid(%d)\n"
        "s = socket.socket(); s.connect(('127.0.0.1', int(sys.argv[1])))\n"
        "try:\n"
        "    s.sendall(b'CONNECT ' + sys.argv[2].encode() + b' HTTP/1.1\\r\\n\\r\\n')\n"
        "    print(len(s.recv(100)))\n"
        "except ConnectionError: print(0)\n"
    )
    async with site() as there, proxied() as port:
        for user, answered in ((NOBODY, False), (0, True)):
            arguments = [sys.executable, "-c", code % user, str(port.number), there.target]
            done = await anyio.run_process(arguments, stderr=subprocess.STDOUT)
            assert (int(done.stdout) > 0) is answered, user
        async with Client(port) as client:
            assert (await client.get(there.origin)).status == 200
    assert there.connections == 2
