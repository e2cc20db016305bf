"""Sessions in the pool: made, used, ended, remembered and forgotten."""

from collections.abc import Awaitable
from pathlib import Path

import anyio
import pytest

from agent_browser.errors import (
    InternalError,
    InvalidRequest,
    InvalidTimeout,
    NavigationFailed,
    NotOpened,
    OptionNeedsNewSession,
    SessionEnded,
    SessionExpired,
    SessionNotFound,
    StorageFull,
)
from agent_browser.ids import is_session_id, new_session_id
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    ScreenshotInput,
    ScreenshotOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.sessions import SessionCreate, SessionQuery, TimeoutsInput
from agent_browser.service import LOCAL
from tests.pool.rig import OTHER, URL, running

pytestmark = pytest.mark.anyio


async def test_a_new_session_is_opened_and_used_by_its_id(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        opened = await rig.open()
        assert is_session_id(opened.session_id)
        assert (opened.title, opened.status, opened.total) == ("Form", 200, 6)
        looked = await rig.call("snapshot", SnapshotInput(), opened.session_id, SnapshotOutput)
        assert looked.session_id == opened.session_id
        assert looked.elements_text == opened.elements_text
        ran = await rig.call("execute", ExecuteInput(code="1+1"), opened.session_id, ExecuteOutput)
        assert ran.value == 2


async def test_run_is_another_name_of_open(tmp_path: Path) -> None:
    from agent_browser.models.functions import OpenInput, OpenOutput

    async with running(tmp_path) as rig:
        assert (await rig.call("run", OpenInput(url=URL), "new", OpenOutput)).title == "Form"
        assert ("called", "open", "", "ok") in rig.noted.told


async def test_a_call_without_a_session_has_one_of_its_own_and_leaves_none(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        opened = await rig.open(None)
        assert is_session_id(opened.session_id)
        await rig.settle()
        assert rig.engine.contexts == set()
        ended = await rig.pool.get(LOCAL, opened.session_id)
        assert (ended.state, ended.end_reason) == ("ended", "one_call")


async def test_a_first_call_that_fails_leaves_no_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(NavigationFailed, match="Failed to open URL"):
            await rig.open(url="http://nowhere/unknown")
        with pytest.raises(NotOpened):
            await rig.call("snapshot", SnapshotInput(), None, SnapshotOutput)
        await rig.settle()
        assert rig.engine.contexts == set()
        assert ("ended", "failed_to_open") in rig.noted.told


async def test_a_later_failure_keeps_the_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        with pytest.raises(NavigationFailed):
            await rig.open(session, url="http://nowhere/unknown")
        assert (await rig.pool.get(LOCAL, session)).state == "live"


@pytest.mark.parametrize("session", ["ses_", "", "NEW", "../../etc", "x" * 200])
async def test_an_unknown_session_is_not_found_and_never_made(tmp_path: Path, session: str) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(SessionNotFound, match="session not found"):
            await rig.open(session)
        with pytest.raises(SessionNotFound):
            await rig.call("close", CloseInput(), new_session_id(), CloseOutput)
        assert rig.engine.contexts == set()


async def test_another_owners_session_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        for attempt in (
            rig.pool.get(OTHER, session),
            rig.pool.end(OTHER, session, purge=True),
            rig.pool.call(OTHER, "snapshot", SnapshotInput(), session=session),
            rig.pool.call(OTHER, "close", CloseInput(), session=session),
            rig.pool.capture(OTHER, session, ScreenshotInput()),
        ):
            with pytest.raises(SessionNotFound):
                await attempt
        assert (await rig.pool.list(OTHER, SessionQuery())).items == []
        assert (await rig.pool.get(LOCAL, session)).state == "live"


async def test_closing_twice_is_a_success(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        for _ in range(2):
            closed = await rig.call("close", CloseInput(), session, CloseOutput)
            assert closed.success
            assert (closed.session_id, closed.video, closed.videos) == (session, None, [])
        with pytest.raises(SessionEnded, match="session not found") as caught:
            await rig.open(session)
        assert caught.value.fields["end_reason"] == "closed"
        assert caught.value.fields["ended_at"].endswith("Z")


async def test_closing_without_a_session_closes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        assert (await rig.call("close", CloseInput(), None, CloseOutput)).success
        assert rig.noted.told[-1] == ("called", "close", "", "ok")
        assert rig.pool.statistics().ended == 0


async def test_close_returns_the_video_each_time(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(record_video=True)).session_id
        assert (await rig.pool.get(LOCAL, session)).recording
        first = await rig.call("close", CloseInput(), session, CloseOutput)
        second = await rig.call("close", CloseInput(), session, CloseOutput)
        assert first.video is not None
        assert first == second
        assert [first.video.id] == [kept.id for kept in rig.keeping.recordings_of[session]]


async def test_a_session_that_lapses_keeps_its_video(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=60) as rig:
        session = (await rig.open(record_video=True)).session_id
        await rig.pass_time(61)
        assert len(rig.keeping.recordings_of[session]) == 1


async def test_an_answer_to_close_does_not_wait_for_the_context(tmp_path: Path) -> None:
    async with running(tmp_path, max_sessions=1) as rig:
        session = (await rig.open()).session_id
        rig.engine.closing = anyio.Event()
        await rig.call("close", CloseInput(), session, CloseOutput)
        assert len(rig.engine.contexts) == 1
        assert (await rig.pool.health(LOCAL)).pressure == "sessions"
        rig.engine.closing.set()
        await rig.settle()
        assert (await rig.pool.health(LOCAL)).pressure == "none"


async def test_options_of_a_second_open_are_applied_without_losing_state(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(width=800, height=600)).session_id
        (context,) = rig.engine.contexts
        assert context.applied == []
        await rig.open(session, width=400)
        assert [options.width for options in context.applied] == [400]
        await rig.open(session)
        assert len(context.applied) == 1
        assert rig.engine.contexts == {context}


async def test_an_option_that_needs_a_new_context_is_a_conflict(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(locale="de-CH")).session_id
        await rig.open(session, locale="de-CH", record_video=False)
        with pytest.raises(OptionNeedsNewSession) as caught:
            await rig.open(session, locale="fr", device="iPhone 15", user_agent="x")
        assert caught.value.fields["options"] == ["device", "locale"]


async def test_screenshots_are_kept_as_artifacts(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        opened = await rig.open(screenshot=True)
        looked = await rig.call(
            "snapshot", SnapshotInput(screenshot=True), opened.session_id, SnapshotOutput
        )
        acted = await rig.call(
            "interact",
            InteractInput(action="click", ref="@e5", screenshot=True),
            opened.session_id,
            InteractOutput,
        )
        taken = await rig.call("screenshot", ScreenshotInput(), opened.session_id, ScreenshotOutput)
        pictures = [opened.screenshot, looked.screenshot, acted.screenshot, taken.screenshot]
        assert [picture.id for picture in pictures if picture] == list(rig.keeping.artifacts)
        assert acted.snapshot is not None
        assert acted.snapshot.screenshot is None
        assert (taken.width, taken.height) == (1280, 720)
        assert taken.screenshot.filename == "screenshot.png"


async def test_a_captured_picture_is_kept_nowhere(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        image = await rig.pool.capture(LOCAL, session, ScreenshotInput())
        assert image.data.startswith(b"\x89PNG")
        assert rig.keeping.artifacts == {}
        assert ("called", "screenshot", "", "ok") in rig.noted.told


async def test_a_full_disk_is_said_and_the_session_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        rig.keeping.full = True
        with pytest.raises(StorageFull):
            await rig.call("screenshot", ScreenshotInput(), session, ScreenshotOutput)
        assert (await rig.open(session)).status == 200


@pytest.mark.parametrize(
    ("function", "input", "field"),
    [
        ("snapshot", SnapshotInput(root="css=#none"), "root"),
        ("screenshot", ScreenshotInput(ref="@e99"), "ref"),
        ("screenshot", ScreenshotInput(selector="css=#none"), "selector"),
    ],
)
async def test_a_target_that_is_not_there_is_an_invalid_request(
    tmp_path: Path, function: str, input: SnapshotInput | ScreenshotInput, field: str
) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        with pytest.raises(InvalidRequest, match="no element matches") as caught:
            await rig.pool.call(LOCAL, function, input, session=session)
        assert caught.value.fields["errors"][0]["field"] == field


async def test_an_action_that_fails_is_an_answer_and_keeps_a_new_session(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        acted = await rig.call(
            "interact", InteractInput(action="click", ref="@e99"), session, InteractOutput
        )
        assert not acted.success
        assert acted.message == "Unknown ref: @e99. Run 'snapshot' to get current elements."
        assert ("called", "interact", "click", "failed") in rig.noted.told


async def test_a_function_with_anothers_input_is_an_invalid_request(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for function in ("snapshot", "eval"):
            with pytest.raises(InvalidRequest):
                await rig.pool.call(LOCAL, function, CloseInput(), session=None)


async def test_a_fault_of_the_program_tells_nothing_of_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.engine.context_fails = ZeroDivisionError("secret")
        with pytest.raises(InternalError) as caught:
            await rig.open()
        assert "secret" not in caught.value.detail
        rig.engine.context_fails = None
        await rig.open()


async def test_an_idle_session_ends_and_its_context_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=60) as rig:
        session = (await rig.open()).session_id
        await rig.pass_time(40)
        await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
        await rig.pass_time(59)
        assert len(rig.engine.contexts) == 1
        await rig.pass_time(2)
        assert rig.engine.contexts == set()
        with pytest.raises(SessionEnded) as caught:
            await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
        assert caught.value.fields["end_reason"] == "idle"


async def test_a_call_under_way_is_activity(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=60) as rig, anyio.create_task_group() as tasks:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        tasks.start_soon(rig.open, session)
        await rig.settle()
        await rig.pass_time(600)
        assert (await rig.pool.get(LOCAL, session)).state == "live"
        rig.engine.acting.set()
        await rig.settle()
        await rig.pass_time(61)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


async def test_no_use_goes_past_the_longest_life(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=60, max_duration=150) as rig:
        session = (await rig.open()).session_id
        for _ in range(3):
            await rig.pass_time(45)
            await rig.open(session)
        live = await rig.pool.get(LOCAL, session)
        assert live.expires_at is not None
        assert (live.expires_at - live.created_at).total_seconds() == 150
        await rig.pass_time(16)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "max_duration"


async def test_a_call_that_outlives_its_session_is_told_so(tmp_path: Path) -> None:
    async with running(tmp_path, max_duration=100) as rig:
        session = (await rig.open()).session_id
        rig.engine.acting = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect, rig.open(session), SessionEnded)
            tasks.start_soon(_expect, rig.open(session), SessionEnded)
            await rig.settle()
            await rig.pass_time(101)
        assert rig.engine.contexts == set()


async def test_a_timeout_given_with_a_call_is_the_sessions_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path, idle_timeout=600) as rig:
        session = (await rig.open()).session_id
        await rig.pool.call(LOCAL, "snapshot", SnapshotInput(), session=session, session_timeout=10)
        assert (await rig.pool.get(LOCAL, session)).timeouts.idle == 10
        await rig.pass_time(11)
        assert (await rig.pool.get(LOCAL, session)).end_reason == "idle"


@pytest.mark.parametrize("seconds", [0, 0.5, 90_000])
async def test_a_timeout_out_of_range_is_refused_and_names_the_range(
    tmp_path: Path, seconds: float
) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open()).session_id
        for named in ("new", None, session):
            with pytest.raises(InvalidTimeout, match="between 1 and 86400"):
                await rig.pool.call(
                    LOCAL, "close", CloseInput(), session=named, session_timeout=seconds
                )
        for timeouts in (TimeoutsInput(idle=seconds), TimeoutsInput(max_duration=seconds)):
            with pytest.raises(InvalidTimeout):
                await rig.pool.create(LOCAL, SessionCreate(timeouts=timeouts))
        with pytest.raises(InvalidTimeout):
            await rig.open(timeout=90_000)
        await rig.settle()
        assert rig.leased == 1


async def test_an_ended_session_is_remembered_until_its_retention(tmp_path: Path) -> None:
    async with running(tmp_path, retention=100) as rig:
        session = (await rig.open()).session_id
        await rig.call("close", CloseInput(), session, CloseOutput)
        await rig.pass_time(99)
        assert (await rig.pool.get(LOCAL, session)).state == "ended"
        await rig.pass_time(2)
        for attempt in (
            rig.pool.get(LOCAL, session),
            rig.pool.call(LOCAL, "close", CloseInput(), session=session),
            rig.pool.end(LOCAL, session),
        ):
            with pytest.raises(SessionExpired, match="session not found"):
                await attempt
        with pytest.raises(SessionNotFound):
            await rig.pool.get(OTHER, session)
        await rig.pool.end(LOCAL, session, purge=True)
        with pytest.raises(SessionNotFound):
            await rig.pool.get(LOCAL, session)


async def test_a_purged_session_was_never_there(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(record_video=True)).session_id
        await rig.pool.end(LOCAL, session, purge=True)
        assert session not in rig.keeping.recordings_of
        assert not rig.keeping.recording_folder(session).exists()
        with pytest.raises(SessionNotFound):
            await rig.pool.get(LOCAL, session)
        await rig.pass_time(90_000)


async def test_sessions_are_listed_by_activity_and_page_by_page(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        made = []
        for name in ("a", "b", "c", "d", "e"):
            made.append((await rig.pool.create(LOCAL, SessionCreate(name=name))).id)
            rig.clock.advance(1)
        await rig.open(made[0])
        await rig.pool.end(LOCAL, made[1])
        seen: list[str | None] = []
        cursor = None
        while True:
            page = await rig.pool.list(LOCAL, SessionQuery(limit=2, cursor=cursor))
            seen += [item.name for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == ["a", "e", "d", "c", "b"]
        live = await rig.pool.list(LOCAL, SessionQuery(state="live", limit=10))
        assert [item.name for item in live.items] == ["a", "e", "d", "c"]
        for bad in ("x", "bm90IGEgY3Vyc29y", "!!!!"):
            with pytest.raises(InvalidRequest, match="cursor"):
                await rig.pool.list(LOCAL, SessionQuery(limit=2, cursor=bad))


async def test_a_created_session_is_described_and_blank(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = await rig.pool.create(
            LOCAL,
            SessionCreate(
                name="n", tags=["t"], metadata={"k": "v"}, timeouts=TimeoutsInput(idle=400)
            ),
        )
        assert (session.state, session.phase, session.url) == ("live", "active", "")
        assert (session.name, session.tags, session.metadata) == ("n", ["t"], {"k": "v"})
        with pytest.raises(NotOpened):
            await rig.call("snapshot", SnapshotInput(), session.id, SnapshotOutput)
        await rig.pass_time(210)
        later = await rig.pool.get(LOCAL, session.id)
        assert later.phase == "near_expiration"


async def _expect(work: Awaitable[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await work
