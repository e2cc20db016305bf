"""Operations: who follows them, who goes away, what is kept of them and for how long."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import (
    ControlTaken,
    IdempotencyConflict,
    InvalidRequest,
    OperationNotFound,
    PoolFull,
    SessionEnded,
    SessionNotFound,
    TooMany,
)
from agent_browser.hub import Hub
from agent_browser.models.base import Input
from agent_browser.models.control import ControlInput
from agent_browser.models.running import OperationStatus, RunLine, RunSummary, StepResult
from agent_browser.models.sessions import Kept
from agent_browser.running import register
from agent_browser.running.register import BRIEF, NOT_WRITTEN, STEPS
from tests.fakes.papers import FakePapers
from tests.running.rig import ANN, BOB, SESSION, Rig, opened, quiesce, run, running

pytestmark = pytest.mark.anyio


class Held:
    """Holds each call until it is let go, as a slow page does: even if its caller goes away."""

    def __init__(self, rig: Rig, only: str | None = None) -> None:
        self.begun = anyio.Event()
        self.go = anyio.Event()
        self._only = only
        rig.service.before = self._wait

    async def _wait(self, function: str, input: Input) -> None:
        if self._only in (None, function):
            self.begun.set()
            with anyio.CancelScope(shield=True):
                await self.go.wait()


async def status(rig: Rig, operation_id: str) -> tuple[OperationStatus, str | None]:
    operation = await rig.operations.get(ANN, operation_id)
    return operation.status, operation.reason


async def listed(rig: Rig, **filters: Any) -> list[str]:
    wanted = {"status": None, "session_id": None, "limit": 50, "cursor": None, **filters}
    page = await rig.operations.list(ANN, **wanted)
    return [brief.id for brief in page.items]


async def test_a_run_goes_on_without_anybody_there(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), "snapshot"]})
    await held.begun.wait()
    assert await status(rig, operation_id) == ("running", None)
    await rig.pass_time(3600)
    assert await status(rig, operation_id) == ("running", None)
    held.go.set()
    await quiesce()
    operation = await rig.operations.get(ANN, operation_id)
    assert (operation.status, operation.done, len(operation.steps)) == ("succeeded", 2, 2)


async def test_a_reader_that_went_away_goes_on_where_it_was(rig: Rig) -> None:
    held = Held(rig, "snapshot")
    operation_id = await rig.begin({"steps": [opened(), "snapshot", "snapshot"]})
    async with rig.operations.followed(ANN, operation_id) as lines:
        assert (await anext(lines))[0] == 1
    held.go.set()
    async with rig.operations.followed(ANN, operation_id, after=1) as lines:
        rest = [line async for line in lines]
    assert [(number, line.type) for number, line in rest] == [
        (2, "step"), (3, "step"), (4, "summary"),
    ]  # fmt: skip
    async with rig.operations.followed(ANN, operation_id, after=2) as lines:
        assert [number async for number, _ in lines] == [3, 4]
    async with rig.operations.followed(ANN, operation_id, after=99) as lines:
        assert [number async for number, _ in lines] == [4]


async def test_two_readers_get_the_same(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), "snapshot"]})
    found: list[list[RunLine]] = []

    async def read() -> None:
        async with rig.operations.followed(ANN, operation_id) as lines:
            found.append([line async for _, line in lines])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(read)
        await quiesce()
        held.go.set()
    assert found[0] == found[1]
    assert len(found[0]) == 3


@pytest.mark.parametrize("followed_first", [True, False])
async def test_without_its_client_it_is_aborted_after_the_grace(
    rig: Rig, followed_first: bool
) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), "snapshot"], "on_disconnect": "abort"})
    await held.begun.wait()
    if followed_first:
        async with rig.operations.followed(ANN, operation_id):
            await rig.pass_time(100)
    await rig.pass_time(29.9)
    assert await status(rig, operation_id) == ("running", None)
    await rig.pass_time(29.9)
    assert await status(rig, operation_id) == ("running", None), "to ask for it is to be there"
    await rig.pass_time(30)
    held.go.set()
    await quiesce()
    operation = await rig.operations.get(ANN, operation_id)
    assert (operation.status, operation.reason) == ("aborted", "client_gone")
    assert operation.done == 1, "the action under way was done to its end, and is told"
    assert [name for name, _ in rig.service.calls] == ["open"]
    assert not rig.service.ended, "the session was there before"


async def test_a_client_that_comes_back_in_time_twice_keeps_it(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened()], "on_disconnect": "abort"})
    for _ in range(2):
        await rig.pass_time(29)
        async with rig.operations.followed(ANN, operation_id):
            await rig.pass_time(29)
    held.go.set()
    await quiesce()
    assert await status(rig, operation_id) == ("succeeded", None)


async def test_of_two_readers_one_is_enough(rig: Rig) -> None:
    Held(rig).go.set()
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened()], "on_disconnect": "abort"})
    async with rig.operations.followed(ANN, operation_id):
        async with rig.operations.followed(ANN, operation_id):
            pass
        await rig.pass_time(31)
        assert (await rig.operations.get(ANN, operation_id)).status == "running"
    held.go.set()


async def test_a_session_made_for_a_client_that_is_gone_ends_with_its_run(rig: Rig) -> None:
    held = Held(rig, "open")
    body = {"steps": [opened(), "snapshot"], "on_disconnect": "abort"}
    operation_id = await rig.begin(body, ANN, "new")
    await held.begun.wait()
    await rig.pass_time(31)
    held.go.set()
    await quiesce()
    assert await status(rig, operation_id) == ("aborted", "client_gone")
    operation = await rig.operations.get(ANN, operation_id)
    assert rig.service.ended == [operation.session_id]


async def test_a_caller_that_goes_away_while_its_session_is_made_leaves_a_run_to_find(
    rig: Rig,
) -> None:
    held = Held(rig, "create")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.lines, {"steps": [opened()], "on_disconnect": "abort"}, ANN, "new")
        await held.begun.wait()
        await rig.pass_time(600)
        (operation_id,) = await listed(rig)
        assert (await rig.operations.get(ANN, operation_id)).status == "running"
        group.cancel_scope.cancel()
    await rig.pass_time(31)
    held.go.set()
    await quiesce()
    assert await status(rig, operation_id) == ("aborted", "client_gone")
    assert rig.service.calls == []
    assert len(rig.service.ended) == 1


async def test_cancelled_it_begins_no_further_step(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), "snapshot"]})
    await held.begun.wait()
    ended = []

    async def cancel() -> None:
        ended.append(await rig.operations.cancel(ANN, operation_id))

    async with anyio.create_task_group() as group:
        group.start_soon(cancel)
        group.start_soon(cancel)
        await quiesce()
        assert ended == []
        held.go.set()
    assert [(one.status, one.reason, one.done) for one in ended] == [
        ("aborted", "cancelled", 1)
    ] * 2
    again = await rig.operations.cancel(ANN, operation_id)
    assert (again.reason, again.ended_at) == ("cancelled", ended[0].ended_at)


async def test_one_that_waits_is_cancelled_at_once(rig: Rig) -> None:
    async def wait(function: str, input: Input) -> None:
        await anyio.sleep_forever()

    rig.service.before = wait
    operation_id = await rig.begin({"steps": [opened()]})
    await quiesce()
    operation = await rig.operations.cancel(ANN, operation_id)
    assert (operation.status, operation.done) == ("aborted", 0)


async def test_another_owner_s_is_not_found(rig: Rig) -> None:
    operation_id = await rig.begin({"steps": [opened()]})
    await quiesce()
    for known in (operation_id, "op_nonsense"):
        who = BOB if known == operation_id else ANN
        for call in (rig.operations.get, rig.operations.cancel, rig.operations.forget):
            with pytest.raises(OperationNotFound):
                await call(who, known)
        with pytest.raises(OperationNotFound):
            async with rig.operations.followed(who, known):
                pass
    page = await rig.operations.list(BOB, status=None, session_id=None, limit=5, cursor=None)
    assert page.items == []


async def test_what_makes_it_senseless_is_told_before_anything_is_begun(rig: Rig) -> None:
    with pytest.raises(SessionNotFound):
        await rig.begin({"steps": [opened()]}, BOB)
    await rig.service.take_control(ANN, SESSION, ControlInput(client="somebody"))
    with pytest.raises(ControlTaken):
        await rig.begin({"steps": ["snapshot", opened()]})
    assert await rig.begin({"steps": ["snapshot"]})
    await rig.service.end(ANN, SESSION)
    with pytest.raises(SessionEnded):
        await rig.begin({"steps": [opened()]})


async def test_control_taken_in_the_middle_fails_the_next_step(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), opened()]})
    await held.begun.wait()
    await rig.service.take_control(ANN, SESSION, ControlInput(client="somebody"))
    held.go.set()
    await quiesce()
    operation = await rig.operations.get(ANN, operation_id)
    assert operation.error is not None
    assert (operation.status, operation.done, operation.error.code) == (
        "failed", 2, "control_taken",
    )  # fmt: skip


async def test_runs_at_a_time_are_bounded(tmp_path: Path) -> None:
    async with running(tmp_path, max_runs=2) as rig:
        held = Held(rig)
        for _ in range(2):
            await rig.begin({"steps": [opened()]})
        with pytest.raises(TooMany):
            await rig.begin({"steps": [opened()]})
        held.go.set()
        await quiesce()
        await rig.begin({"steps": [opened()]})


async def test_a_server_that_stops_begins_no_further_step(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), opened()]})
    await held.begun.wait()
    rig.operations.drain()
    with pytest.raises(PoolFull, match="draining"):
        await rig.begin({"steps": [opened()]})
    held.go.set()
    await quiesce()
    operation = await rig.operations.get(ANN, operation_id)
    assert (operation.status, operation.reason, operation.done) == ("aborted", "shutdown", 1)


async def test_a_step_that_fails_for_the_server_s_end_is_no_failure_of_the_run(rig: Rig) -> None:
    async def end(function: str, input: Input) -> None:
        rig.operations.drain()
        raise SessionEnded(SESSION, rig.clock.now(), "shutdown")

    rig.service.before = end
    operation_id = await rig.begin({"steps": [opened()]})
    await quiesce()
    assert await status(rig, operation_id) == ("aborted", "shutdown")


async def test_what_runs_at_the_end_of_the_server_is_told_so(tmp_path: Path) -> None:
    papers = FakePapers()
    async with running(tmp_path, papers) as rig:

        async def wait(function: str, input: Input) -> None:
            await anyio.sleep_forever()

        rig.service.before = wait
        operation_id = await rig.begin({"steps": [opened()]})
        await quiesce()
    async with running(tmp_path, papers) as rig:
        assert await status(rig, operation_id) == ("aborted", "shutdown")


async def test_one_that_was_lost_with_its_server_is_told_so_with_its_steps(tmp_path: Path) -> None:
    papers = FakePapers()
    async with running(tmp_path, papers) as rig:
        held = Held(rig, "snapshot")
        operation_id = await rig.begin({"steps": [opened(), "snapshot"]})
        await held.begun.wait()
        await rig.pass_time(1)
        left = FakePapers()
        left.kept = dict(papers.kept)  # as a killed server leaves them
        held.go.set()
    async with running(tmp_path, left) as rig:
        operation = await rig.operations.get(ANN, operation_id)
        assert (operation.status, operation.reason) == ("aborted", "server_lost")
        assert operation.ended_at is not None
        assert [step.function for step in operation.steps] == ["open"]
        async with rig.operations.followed(ANN, operation_id, after=1) as lines:
            assert [line.type async for _, line in lines] == ["summary"]
    assert BRIEF in left.puts


async def test_an_ended_one_survives_a_restart_until_its_retention(tmp_path: Path) -> None:
    papers = FakePapers()
    async with running(tmp_path, papers) as rig:
        lines = await rig.lines({"steps": [opened(), "snapshot"]})
        await rig.pass_time(80_000)
    assert isinstance(lines[0], StepResult)
    operation_id = lines[0].operation_id
    async with running(tmp_path, papers) as rig:
        rig.clock.advance(80_000)
        operation = await rig.operations.get(ANN, operation_id)
        assert operation.steps == lines[:2]
        await rig.pass_time(10_000)
        with pytest.raises(OperationNotFound):
            await rig.operations.get(ANN, operation_id)
    assert papers.kept == {}


async def test_a_restart_does_not_make_it_live_longer(tmp_path: Path) -> None:
    papers = FakePapers()
    async with running(tmp_path, papers, operation_retention=100) as rig:
        await rig.lines({"steps": ["snapshot"]})
        (brief,) = await papers.all(BRIEF)
        brief["brief"]["ended_at"] = "2026-10-31T00:00:00Z"
        papers.put(BRIEF, brief["brief"]["id"], "ann", brief)
    async with running(tmp_path, papers, operation_retention=100) as rig:
        await quiesce()
        assert await listed(rig) == []


async def test_the_oldest_go_where_there_are_too_many(tmp_path: Path) -> None:
    async with running(tmp_path, max_operations=2) as rig:
        held = Held(rig, "open")
        first = await rig.begin({"steps": [opened()]})
        begun = []
        for _ in range(4):
            rig.clock.advance(1)
            begun.append(await rig.begin({"steps": ["snapshot"]}))
            await quiesce()
        assert await listed(rig) == [begun[3], begun[2], first], "one that runs stays"
        held.go.set()


async def test_the_list_is_newest_first_in_pages_and_filtered(rig: Rig) -> None:
    begun = []
    for _ in range(5):
        rig.clock.advance(1)
        begun.append(await rig.begin({"steps": ["snapshot"]}))
    rig.clock.advance(1)
    other = await rig.begin({"steps": ["snapshot"]}, ANN, "new")
    rig.service.before = None
    await quiesce()
    assert await listed(rig, session_id=SESSION) == begun[::-1]
    assert await listed(rig, status="failed") == []
    found, cursor = [], None
    while True:
        page = await rig.operations.list(
            ANN, status="succeeded", session_id=None, limit=2, cursor=cursor
        )
        found += [brief.id for brief in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [other, *begun[::-1]]


@pytest.mark.parametrize("cursor", ["", "!", "eA==", "MjAyNi0xMS0wMVQwMDowMDowMCBvcF8x"])
async def test_a_made_up_cursor_is_refused(rig: Rig, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await listed(rig, cursor=cursor)


async def test_forgotten_nothing_of_it_is_kept(rig: Rig) -> None:
    held = Held(rig)
    operation_id = await rig.begin({"steps": [opened(), opened()]})
    other = await rig.begin({"steps": ["snapshot"]}, ANN, "new")
    held.go.set()
    await quiesce()
    await rig.operations.forget_session(ANN, SESSION)
    assert {key for _, key in rig.papers.kept} == {other}
    with pytest.raises(OperationNotFound):
        await rig.operations.get(ANN, operation_id)


async def test_it_goes_with_its_session_when_that_is_forgotten(tmp_path: Path) -> None:
    hub = Hub()
    async with running(tmp_path, hub=hub) as rig:
        done = await rig.begin({"steps": [opened()]})
        await quiesce()
        held = Held(rig)
        under_way = await rig.begin({"steps": [opened()]})
        await held.begun.wait()
        rig.service.before = None
        rig.service.add("ann", "ses_other")
        other = await rig.begin({"steps": [opened()]}, session="ses_other")
        hub.publish("session.expired", SESSION, "ann", {})
        await quiesce()
        with pytest.raises(OperationNotFound):
            await rig.operations.get(ANN, done)
        assert (await rig.operations.get(ANN, under_way)).status == "running"
        held.go.set()
        await quiesce()
        page = await rig.operations.list(ANN, status=None, session_id=None, limit=5, cursor=None)
        assert [brief.id for brief in page.items] == [other]
        assert {key for _, key in rig.papers.kept} == {other}


async def test_of_more_forgotten_sessions_than_it_is_told_of_nothing_is_left(
    tmp_path: Path,
) -> None:
    hub = Hub(queue=1)
    async with running(tmp_path, hub=hub) as rig:
        operation_id = await rig.begin({"steps": [opened()]})
        await quiesce()
        rig.papers.kept.clear()  # as the database does with what is a session's
        for session_id in (SESSION, "ses_other"):
            hub.publish("session.expired", session_id, "ann", {})
        await quiesce()
        with pytest.raises(OperationNotFound):
            await rig.operations.get(ANN, operation_id)


async def test_the_same_request_under_the_same_key_is_done_once(rig: Rig) -> None:
    body = run({"steps": [opened()]})
    first, known = await rig.operations.start(ANN, SESSION, body, key="once", follow=True)
    again, known_again = await rig.operations.start(ANN, SESSION, body, key="once", follow=True)
    assert (again.id, known, known_again) == (first.id, False, True)
    await quiesce()
    assert len(rig.service.calls) == 1
    with pytest.raises(IdempotencyConflict):
        await rig.operations.start(ANN, SESSION, run({"steps": ["snapshot"]}), key="once")
    rig.service.add("bob", "ses_bob")
    other, _ = await rig.operations.start(BOB, "ses_bob", body, key="once")
    assert other.id != first.id
    await rig.operations.forget(ANN, first.id)
    anew, _ = await rig.operations.start(ANN, SESSION, body, key="once")
    assert anew.id != first.id


async def test_two_at_once_under_one_key_are_one(rig: Rig) -> None:
    found = set()

    async def begin() -> None:
        brief, _ = await rig.operations.start(ANN, "new", run({"steps": [opened()]}), key="once")
        found.add(brief.id)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(begin)
    await quiesce()
    assert len(found) == 1
    assert len(rig.service.calls) == 1


async def test_a_key_whose_run_got_no_session_is_free_again(rig: Rig) -> None:
    body = run({"steps": [opened()]})
    rig.service.refuse = PoolFull("sessions", retry_after=1)
    with pytest.raises(PoolFull):
        await rig.operations.start(ANN, "new", body, key="once", follow=True)
    rig.service.refuse = None
    _, known = await rig.operations.start(ANN, "new", body, key="once", follow=True)
    assert not known


async def test_it_is_told_to_who_follows_the_session(rig: Rig) -> None:
    await rig.lines({"steps": [{**opened(), "name": "home"}, "close", "snapshot"]})
    assert rig.heard.kinds(SESSION) == [
        "operation.started", *["operation.step"] * 3, "operation.ended",
    ]  # fmt: skip
    started, first, _, last, ended = (data for _, _, data in rig.heard.told)
    assert started["total"] == 3
    assert first == {
        "operation_id": started["operation_id"], "index": 0, "name": "home", "function": "open",
        "ok": True, "code": None,
    }  # fmt: skip
    assert (last["ok"], last["code"]) == (False, "session_ended")
    assert (ended["status"], ended["reason"], ended["failed"]) == ("failed", "step_failed", 1)


async def test_what_follows_a_step_soon_is_written_with_it(rig: Rig) -> None:
    held = Held(rig, "execute")
    waiting = {"function": "execute", "input": {"code": "1"}}
    await rig.begin({"steps": ["snapshot", "snapshot", "snapshot", waiting]})
    await held.begun.wait()
    assert STEPS not in rig.papers.puts
    await rig.pass_time(1)
    assert rig.papers.puts[STEPS] == 1
    held.go.set()
    await quiesce()
    assert rig.papers.puts[STEPS] == 2


@pytest.mark.parametrize("session", [SESSION, "new"])
async def test_of_a_private_session_nothing_that_was_said_is_written(
    rig: Rig, session: str
) -> None:
    rig.service.keeps = Kept(log_bodies=True, log_thumbnails=False, page_text=False)
    rig.service.sessions[SESSION].keeps = rig.service.keeps
    secret = {"function": "execute", "input": {"code": "'the secret'"}}
    thrown = {"function": "execute", "input": {"code": "throw"}}
    *_, summary = await rig.lines({"steps": [secret, thrown]}, ANN, session)
    written = json.dumps(list(rig.papers.kept.values()))
    assert "secret" not in written
    assert "Error: no" not in written
    assert "script_error" in written
    assert isinstance(summary, RunSummary)
    operation = await rig.operations.get(ANN, summary.id)
    assert operation.steps[0].output is not None
    assert operation.steps[0].output["value"] == "'the secret'"
    assert operation.error is not None
    assert operation.error.detail == "Error: no"


async def test_what_is_in_memory_alone_has_a_bound(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MOST_IN_MEMORY", 1_000)
    kept = Kept(log_bodies=False, log_thumbnails=False, page_text=False)
    rig.service.sessions[SESSION].keeps = kept
    step = {"function": "execute", "input": {"code": "x" * 600}}
    first, second = [await rig.begin({"steps": [step]}) for _ in range(2)]
    await quiesce()
    for operation_id, note in [(first, NOT_WRITTEN), (second, None)]:
        assert (await rig.operations.get(ANN, operation_id)).steps[0].note == note
