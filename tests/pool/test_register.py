"""The register: bounded, whatever comes."""

from pathlib import Path

import pytest

from agent_browser.errors import SessionExpired, SessionNotFound
from agent_browser.models.functions import CloseInput, CloseOutput
from agent_browser.service import LOCAL
from tests.pool.rig import running

pytestmark = pytest.mark.anyio


async def test_so_many_ended_sessions_are_remembered_and_so_many_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.register.MAX_ENDED", 2)
    monkeypatch.setattr("agent_browser.pool.register.MAX_EXPIRED", 2)
    async with running(tmp_path) as rig:
        sessions = []
        for _ in range(5):
            session = (await rig.open()).session_id
            sessions.append(session)
            await rig.call("close", CloseInput(), session, CloseOutput)
            await rig.settle()
        assert rig.pool.statistics().ended == 2
        for session in sessions[3:]:
            assert (await rig.pool.get(LOCAL, session)).state == "ended"
        for session in sessions[1:3]:
            with pytest.raises(SessionExpired):
                await rig.pool.get(LOCAL, session)
        with pytest.raises(SessionNotFound):
            await rig.pool.get(LOCAL, sessions[0])
