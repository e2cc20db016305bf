"""What an owner may have, where sessions are made, fall asleep, come back, record and send."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import AgentBrowserError, NotOpened, NotRecording, QuotaExceeded
from agent_browser.models.base import Input
from agent_browser.models.catalogue import NAMES
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    ScreenshotInput,
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


@pytest.mark.parametrize("input", [OpenInput(url=URL), SnapshotInput(), ScreenshotInput()])
async def test_a_call_of_its_own_session_never_sleeps_and_is_not_asked_for_room_to(
    tmp_path: Path, input: Input
) -> None:
    async with running(tmp_path, owner_hibernated=1, on_idle="auto") as rig:
        await rig.pool.hibernate(ME, await opened(rig))
        name = NAMES[type(input)]
        try:
            await rig.pool.call(ME, name, input, session=None)
        except NotOpened:
            assert name != "open"
        with pytest.raises(QuotaExceeded):
            await rig.pool.call(ME, name, input, session="new")


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


async def test_a_recording_that_goes_on_after_a_hibernation_goes_on_using_the_quota(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_recording=60, idle_timeout=10_000, on_idle="auto") as rig:
        session = await opened(rig)
        await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        await rig.pass_time(10)
        await rig.pool.hibernate(ME, session)
        assert _of(rig, "recording") == 0, "what is over is counted by who has the video"
        rig.pool._quotas.recorded(ME.owner, 10)
        await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        await rig.pass_time(30)
        assert _of(rig, "recording") == 40
        await rig.pass_time(20.1)
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert not told.recording


async def test_one_that_comes_back_with_nothing_left_is_stopped_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, owner_recording=60, on_idle="auto") as rig:
        session = await opened(rig)
        await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        await rig.pool.hibernate(ME, session)
        rig.pool._quotas.recorded(ME.owner, 60)
        await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        await rig.pass_time(0.1)
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert not told.recording


async def test_a_recording_that_can_not_be_stopped_is_stopped_later(tmp_path: Path) -> None:
    async with running(tmp_path, owner_recording=60, idle_timeout=10_000, session_queue=1) as rig:
        session = await opened(rig)
        await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(2):  # one is under way, and the queue is full
                tasks.start_soon(rig.call, "snapshot", SnapshotInput(), session, SnapshotOutput)
            await rig.settle()
            await rig.pass_time(60.1)
            rig.engine.acting.set()
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert told.recording
        await rig.pass_time(5.1)
        told = await rig.call("record", RecordInput(action="status"), session, RecordOutput)
        assert not told.recording


async def test_a_session_whose_tabs_are_recorded_uses_the_quota_until_it_is_over(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_recording=60, idle_timeout=10_000) as rig:
        session = await opened(rig, record_video=True)
        await rig.pass_time(90)
        assert _of(rig, "recording") == 90
        with pytest.raises(QuotaExceeded):
            await rig.call("record", RecordInput(action="start"), session, RecordOutput)
        await rig.call("close", CloseInput(), session, CloseOutput)
        await rig.settle()
        await rig.pass_time(1_000)
        assert _of(rig, "recording") == 0, "from then on it is who has the video that counts it"


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
        context.receive(400)
        await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert _of(rig, "traffic") == 400
        assert not context.cut
        context.receive(1_600)  # the page goes on by itself
        assert context.cut
        await rig.settle()
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


async def test_sessions_of_an_owner_may_send_together_what_one_alone_may_and_others_go_on(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, owner_traffic=1_000, idle_timeout=10_000) as rig:
        for _ in range(3):
            await opened(rig)
        theirs = (await rig.pool.create(OTHER, SessionCreate())).id
        [other] = [one for one in rig.engine.contexts if not one.used]
        for context in _contexts(rig):
            context.receive(300)
            await rig.pass_time(9)
            await rig.pool.create(ME, SessionCreate())  # as often as one likes: it puts off nothing
        other.receive(999)
        assert not any(one.cut for one in rig.engine.contexts)
        _contexts(rig)[0].receive(100)
        mine = rig.engine.contexts - {other}
        assert len(mine) == 6
        assert all(one.cut for one in mine)
        await rig.settle()
        assert all(one.frozen for one in mine)
        assert not other.cut
        assert not (await rig.pool.get(OTHER, theirs)).frozen


async def test_who_is_given_more_traffic_or_sees_the_next_day_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, owner_traffic=1_000, idle_timeout=86_400) as rig:
        session = await opened(rig)
        [context] = _contexts(rig)
        meter = context.meter
        assert meter is not None
        context.receive(1_000)
        await rig.settle()
        assert meter.is_spent
        await rig.pool._quotas.give(ME.owner, QuotasInput(traffic=2_000))
        assert not meter.is_spent
        await rig.pool.call(ME, "open", OpenInput(url=URL), session=session)
        context.cut = False
        await rig.pool._quotas.give(ME.owner, QuotasInput(traffic=1))
        assert context.cut, "a limit that is lowered holds at once"
        rig.clock.advance(86_400)
        assert not meter.is_spent, "what went on by itself goes on by itself"
        rig.pool._quotas.check("traffic", ME.owner)


async def test_what_loads_while_a_session_comes_back_counts_too(tmp_path: Path) -> None:
    async with running(tmp_path, owner_traffic=1_000, on_idle="auto") as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.engine.restoring = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.call, "snapshot", SnapshotInput(), session, SnapshotOutput)
            await rig.settle()
            [context] = rig.engine.contexts
            context.receive(400)
            rig.engine.restoring.set()
        assert _of(rig, "traffic") == 400


async def test_traffic_is_counted_when_a_session_ends_where_nobody_limits_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        session = await opened(rig)
        _contexts(rig)[0].receive(777)
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
