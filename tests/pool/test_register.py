"""Sessions in memory: few that have ended, and nothing is lost with the others."""

from datetime import datetime
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import SessionEnded, SessionExpired
from agent_browser.models.functions import CloseInput, CloseOutput, SnapshotInput, SnapshotOutput
from agent_browser.service import LOCAL
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio


async def test_ended_sessions_are_left_to_the_archive_and_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.register.MAX_RECENT", 2)
    async with running(tmp_path) as rig:
        sessions = []
        for _ in range(4):
            session = (await rig.open(record_video=True)).session_id
            sessions.append(session)
            await rig.call("close", CloseInput(), session, CloseOutput)
            await rig.settle()
        assert rig.pool.statistics().ended == 2
        for session in sessions:
            assert (await rig.pool.get(LOCAL, session)).state == "ended"
            closed = await rig.call("close", CloseInput(), session, CloseOutput)
            assert [video.id for video in closed.videos] == [
                video.id for video in rig.keeping.recordings_of[session]
            ]
            with pytest.raises(SessionEnded, match="closed"):
                await rig.open(session)


async def test_why_a_session_ended_is_told_after_it_expired_too(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=60, retention=100) as rig:
        session = (await rig.open()).session_id
        await rig.pass_time(60)
        ended = await rig.pool.get(LOCAL, session)
        assert ended.ended_at is not None
        await rig.pass_time(100)
        with pytest.raises(SessionExpired) as said:
            await rig.open(session)
        assert said.value.fields["end_reason"] == "idle"
        told = datetime.fromisoformat(said.value.fields["ended_at"])
        assert abs((told - ended.ended_at).total_seconds()) < 0.001


async def test_a_call_that_was_broken_off_is_no_activity_after_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_told_of_its_end, rig, session)
            await rig.settle()
            rig.clock.advance(5)
            await rig.pool.end(LOCAL, session)
            rig.clock.advance(5)
        found = await rig.pool.get(LOCAL, session)
        assert found.ended_at is not None
        assert found.last_activity_at <= found.ended_at
        rig.engine.acting.set()


async def _told_of_its_end(rig: Rig, session: str) -> None:
    with pytest.raises(SessionEnded):
        await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
