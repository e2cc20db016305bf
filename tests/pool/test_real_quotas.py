"""Quotas on the real browser: what it sends and receives is counted where it passes and cut there,
and a recording that goes on after a hibernation is stopped.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.errors import QuotaExceeded
from agent_browser.models.functions import OpenInput, OpenOutput, SnapshotInput
from agent_browser.models.recording import RecordInput, RecordOutput
from agent_browser.pool.pool import Pool
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.egress.client import site
from tests.fakes.archive import FakeArchive
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.keeping import FakeKeeping
from tests.fakes.papers import FakePapers

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PAGE = b"<title>T</title><script>fetch('/flood').then(r => r.arrayBuffer())</script>"
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
MUCH = 10_000_000_000


@asynccontextmanager
async def running(settings: Settings, folder: Path, **limits: object) -> AsyncIterator[Pool]:
    chosen = settings.model_copy(update={"on_idle": "auto", **limits})
    kept = FakeKeeping(folder), FakeArchive(), FakeCheckpoints(), FakePapers()
    async with Pool(Chromium(chosen), chosen, *kept) as pool:
        yield pool


async def opened(pool: Pool, url: str) -> str:
    output = await pool.call(LOCAL, "open", OpenInput(url=url), session="new")
    assert isinstance(output, OpenOutput)
    assert output.session_id is not None
    return output.session_id


async def test_a_page_that_loads_for_ever_is_cut_off_at_its_owner_s_quota_without_a_call(
    real_settings: Settings, tmp_path: Path
) -> None:
    cut, go_on = anyio.Event(), anyio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b" /flood " not in await reader.readuntil(b"\r\n\r\n"):
            writer.write((HEAD % len(PAGE)).encode() + PAGE)
        await go_on.wait()
        writer.write((HEAD % MUCH).encode())
        with suppress(OSError):
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        cut.set()

    async with (
        site(serve) as there,
        running(real_settings, tmp_path, owner_traffic=2_000_000) as pool,
    ):
        session = await opened(pool, there.origin)
        go_on.set()
        with anyio.fail_after(20):
            await cut.wait()
        used = pool._quotas.used("traffic", LOCAL.owner)
        assert 2_000_000 <= used < 4_000_000
        traffic = await pool.traffic(LOCAL, session)
        assert traffic.bytes_up + traffic.bytes_down == used, "one count is as good as the other"
        with pytest.raises(QuotaExceeded):
            await pool.call(LOCAL, "open", OpenInput(url=there.origin), session=session)
        with pytest.raises(QuotaExceeded):
            await opened(pool, there.origin)


async def test_a_recording_that_goes_on_after_a_hibernation_is_known_and_stopped(
    real_settings: Settings, tmp_path: Path
) -> None:
    async with running(real_settings, tmp_path, owner_recording=3_600) as pool:

        async def record(action: str) -> RecordOutput:
            input = RecordInput.model_validate({"action": action})
            output = await pool.call(LOCAL, "record", input, session=session)
            assert isinstance(output, RecordOutput)
            return output

        session = await opened(pool, "data:text/html,<h1>T</h1>")
        await record("start")
        await pool.hibernate(LOCAL, session)
        filming = pool._residents.filming
        assert session not in {one.id for one, _ in filming._of(LOCAL.owner)}
        await pool.call(LOCAL, "snapshot", SnapshotInput(), session=session)
        assert (await record("status")).recording
        [(one, _)] = filming._of(LOCAL.owner)
        assert one.id == session
        await filming._stop(one)
        assert not (await record("status")).recording
        assert list(filming._of(LOCAL.owner)) == []
