"""Turns: one at a time, in order, so many waiting."""

import asyncio

import anyio
import pytest

from agent_browser.errors import BrowserLost, SessionQueueFull
from agent_browser.session.turns import Turns
from tests.pool.rig import quiesce

pytestmark = pytest.mark.anyio


async def test_turns_are_taken_in_order_of_arrival() -> None:
    turns = Turns(10)
    order: list[int] = []

    async def take(number: int) -> None:
        await turns.take()
        order.append(number)
        await quiesce()
        turns.give()

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(take, number)
    assert order == [0, 1, 2, 3, 4]
    assert not turns.taken


async def test_a_full_queue_refuses_all_but_the_firm() -> None:
    turns = Turns(1)
    await turns.take()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turns.take)
        await quiesce()
        with pytest.raises(SessionQueueFull, match="1 calls wait"):
            await turns.take()
        with anyio.move_on_after(0):
            await turns.take(firm=True)
        assert turns.waiting == 1
        turns.give()


async def test_a_turn_given_to_one_who_goes_away_is_passed_on() -> None:
    turns = Turns(10)
    await turns.take()
    gone = asyncio.create_task(turns.take())
    there = asyncio.create_task(turns.take())
    await quiesce()
    turns.give()
    gone.cancel()
    await there
    assert gone.cancelled()
    turns.give()
    assert not turns.taken


async def test_the_dismissed_are_told_and_the_firm_go_on_waiting() -> None:
    turns = Turns(10)
    await turns.take()
    told: list[Exception] = []

    async def take() -> None:
        with pytest.raises(BrowserLost) as caught:
            await turns.take()
        told.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(take)
        await quiesce()
        firm = anyio.Event()

        async def wait() -> None:
            await turns.take(firm=True)
            firm.set()

        tasks.start_soon(wait)
        await quiesce()
        turns.dismiss(BrowserLost)
        await quiesce()
        assert len(told) == 2
        assert not firm.is_set()
        turns.give()
        await firm.wait()
