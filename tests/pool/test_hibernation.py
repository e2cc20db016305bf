"""Sessions fall asleep and come back: idle, asked, for others, at the end of the server."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import (
    BrowserLost,
    CannotHibernate,
    CheckpointUnusable,
    PoolFull,
    ResumeFailed,
    SessionEnded,
    SessionExpired,
    SessionNotFound,
    StateLocked,
    StorageFull,
)
from agent_browser.ids import new_profile_key
from agent_browser.models.checkpoints import LOCAL, Checkpoint, State
from agent_browser.models.files import DownloadsInput
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.sessions import (
    ForkInput,
    SessionCreate,
    SessionPatch,
    SessionQuery,
    TimeoutsInput,
)
from agent_browser.pool.machine import Machine
from agent_browser.service import LOCAL as ME
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.engine import FakeContext
from tests.fakes.remembering import ORIGIN
from tests.pool.rig import GB, OTHER, URL, Rig, running

pytestmark = pytest.mark.anyio

SAVED = 1.5
"""Seconds after which a session that was used has been saved."""


async def opened(rig: Rig, **options: Any) -> str:
    session = (await rig.open(**options)).session_id
    assert session is not None
    return session


def context_of(rig: Rig) -> FakeContext:
    """The only one that belongs to a session."""
    [context] = [one for one in rig.engine.contexts if one.used]
    return context


async def state_of(rig: Rig, session: str) -> str:
    return (await rig.pool.get(ME, session)).state


async def copied(checkpoints: FakeCheckpoints) -> FakeCheckpoints:
    """What is on the disk when a server is killed."""
    copy = FakeCheckpoints()
    for key in await checkpoints.keys():
        await copy.save(key, await checkpoints.load(key), cause="activity")
    return copy


async def url_of(rig: Rig, session: str) -> str:
    return (await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)).url


def auto(**overrides: Any) -> dict[str, Any]:
    return {"on_idle": "auto", **overrides}


async def test_an_idle_session_is_hibernated_and_the_next_call_brings_it_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        context_of(rig).store("token", "secret")
        await rig.pass_time(100)
        now = await rig.pool.get(ME, session)
        assert (now.state, now.phase, now.ended_at, now.url) == ("hibernated", "active", None, URL)
        assert now.hibernated_at is not None
        assert now.expires_at is not None
        assert (now.expires_at - now.hibernated_at).total_seconds() == 86_400
        assert rig.leased == 0
        assert rig.pool.statistics().live == 0
        assert rig.published.last("session.hibernated")["reason"] == "idle"
        assert await url_of(rig, session) == URL
        back = await rig.pool.get(ME, session)
        assert (back.state, back.hibernated_at) == ("live", None)
        assert context_of(rig).storage == {"token": "secret"}
        assert rig.published.last("session.resumed")["lost"] == []
        assert rig.published.kinds(session)[-2:] == ["session.hibernated", "session.resumed"]


async def test_refs_of_before_are_not_given_out_again(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        before = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        await rig.pool.hibernate(ME, session)
        after = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert {one.ref for one in before.elements}.isdisjoint({one.ref for one in after.elements})
        old = await rig.call(
            "interact",
            InteractInput(action="click", ref=before.elements[0].ref),
            session,
            InteractOutput,
        )
        assert not old.success


async def test_many_who_call_at_once_bring_it_back_once(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        made = rig.engine.browsers[0].made
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(url_of, rig, session)
        assert rig.engine.browsers[0].made == made + 1
        assert rig.published.kinds(session).count("session.resumed") == 1


async def test_a_caller_that_goes_away_while_it_comes_back_leaves_it_to_the_others(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.engine.restoring = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(url_of, rig, session)
            await rig.settle()
            tasks.cancel_scope.cancel()
        rig.engine.restoring.set()
        await rig.settle()
        assert await state_of(rig, session) == "live"
        assert rig.leased == 1


async def test_a_call_that_comes_while_it_falls_asleep_goes_on_where_it_comes_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            tasks.start_soon(url_of, rig, session)
            tasks.start_soon(url_of, rig, session)
            await rig.settle()
            rig.engine.capturing.set()
        assert rig.published.kinds(session)[-2:] == ["session.hibernated", "session.resumed"]
        assert await state_of(rig, session) == "live"


async def test_calls_that_came_before_are_done_before_it_falls_asleep(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.acting = anyio.Event()
        done: list[str] = []

        async def call() -> None:
            done.append(await url_of(rig, session))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await rig.settle()
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            assert await state_of(rig, session) == "live"
            rig.engine.acting.set()
        assert done == [URL]
        assert await state_of(rig, session) == "hibernated"


async def test_what_can_not_be_saved_keeps_a_session_from_hibernation_unless_forced(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).holds = ("websocket",)
        with pytest.raises(CannotHibernate) as refused:
            await rig.pool.hibernate(ME, session)
        assert refused.value.fields["unsaved"] == ["websocket"]
        assert await url_of(rig, session) == URL
        assert (await rig.pool.hibernate(ME, session, force=True)).state == "hibernated"


@pytest.mark.parametrize(
    ("rule", "state", "frozen"),
    [
        ("auto", "live", True),
        ("hibernate", "hibernated", False),
        ("freeze", "live", True),
        ("end", "ended", False),
    ],
)
async def test_a_session_with_a_socket_does_what_its_rule_for_idleness_says(
    tmp_path: Path, rule: str, state: str, frozen: bool
) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        asked = TimeoutsInput.model_validate({"on_idle": rule})
        session = (await rig.pool.create(ME, SessionCreate(timeouts=asked))).id
        await rig.open(session)
        context = context_of(rig)
        context.holds = ("websocket",)
        await rig.pass_time(100)
        now = await rig.pool.get(ME, session)
        assert (now.state, now.frozen) == (state, frozen)
        assert context.frozen == frozen
        if frozen:
            await rig.pass_time(10_000)
            assert await state_of(rig, session) == "live"
            assert await url_of(rig, session) == URL
            assert (context.frozen, (await rig.pool.get(ME, session)).frozen) == (False, False)


async def test_a_frozen_session_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        context_of(rig).holds = ("websocket",)
        await rig.pass_time(100)
        assert (await rig.pool.get(ME, session)).frozen
        assert not (await rig.pool.resume(ME, session)).frozen
        assert not context_of(rig).frozen


async def test_a_frozen_session_ends_at_its_maximum_duration(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100, max_duration=300)) as rig:
        session = await opened(rig)
        context_of(rig).holds = ("webrtc",)
        await rig.pass_time(100)
        await rig.pass_time(200)
        now = await rig.pool.get(ME, session)
        assert (now.state, now.end_reason) == ("ended", "max_duration")


async def test_a_full_disk_leaves_an_idle_session_live_and_is_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(idle_timeout=100)) as rig:
        session = await opened(rig)
        rig.checkpoints.full = True
        await rig.pass_time(100)
        assert await state_of(rig, session) == "live"
        rig.checkpoints.full = False
        await rig.pass_time(61)
        assert await state_of(rig, session) == "hibernated"


async def test_a_session_asked_to_hibernate_on_a_full_disk_stays_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.checkpoints.full = True
        with pytest.raises(StorageFull):
            await rig.pool.hibernate(ME, session)
        assert await url_of(rig, session) == URL


async def test_a_newcomer_gets_the_room_of_the_session_that_rested_longest(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_sessions=2)) as rig:
        first = await opened(rig)
        await rig.pass_time(5)
        second = await opened(rig)
        await rig.pass_time(5)
        await url_of(rig, first)
        await rig.pass_time(5)
        third = await opened(rig)
        states = {one: await state_of(rig, one) for one in (first, second, third)}
        assert states == {first: "live", second: "hibernated", third: "live"}
        assert rig.published.last("session.hibernated")["reason"] == "pressure"
        assert await url_of(rig, second) == URL  # and it comes back in another's room
        assert await state_of(rig, first) == "hibernated"


async def test_a_newcomer_waits_until_a_session_has_rested_a_little(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_sessions=1)) as rig:
        first = await opened(rig)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.open)
            await rig.settle()
            assert await state_of(rig, first) == "live"
            await rig.pass_time(1)
        assert await state_of(rig, first) == "hibernated"


async def test_sessions_that_work_or_hold_a_socket_or_end_when_idle_make_no_room(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto(max_sessions=2, wait_timeout=0.05)) as rig:
        asked = TimeoutsInput(on_idle="end")
        await rig.pool.create(ME, SessionCreate(timeouts=asked))
        session = await opened(rig)
        context_of(rig).holds = ("upload",)
        await rig.pass_time(5)
        with pytest.raises(PoolFull):
            await rig.open()
        assert await state_of(rig, session) == "live"


async def test_short_memory_lets_sessions_go_that_rest(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        sessions = [await opened(rig) for _ in range(3)]
        await rig.pass_time(5)
        rig.machine.append(Machine(24 * GB, "m", 1, 2.0, "p"))
        rig.clock.advance(2)
        roomy = rig.machine[0]
        hibernated = rig.published.publish

        def publish(kind: Any, session_id: str, owner: str, data: dict[str, Any]) -> None:
            if kind == "session.hibernated":
                rig.machine.append(roomy)  # what they took is given back
            hibernated(kind, session_id, owner, data)

        rig.published.publish = publish  # type: ignore[method-assign]  # the one place that hears it
        newcomer = await opened(rig)
        assert await state_of(rig, newcomer) == "live"
        states = [await state_of(rig, one) for one in sessions]
        assert states == ["hibernated", "hibernated", "live"]


async def test_sessions_are_saved_a_little_after_they_were_used(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        assert await rig.checkpoints.keys() == []
        await rig.pass_time(SAVED)
        [made] = await rig.checkpoints.listed(session)
        assert made.cause == "activity"
        await url_of(rig, session)
        await rig.pass_time(SAVED)
        assert rig.checkpoints.saves == 1, "nothing had changed"
        context_of(rig).store("key", "value")
        await rig.pass_time(SAVED)
        assert rig.checkpoints.saves == 2
        state = await rig.checkpoints.load(session)
        assert state.value(LOCAL + ORIGIN) == [{"name": "key", "value": "value"}]


async def test_while_sessions_are_opened_others_are_saved_a_little_later(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.making = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.open)
            await rig.pass_time(SAVED)
            assert await rig.checkpoints.keys() == []
            for _ in range(20):
                await rig.pass_time(0.3)
            assert await rig.checkpoints.keys() == [session]
            rig.engine.making.set()


async def test_what_goes_on_being_changed_is_saved_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        await opened(rig)
        for number in range(40):
            context_of(rig).store("n", str(number))
            await rig.pass_time(0.1)
        assert 3 <= rig.checkpoints.saves <= 5


async def test_a_session_of_one_call_is_never_saved(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        await rig.open(None)
        await rig.pass_time(SAVED)
        assert rig.checkpoints.saves == 0


async def test_one_session_s_fault_keeps_no_other_from_being_saved(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_sessions=3)) as rig:
        sessions = [await opened(rig) for _ in range(3)]
        hostile = next(iter(rig.engine.contexts))

        async def capture(*, thorough: bool = False) -> State:
            raise RecursionError("a page made it so deep")

        hostile.capture = capture  # type: ignore[method-assign]  # no page of the fake can
        await rig.pass_time(SAVED)
        assert len(await rig.checkpoints.keys()) == 2
        assert rig.published.last("session.error")["code"] == "internal_error"
        await rig.pass_time(5)
        for _ in range(2):  # the newcomers have the room of the others
            await opened(rig)
            await rig.pass_time(2)
        archive = rig.archive
    states = [archive.records[one].state for one in sessions]
    assert sorted(states) == ["ended", "hibernated", "hibernated"]


async def test_a_page_that_can_not_be_asked_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_sessions=1, wait_timeout=0.1)) as rig:
        await opened(rig)
        asked = 0

        async def unsaved() -> tuple[str, ...]:
            nonlocal asked
            asked += 1
            raise TypeError("a page made it so")

        context_of(rig).unsaved = unsaved  # type: ignore[method-assign]  # the same
        await rig.pass_time(5)
        with pytest.raises(PoolFull):
            await opened(rig)
        assert asked == 1


async def test_captures_that_hang_hold_no_other_session_up_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.checkpointing.SHORT_PATIENCE", 0.05)
    async with running(tmp_path, **auto()) as rig:
        for _ in range(2):
            await opened(rig)

        async def capture(*, thorough: bool = False) -> State:
            await anyio.sleep_forever()
            raise AssertionError

        for context in rig.engine.contexts:
            context.capture = capture  # type: ignore[method-assign]  # the same
        saved = anyio.Event()
        save = rig.checkpoints.save

        async def told(key: str, state: State, **given: Any) -> Checkpoint:
            saved.set()
            return await save(key, state, **given)

        rig.checkpoints.save = told  # type: ignore[method-assign]  # to hear of it
        await opened(rig)
        await rig.pass_time(SAVED)
        with anyio.fail_after(5):
            await saved.wait()


async def test_a_session_that_could_not_be_saved_says_so_once_and_is_tried_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.checkpoints.full = True
        await rig.pass_time(SAVED)
        await rig.pass_time(20)
        assert rig.published.kinds(session).count("session.error") == 1
        rig.checkpoints.full = False
        await rig.pass_time(20)
        assert len(await rig.checkpoints.listed(session)) == 1


async def test_a_lost_browser_s_sessions_come_back_as_they_were_saved(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).store("token", "one")
        await rig.pass_time(SAVED)
        context_of(rig).store("token", "two")  # and is not saved any more
        rig.engine.browsers[0].lose()
        await rig.settle()
        assert await state_of(rig, session) == "hibernated"
        assert rig.published.last("session.hibernated")["reason"] == "browser_lost"
        assert rig.published.last("session.error")["recoverable"] is True
        assert await url_of(rig, session) == URL
        assert context_of(rig).storage == {"token": "one"}


async def test_the_call_under_way_is_told_that_its_browser_is_lost_and_the_next_one_is_done(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        rig.engine.acting = anyio.Event()
        told: list[BrowserLost] = []
        urls: list[str] = []

        async def first() -> None:
            with pytest.raises(BrowserLost) as refused:
                await url_of(rig, session)
            told.append(refused.value)

        async def second() -> None:
            urls.append(await url_of(rig, session))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await rig.settle()
            tasks.start_soon(second)
            await rig.settle()
            rig.engine.browsers[0].lose()
            await rig.settle()
            rig.engine.acting.set()
        assert (told[0].retryable, told[0].recovery) == (True, "retry")
        assert urls == [URL]


async def test_a_session_that_loses_its_browser_again_and_again_comes_back_later_and_later(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        waits = []
        for _ in range(4):
            rig.engine.alive[0].lose()
            await rig.pass_time(60)
            rig.engine.alive[0].lose() if rig.leased else None
        for _ in range(3):
            await rig.pass_time(60)
            await url_of(rig, session)
            rig.engine.alive[0].lose()
            await rig.settle()
            try:
                await url_of(rig, session)
            except (ResumeFailed, PoolFull, BrowserLost) as exc:
                waits.append(exc.fields.get("retry_after", 0))
        assert waits, "it came back at once each time"
        await rig.pass_time(120)
        assert await url_of(rig, session) == URL


async def test_a_session_that_was_never_saved_is_lost_with_its_browser(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.browsers[0].lose()
        await rig.settle()
        assert (await rig.pool.get(ME, session)).end_reason == "browser_lost"


async def test_a_browser_lost_while_its_session_is_saved_leaves_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pass_time(SAVED)
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            rig.engine.browsers[0].lose()
            rig.engine.capturing.set()
        assert await state_of(rig, session) == "hibernated"
        assert await url_of(rig, session) == URL


async def test_a_stopping_server_saves_what_it_has_and_the_next_one_goes_on_with_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).store("token", "secret")
        archive, checkpoints = rig.archive, rig.checkpoints
    assert archive.records[session].state == "hibernated"
    async with running(tmp_path, archive, checkpoints=checkpoints, **auto()) as rig:
        assert rig.pool.statistics().hibernated == 1
        assert await url_of(rig, session) == URL
        assert context_of(rig).storage == {"token": "secret"}


async def test_a_killed_server_s_sessions_are_hibernated_as_they_were_saved(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        saved = await opened(rig)
        await rig.pass_time(SAVED)
        unsaved = await opened(rig)
        left = dict(rig.archive.records)
        checkpoints = await copied(rig.checkpoints)
        archive = rig.archive
    archive.records = left
    async with running(tmp_path, archive, checkpoints=checkpoints, **auto()) as rig:
        assert await state_of(rig, saved) == "hibernated"
        assert rig.published.last("session.hibernated")["reason"] == "server_lost"
        assert (await rig.pool.get(ME, unsaved)).end_reason == "server_lost"
        assert await url_of(rig, saved) == URL


async def test_states_of_ended_sessions_are_erased_at_the_start_and_unknown_ones_when_old(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session, ended = await opened(rig), await opened(rig)
        await rig.pool.hibernate(ME, session)
        await rig.pool.end(ME, ended)
        checkpoints, archive = rig.checkpoints, rig.archive
    stranger, profile = "ses_" + "A" * 22, new_profile_key()
    for key in (stranger, ended, profile):
        await checkpoints.save(key, await checkpoints.load(session), cause="demand")
    async with running(tmp_path, archive, checkpoints=checkpoints, **auto()) as rig:
        await rig.settle()
        kept = {session, stranger, profile}
        assert set(await rig.checkpoints.keys()) == kept, "its own database may come back"
        later = rig.settings.max_retention + 1
    async with running(tmp_path, archive, checkpoints=checkpoints, **auto()) as rig:
        rig.clock.advance(later)
        await rig.pool._retention.erase_strays()
        assert stranger not in await rig.checkpoints.keys()


async def test_an_ended_session_leaves_no_state(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        live, asleep, purged = [await opened(rig) for _ in range(3)]
        await rig.pass_time(SAVED)
        await rig.pool.hibernate(ME, asleep)
        await rig.pool.hibernate(ME, purged)
        for session in (live, asleep):
            assert (await rig.call("close", CloseInput(), session, CloseOutput)).success
        await rig.pool.end(ME, purged, purge=True)
        await rig.settle()
        assert await rig.checkpoints.keys() == []
        with pytest.raises(SessionEnded):
            await url_of(rig, asleep)
        with pytest.raises(SessionNotFound):
            await rig.pool.get(ME, purged)
        assert rig.pool.statistics().hibernated == 0


async def test_a_session_ended_while_it_falls_asleep_has_ended(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.capturing = anyio.Event()

        async def hibernate() -> None:
            with pytest.raises(SessionEnded):
                await rig.pool.hibernate(ME, session)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hibernate)
            await rig.settle()
            await rig.pool.end(ME, session)
            await rig.settle()
            rig.engine.capturing.set()
        await rig.settle()
        assert (await rig.pool.get(ME, session)).end_reason == "closed"
        assert rig.leased == 0
        assert await rig.checkpoints.keys() == []


async def test_a_session_ended_while_it_comes_back_has_ended(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.engine.restoring = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.resume, ME, session)
            await rig.settle()
            tasks.start_soon(rig.pool.end, ME, session)
            await rig.settle()
            rig.engine.restoring.set()
        await rig.settle()
        assert await state_of(rig, session) == "ended"
        assert rig.leased == 0


async def test_a_hibernated_session_expires_with_its_retention_and_its_state_with_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto(retention=1_000)) as rig:
        session, pinned = await opened(rig), await opened(rig)
        await rig.pool.update(ME, pinned, SessionPatch(pinned=True))
        for one in (session, pinned):
            await rig.pool.hibernate(ME, one)
        await rig.pass_time(999)
        assert await state_of(rig, session) == "hibernated"
        await rig.pass_time(2)
        with pytest.raises(SessionExpired):
            await rig.pool.get(ME, session)
        assert set(await rig.checkpoints.keys()) == {pinned}
        now = await rig.pool.get(ME, pinned)
        assert (now.state, now.expires_at) == ("hibernated", None)


async def test_a_heartbeat_and_a_renewal_keep_a_hibernated_session_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(retention=1_000)) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        await rig.pass_time(900)
        assert (await rig.pool.heartbeat(ME, session)).state == "hibernated"
        await rig.pass_time(900)
        assert (await rig.pool.renew(ME, session)).renewal_count == 1
        await rig.pass_time(900)
        assert await state_of(rig, session) == "hibernated"


async def test_a_hibernated_session_can_be_named_and_its_timeouts_changed(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        patch = SessionPatch(name="mine", timeouts=TimeoutsInput(idle=77))
        assert (await rig.pool.update(ME, session, patch)).name == "mine"
        await url_of(rig, session)
        now = await rig.pool.get(ME, session)
        assert (now.name, now.timeouts.idle, now.state) == ("mine", 77, "live")


async def test_time_asleep_does_not_count_towards_the_maximum_duration(tmp_path: Path) -> None:
    async with running(tmp_path, **auto(max_duration=1_000)) as rig:
        session = await opened(rig)
        await rig.pass_time(600)
        await rig.pool.hibernate(ME, session)
        await rig.pass_time(5_000)
        await url_of(rig, session)
        await rig.pass_time(399)
        assert await state_of(rig, session) == "live"
        await rig.pass_time(2)
        assert (await rig.pool.get(ME, session)).end_reason == "max_duration"


async def test_what_keeps_a_session_from_coming_back_is_told_and_its_state_kept(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.engine.restore_fails = BrowserLost()
        with pytest.raises(ResumeFailed):
            await url_of(rig, session)
        assert rig.published.last("session.resume_failed")["code"] == "browser_lost"
        assert rig.leased == 0
        rig.engine.restore_fails = CheckpointUnusable("it is damaged")
        with pytest.raises(CheckpointUnusable):
            await url_of(rig, session)
        rig.engine.restore_fails = None
        assert await url_of(rig, session) == URL


async def test_a_fork_is_another_session_from_the_same_state(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.update(ME, session, SessionPatch(name="shop", tags=["a"]))
        context_of(rig).store("cart", "one")
        fork = await rig.pool.fork(ME, session, ForkInput(name="other"))
        assert (fork.name, fork.tags, fork.state) == ("other", ["a"], "live")
        assert fork.id != session
        for context in rig.engine.contexts:
            assert context.storage == {"cart": "one"}
        next(iter(rig.engine.contexts)).store("cart", "two")
        assert {context.storage["cart"] for context in rig.engine.contexts} == {"one", "two"}
        assert await url_of(rig, fork.id) == URL
        with pytest.raises(SessionNotFound):
            await rig.pool.fork(OTHER, session, ForkInput())


async def test_a_session_can_be_set_back_to_an_older_checkpoint_and_forked_from_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).store("n", "1")
        first = await rig.pool.checkpoint(ME, session)
        context_of(rig).store("n", "2")
        await rig.pool.checkpoint(ME, session)
        fork = await rig.pool.fork(ME, session, ForkInput(checkpoint=first.id))
        assert sorted(one.storage["n"] for one in rig.engine.contexts) == ["1", "2"]
        await rig.pool.end(ME, fork.id)
        await rig.settle()
        listed = (await rig.pool.checkpoints(ME, session)).items
        assert [one.cause for one in listed] == ["demand", "demand"]
        seen = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert (await rig.pool.rewind(ME, session, first.id)).state == "live"
        again = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        refs = [{one.ref for one in each.elements} for each in (seen, again)]
        assert refs[0].isdisjoint(refs[1]), "a ref was given out twice"
        [context] = rig.engine.contexts
        assert context.storage == {"n": "1"}


async def test_a_session_becomes_what_a_document_says(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        first, second = await opened(rig), await opened(rig)
        for context in rig.engine.contexts:
            context.store("who", "somebody")
        document = await rig.pool.state(ME, first)
        document.origins[0].localStorage[0].value = "nobody"
        await rig.pool.put_state(ME, second, document)
        assert sorted(one.storage["who"] for one in rig.engine.contexts) == ["nobody", "somebody"]
        await rig.pool.hibernate(ME, second)
        asleep = await rig.pool.state(ME, second)
        assert asleep.origins[0].localStorage[0].value == "nobody"
        assert await state_of(rig, second) == "hibernated"


async def test_hibernated_sessions_are_listed_and_counted(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        live, asleep = await opened(rig), await opened(rig)
        await rig.pool.hibernate(ME, asleep)
        found = await rig.pool.list(ME, SessionQuery(state="hibernated"))
        assert [one.id for one in found.items] == [asleep]
        everything = await rig.pool.list(ME, SessionQuery())
        assert {one.id for one in everything.items} == {live, asleep}
        health = await rig.pool.health(ME)
        assert (health.live, health.hibernated) == (1, 1)


async def test_downloads_and_their_list_outlive_hibernation(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.open(session, url="http://test/files/amounts.csv")
        before = await rig.pool.call(ME, "downloads", DownloadsInput(), session=session)
        await rig.pool.hibernate(ME, session)
        after = await rig.pool.call(ME, "downloads", DownloadsInput(), session=session)
        assert before.model_dump(mode="json") == after.model_dump(mode="json")


async def test_a_cancelled_hibernation_is_done_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.capturing = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.pool.hibernate, ME, session)
            await rig.settle()
            tasks.cancel_scope.cancel()
        rig.engine.capturing.set()
        await rig.settle()
        assert await state_of(rig, session) == "hibernated"


async def test_a_call_on_a_hibernated_session_of_another_owner_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        with pytest.raises(SessionNotFound):
            await rig.pool.call(OTHER, "execute", ExecuteInput(code="1+1"), session=session)
        assert await state_of(rig, session) == "hibernated"
        done = await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
        assert done.value == 2


async def test_a_fork_waits_for_the_call_under_way_and_of_an_ended_session_there_is_none(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        rig.engine.acting = anyio.Event()
        forks: list[str] = []

        async def fork() -> None:
            forks.append((await rig.pool.fork(ME, session, ForkInput())).id)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(url_of, rig, session)
            await rig.settle()
            tasks.start_soon(fork)
            await rig.settle()
            assert forks == []
            rig.engine.acting.set()
        assert await url_of(rig, forks[0]) == URL
        rig.engine.closing = anyio.Event()
        await rig.pool.end(ME, session)  # and is ending until its context is closed
        for _ in range(2):
            with pytest.raises(SessionEnded):
                await fork()
            rig.engine.closing.set()
            await rig.settle()


async def test_a_damaged_checkpoint_is_told_and_the_one_before_it_taken(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        context_of(rig).store("n", "1")
        await rig.pool.checkpoint(ME, session)
        context_of(rig).store("n", "2")
        newest = await rig.pool.checkpoint(ME, session)
        await rig.pool.hibernate(ME, session)
        rig.checkpoints.damage(session, newest.id)
        await rig.pool.resume(ME, session)
        [context] = rig.engine.contexts
        assert context.storage == {"n": "1"}
        [lost] = rig.published.last("session.resumed")["lost"]
        assert lost["what"] == "checkpoint"


async def test_a_lost_key_keeps_sessions_asleep_and_harms_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, **auto()) as rig:
        session = await opened(rig)
        await rig.pool.hibernate(ME, session)
        rig.checkpoints.locked = True
        with pytest.raises(StateLocked):
            await url_of(rig, session)
        assert await state_of(rig, session) == "hibernated"
        rig.checkpoints.locked = False
        assert await url_of(rig, session) == URL
