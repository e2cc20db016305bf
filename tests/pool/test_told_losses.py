"""What a checkpoint could not hold is told of whatever is made from it."""

from pathlib import Path

import pytest

from agent_browser.models.checkpoints import Loss, State
from agent_browser.models.sessions import ForkInput
from agent_browser.service import LOCAL as ME
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio
LOSS = Loss(what="service_worker", where="http://site.test", why="service workers are not saved")


async def opened(rig: Rig) -> str:
    return str((await rig.open()).session_id)


async def with_a_loss(rig: Rig, session: str) -> str:
    """A checkpoint of it that could not hold everything."""
    saved = await rig.pool.checkpoint(ME, session)
    state = await rig.checkpoints.load(session, saved.id)
    made = await rig.checkpoints.save(session, State(state.parts, (LOSS,)), cause="demand")
    return made.id


async def test_a_fork_is_told_what_the_checkpoint_did_not_hold(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await opened(rig)
        made = await with_a_loss(rig, session)
        await rig.pool.fork(ME, session, ForkInput(checkpoint=made))
        assert rig.published.last("session.started")["lost"] == [LOSS.model_dump()]


async def test_a_session_set_back_is_told_what_the_checkpoint_did_not_hold(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await opened(rig)
        made = await with_a_loss(rig, session)
        await rig.pool.rewind(ME, session, made)
        assert rig.published.last("session.resumed")["lost"] == [LOSS.model_dump()]
