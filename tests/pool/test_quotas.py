"""What an owner may have, where sessions are made, fall asleep, come back, record and send."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import AgentBrowserError, NotRecording, QuotaExceeded
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    SnapshotInput,
    SnapshotOutput,
    UploadFile,
)
from agent_browser.models.profiles import ProfileInput
from agent_browser.models.recording import RecordInput, RecordOutput
from agent_browser.models.sessions import ForkInput, SessionCreate
from agent_browser.models.usage import QuotasInput
from agent_browser.service import LOCAL as ME
from agent_browser.service import FileHead
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.engine import FakeContext
from tests.pool.rig import OTHER, URL, Rig, running
from tests.pool.test_hibernation import copied, opened, state_of

pytestmark = pytest.mark.anyio


def _of(rig: Rig, name: str, owner: str = ME.owner) -> int:
    return next(one.used for one in rig.pool._quotas.usage(owner).quotas if one.name == name)


def _contexts(rig: Rig) -> list[FakeContext]:
    return [one for one in rig.engine.contexts if one.used]


async def test_no_more_live_sessions_than_the_quota_and_another_owner_is_not_held_up(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_sessions=2) as rig:
        first = await opened(rig)
        await opened(rig)
        with pytest.raises(QuotaExceeded) as refused:
            await opened(rig)
        assert refused.value.fields["quota"] == "sessions"
        assert (refused.value.fields["limit"], refused.value.fields["used"]) == (2, 2)
        with pytest.raises(QuotaExceeded):
            await rig.pool.create(ME, SessionCreate())
        with pytest.raises(QuotaExceeded):
            await rig.pool.fork(ME, first, ForkInput())
        await rig.pool.create(OTHER, SessionCreate())
        await rig.call("close", CloseInput(), first, CloseOutput)
        await rig.settle()
        await opened(rig)


async def test_those_being_opened_count_before_they_are_there(tmp_path: Path) -> None:
    async with running(tmp_path, owner_sessions=3) as rig:
        came: list[str | None] = []

        async def open_one() -> None:
            try:
                came.append(await opened(rig))
            except QuotaExceeded:
                came.append(None)

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(open_one)
        assert sum(one is not None for one in came) == 3
        assert rig.pool.statistics().live == 3


async def test_an_owner_at_its_quota_does_not_fill_the_queue_of_those_who_wait(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, max_sessions=1, max_waiting=2, owner_sessions=2) as rig:
        await opened(rig)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_try, rig)
            await rig.settle()
            with pytest.raises(QuotaExceeded):
                await opened(rig)
            assert rig.pool.statistics().waiting == 1
            tasks.cancel_scope.cancel()
        await rig.settle()
        assert _of(rig, "sessions") == 1, "who went away has nothing"


async def _try(rig: Rig) -> None:
    with suppress(AgentBrowserError):
        await rig.open()


async def test_a_call_of_its_own_session_counts_while_it_lasts(tmp_path: Path) -> None:
    async with running(tmp_path, owner_sessions=1) as rig:
        await rig.open(session=None)
        await rig.settle()
        await rig.open(session=None)
        await opened(rig)
        with pytest.raises(QuotaExceeded):
            await rig.open(session=None)


async def test_a_session_that_comes_back_is_live_and_asks_for_room_as_others(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_sessions=1, on_idle="auto") as rig:
        asleep = await opened(rig)
        await rig.pool.hibernate(ME, asleep)
        awake = await opened(rig)
        with pytest.raises(QuotaExceeded):
            await rig.call("snapshot", SnapshotInput(), asleep, SnapshotOutput)
        assert await state_of(rig, asleep) == "hibernated"
        await rig.call("close", CloseInput(), awake, CloseOutput)
        await rig.settle()
        await rig.call("snapshot", SnapshotInput(), asleep, SnapshotOutput)
        assert await state_of(rig, asleep) == "live"


async def test_slots_of_a_browser_that_is_lost_are_the_owner_s_again(tmp_path: Path) -> None:
    async with running(tmp_path, owner_sessions=2) as rig:
        await opened(rig)
        await opened(rig)
        rig.engine.browsers[0].lose()
        await rig.settle()
        assert _of(rig, "sessions") == 0
        await opened(rig)


async def test_who_has_as_many_asleep_as_it_may_opens_no_more_and_loses_none(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_hibernated=1, on_idle="auto") as rig:
        one, two = await opened(rig), await opened(rig)
        await rig.pool.hibernate(ME, one)
        with pytest.raises(QuotaExceeded) as refused:
            await rig.pool.hibernate(ME, two)
        assert refused.value.fields["quota"] == "hibernated"
        assert await state_of(rig, two) == "live"
        await rig.call("snapshot", SnapshotInput(), two, SnapshotOutput)
        with pytest.raises(QuotaExceeded):
            await opened(rig)
        await rig.open(session=None)  # it never sleeps
        await rig.pool.create(OTHER, SessionCreate())
        await rig.call("close", CloseInput(), one, CloseOutput)
        await opened(rig)


async def test_an_idle_session_that_may_not_sleep_ends(tmp_path: Path) -> None:
    async with running(tmp_path, owner_hibernated=1, on_idle="auto", idle_timeout=100) as rig:
        one, two = await opened(rig), await opened(rig)
        await rig.pool.hibernate(ME, one)
        await rig.pass_time(100)
        assert (await rig.pool.get(ME, two)).end_reason == "idle"
        assert await state_of(rig, one) == "hibernated"


async def test_at_a_shutdown_all_are_saved_whatever_the_quota(tmp_path: Path) -> None:
    checkpoints = FakeCheckpoints()
    async with running(
        tmp_path, owner_hibernated=1, on_idle="auto", checkpoints=checkpoints
    ) as rig:
        ids = [await opened(rig) for _ in range(3)]
        await rig.pool.drain()
        archive = rig.archive
    left = await copied(checkpoints)
    async with running(
        tmp_path, archive, owner_hibernated=1, on_idle="auto", checkpoints=left
    ) as rig:
        assert [await state_of(rig, id) for id in ids] == ["hibernated"] * 3
        assert _of(rig, "hibernated") == 3
        assert _of(rig, "bytes") > 0, "what the server before left is counted"


async def test_what_states_weigh_is_counted_and_is_gone_with_them(tmp_path: Path) -> None:
    async with running(tmp_path, on_idle="auto") as rig:
        session = await opened(rig)
        _contexts(rig)[0].store("token", "secret")
        await rig.pool.hibernate(ME, session)
        weight = rig.pool._quotas.stored(ME.owner)["states"]
        assert weight == (await rig.pool.checkpoints(ME, session)).items[0].size > 0
        await rig.pool.put_profile(ME, "login", ProfileInput(session_id=session))
        assert rig.pool._quotas.stored(ME.owner)["profiles"] > 0
        await rig.pool.delete_profile(ME, "login")
        await rig.pool.end(ME, session)
        await rig.settle()
        assert sum(rig.pool._quotas.stored(ME.owner).values()) == 0


async def test_a_profile_that_is_too_much_is_not_kept(tmp_path: Path) -> None:
    async with running(tmp_path, owner_bytes=1, on_idle="auto") as rig:
        session = await opened(rig)
        _contexts(rig)[0].store("token", "secret")
        with pytest.raises(QuotaExceeded):
            await rig.pool.put_profile(ME, "login", ProfileInput(session_id=session))
        assert (await rig.pool.profiles(ME)).items == []


async def test_uploads_are_taken_up_to_the_quota_and_no_byte_more(tmp_path: Path) -> None:
    async with running(tmp_path, owner_bytes=100) as rig:
        session = await opened(rig)
        taken: list[int] = []

        async def pieces(count: int) -> AsyncIterator[FileHead | bytes]:
            yield FileHead("a.bin")
            for _ in range(count):
                taken.append(10)
                yield b"x" * 10

        await rig.pool.upload(ME, session, pieces(6))
        assert _of(rig, "bytes") == 60
        taken.clear()
        with pytest.raises(QuotaExceeded):
            await rig.pool.upload(ME, session, pieces(1_000))
        assert len(taken) <= 5, "it stops at the piece that is too much"
        assert _of(rig, "bytes") == 60
        large = UploadFile(name="b", base64="A" * 400)
        sent = InteractInput(action="upload", ref="@e1", files=[large])
        with pytest.raises(QuotaExceeded):
            await rig.call("interact", sent, session, InteractOutput)


async def test_a_recording_begins_only_where_some_of_the_quota_is_left_and_stops_at_its_end(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_recording=60, idle_timeout=10_000) as rig:
        session = await opened(rig)
        await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        await rig.pass_time(30)
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert told.recording
        assert _of(rig, "recording") == 30
        await rig.pass_time(30.1)
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert not told.recording
        with pytest.raises(NotRecording):
            await rig.call("record", RecordInput(action="stop"), session, RecordOutput)
        rig.pool._quotas.recorded(ME.owner, 60)  # as the store does that takes the video
        for input in (RecordInput(action="start"), RecordInput(action="restart")):
            with pytest.raises(QuotaExceeded):
                await rig.call("record", input, session, RecordOutput)
        with pytest.raises(QuotaExceeded):
            await opened(rig, record_video=True)


async def test_two_recordings_at_once_use_the_quota_twice_as_fast(tmp_path: Path) -> None:
    async with running(tmp_path, owner_recording=60, idle_timeout=10_000) as rig:
        sessions = [await opened(rig), await opened(rig)]
        for session in sessions:
            await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        await rig.pass_time(30.1)
        for session in sessions:
            told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
            assert not told.recording


async def test_who_is_over_its_traffic_begins_nothing_and_its_pages_stand_still(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_traffic=1_000, idle_timeout=10_000) as rig:
        session = await opened(rig)
        [context] = _contexts(rig)
        context.received = 400
        await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert _of(rig, "traffic") == 400
        context.received = 2_000  # the page goes on by itself
        await rig.pass_time(10.1)
        assert _of(rig, "traffic") == 2_000
        assert (await rig.pool.get(ME, session)).frozen
        with pytest.raises(QuotaExceeded) as refused:
            await rig.pool.call(ME, "open", OpenInput(url=URL), session=session)
        assert refused.value.fields["retry_after"] > 0
        with pytest.raises(QuotaExceeded):
            await opened(rig)
        await rig.pool.create(OTHER, SessionCreate())
        await rig.call("close", CloseInput(), session, CloseOutput)
        await rig.settle()
        assert _of(rig, "traffic") == 2_000, "counted once"


async def test_traffic_is_counted_when_a_session_ends_where_nobody_limits_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        session = await opened(rig)
        _contexts(rig)[0].received = 777
        await rig.call("close", CloseInput(), session, CloseOutput)
        await rig.settle()
        assert _of(rig, "traffic") == 777


async def test_limits_given_for_one_owner_are_that_owner_s(tmp_path: Path) -> None:
    async with running(tmp_path, owner_sessions=1) as rig:
        await rig.pool._quotas.give(ME.owner, QuotasInput(sessions=3))
        for _ in range(3):
            await opened(rig)
        with pytest.raises(QuotaExceeded):
            await opened(rig)
        await rig.pool.create(OTHER, SessionCreate())
        with pytest.raises(QuotaExceeded):
            await rig.pool.create(OTHER, SessionCreate())
