"""The pool on the real browser, where the fake could be wrong: losses, videos, what is left."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.chromium import Chromium
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
from tests.fakes.keeping import FakeKeeping

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
    async with Pool(engine, real_settings, keeping, archive, observer=launches) as running:
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
