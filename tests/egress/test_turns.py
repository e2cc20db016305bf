"""The loop's turns: streams leave room in each for what else is there."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from agent_browser.egress.turns import BUDGET, READ, Turns
from tests.egress.client import proxied

pytestmark = pytest.mark.anyio

STREAMS = 4


@pytest.fixture
def flood() -> Iterator[int]:
    """A site in threads that sends to each as much as it takes; its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def pour(one: socket.socket) -> None:
        with one:
            try:
                while True:
                    one.sendall(bytes(READ))
            except OSError:
                return

    def take() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=pour, args=(one,), daemon=True).start()

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    taking.join()


def drink(port: int, site: int) -> None:
    """Take what comes, until it ends."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % site)
        buffer = bytearray(1_048_576)
        try:
            while one.recv_into(buffer):
                pass
        except OSError:
            return


async def test_streams_leave_room_in_each_turn_of_the_loop(flood: int) -> None:
    async with proxied() as port:
        drinking = [
            threading.Thread(target=drink, args=(port.number, flood), daemon=True)
            for _ in range(STREAMS)
        ]
        for one in drinking:
            one.start()
        most = before = 0
        while port.bytes_passed < 256 * 1024 * 1024:
            await asyncio.sleep(0)
            most, before = max(most, port.bytes_passed - before), port.bytes_passed
        await port.close()
        for one in drinking:
            one.join()
    # Each that was about to be read in that turn may have come with one piece more.
    assert most <= BUDGET + (STREAMS + 1) * READ


async def test_who_waits_goes_on_in_the_order_of_coming_a_few_in_each_turn() -> None:
    turns = Turns()
    went: list[int] = []
    assert not turns.take(BUDGET - 1)
    assert turns.take(1)
    for number in range(5):
        turns.wait(lambda number=number: went.append(number))  # type: ignore[misc]
    seen = []
    while turns.waiting:
        await asyncio.sleep(0)
        seen.append(list(went))
    assert seen == [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert not turns.take(BUDGET - 1)
