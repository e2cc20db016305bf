"""The pool on the real browser, where the fake could be wrong: losses, videos, what is left."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright._impl.connection import Connection

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.errors import BrowserLost
from agent_browser.events import Unobserved
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    OpenInput,
    OpenOutput,
)
from agent_browser.pool.pool import Pool
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.fakes.archive import FakeArchive
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.keeping import FakeKeeping
from tests.fakes.papers import FakePapers

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PAGE = "data:text/html,<title>T</title><button>Go</button>"


class Launches(Unobserved):
    """Waits for the second launch."""

    def __init__(self) -> None:
        self.count = 0
        self.second = anyio.Event()

    def launched(self, *, seconds: float) -> None:
        self.count += 1
        if self.count == 2:
            self.second.set()


@pytest.fixture
def launches() -> Launches:
    return Launches()


@pytest.fixture
async def pool(
    real_settings: Settings, tmp_path: Path, launches: Launches, anyio_backend: str
) -> AsyncIterator[Pool]:
    keeping, archive = FakeKeeping(tmp_path), FakeArchive()
    engine = Chromium(real_settings)
    kept = FakeCheckpoints(), FakePapers()
    async with Pool(engine, real_settings, keeping, archive, *kept, observer=launches) as running:
        yield running
        running._check()


async def opened(pool: Pool, **options: object) -> OpenOutput:
    input = OpenInput.model_validate({"url": PAGE} | options)
    output = await pool.call(LOCAL, "open", input, session="new")
    assert isinstance(output, OpenOutput)
    return output


async def test_sessions_are_opened_at_once_and_closed(pool: Pool) -> None:
    found: list[OpenOutput] = []

    async def cycle() -> None:
        output = await opened(pool)
        found.append(output)
        await pool.call(LOCAL, "close", CloseInput(), session=output.session_id)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(cycle)
    assert {output.elements_text for output in found} == {'@e1 [button] "Go"'}
    assert len({output.session_id for output in found}) == 12
    assert (await pool.health(LOCAL)).live == 0


async def test_a_killed_browser_is_told_and_replaced(pool: Pool, launches: Launches) -> None:
    session = (await opened(pool)).session_id
    (browser,) = pool.statistics().browsers
    assert browser.pid is not None

    async def call() -> None:
        endless = ExecuteInput(code="new Promise(() => {})")
        with pytest.raises(BrowserLost):
            await pool.call(LOCAL, "execute", endless, session=session)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            os.kill(browser.pid, signal.SIGKILL)
        await launches.second.wait()
        assert (await opened(pool)).title == "T"
    assert (await pool.readiness()).ready


async def test_a_shutdown_finishes_the_video(pool: Pool) -> None:
    session = (await opened(pool, record_video=True, width=320, height=240)).session_id
    await pool.drain()
    closed = await pool.call(LOCAL, "close", CloseInput(), session=session)
    assert isinstance(closed, CloseOutput)
    assert closed.video is not None
    assert closed.video.size > 100


class Driver:
    """What comes from the browser, message by message: each of them ends an await of ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._at: int | None = None
        self._then: Callable[[], None] = lambda: None
        dispatch = Connection.dispatch

        def counting(connection: Connection, message: dict[str, Any]) -> None:
            self.count += 1
            if self.count == self._at:
                self._then()
            dispatch(connection, message)

        monkeypatch.setattr(Connection, "dispatch", counting)

    async def cancelled_at(self, count: int, work: Callable[[], Awaitable[object]]) -> bool:
        """Cancel it as that many messages came. False where it was done before."""
        with anyio.CancelScope() as scope:
            self.count, self._at, self._then = 0, count, scope.cancel
            await work()
        self._at = None
        return scope.cancel_called


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    return Driver(monkeypatch)


def contexts(pool: Pool) -> int:
    """How many the browsers have, by their own word."""
    return sum(
        len(host.browser._browser.contexts)
        for host in pool._housing.browsers.hosts.values()
        if isinstance(host.browser, ChromiumBrowser)
    )


async def at_rest(pool: Pool) -> None:
    """Nobody has a session, and the browser has no context but those kept ready."""
    with anyio.fail_after(10):
        while True:
            now = pool.statistics()
            if (now.live, now.opening, now.waiting, now.warm, contexts(pool)) == (0, 0, 0, 1, 1):
                return
            await anyio.sleep(0.002)


@pytest.mark.parametrize("options", [{}, {"locale": "de"}], ids=["warm", "its own"])
async def test_an_open_cancelled_at_any_message_of_the_browser_leaves_nothing(
    pool: Pool, driver: Driver, options: dict[str, object]
) -> None:
    count = 1
    await at_rest(pool)
    while await driver.cancelled_at(count, lambda: opened(pool, **options)):
        await at_rest(pool)
        count += 1
    assert count > 10, "hardly a point to be cancelled at"


async def test_a_close_cancelled_at_any_message_of_the_browser_closes_all_the_same(
    pool: Pool, driver: Driver
) -> None:
    count, is_cancelled = 0, True
    while is_cancelled:
        count += 1
        session = (await opened(pool, record_video=True)).session_id
        closing = partial(pool.call, LOCAL, "close", CloseInput(), session=session)
        is_cancelled = await driver.cancelled_at(count, closing)
        await at_rest(pool)
    assert count > 3, "hardly a point to be cancelled at"


async def test_many_sessions_leave_no_task_behind(pool: Pool) -> None:
    async def use() -> None:
        session = (await opened(pool)).session_id
        await pool.call(LOCAL, "execute", ExecuteInput(code="1"), session=session)
        await pool.call(LOCAL, "close", CloseInput(), session=session)

    await use()  # what is made once for good is made now
    await at_rest(pool)
    before = asyncio.all_tasks()
    for _ in range(10):
        await use()
    await at_rest(pool)
    with anyio.move_on_after(10):
        while len(asyncio.all_tasks()) > len(before):  # noqa: ASYNC110 - the last is at its end
            await anyio.sleep(0.002)
    assert len(asyncio.all_tasks()) <= len(before), asyncio.all_tasks() - before
