"""What a run does: its steps, what they fail with, where it stops."""

import pytest
from pydantic import ValidationError

from agent_browser.errors import PoolFull
from agent_browser.models.base import Input
from agent_browser.models.functions import OpenInput
from agent_browser.models.running import MOST_STEPS, RunLine, RunSummary, StepResult
from tests.running.rig import ANN, SESSION, Rig, opened, quiesce, run

pytestmark = pytest.mark.anyio
FAILING = {"function": "interact", "input": {"action": "click", "ref": "@e99"}}


def split(lines: list[RunLine]) -> tuple[list[StepResult], RunSummary]:
    *steps, last = lines
    assert isinstance(last, RunSummary)
    return [step for step in steps if isinstance(step, StepResult)], last


async def test_steps_are_done_in_order_and_each_is_told(rig: Rig) -> None:
    body = {"steps": [opened(), {"function": "execute", "name": "sum", "input": {"code": "1"}}]}
    steps, summary = split(await rig.lines(body))
    assert [name for name, _ in rig.service.calls] == ["open", "execute"]
    assert [(step.index, step.name, step.function, step.ok) for step in steps] == [
        (0, None, "open", True), (1, "sum", "execute", True),
    ]  # fmt: skip
    assert steps[0].output is not None
    assert steps[0].output["title"] == "A page"
    assert "session_id" not in steps[0].output
    assert [step.url for step in steps] == ["http://a/", "http://a/"]
    assert (summary.status, summary.reason, summary.total, summary.done) == (
        "succeeded", None, 2, 2,
    )  # fmt: skip


async def test_run_is_open(rig: Rig) -> None:
    steps, _ = split(await rig.lines({"steps": [{"function": "run", "input": {"url": "x"}}]}))
    assert steps[0].ok
    assert steps[0].url == "x"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (FAILING, "unknown_ref"),
        ({"function": "execute", "input": {"code": "throw 1"}}, "script_error"),
        ("close", None),
    ],
)
async def test_a_step_that_fails_ends_the_run(rig: Rig, step: object, code: str | None) -> None:
    steps, summary = split(await rig.lines({"steps": [step, "snapshot"]}))
    if code is None:  # closing goes well; the next step finds no session
        assert steps[0].ok
        code = "session_ended"
    assert steps[-1].error is not None
    assert steps[-1].error.code == code
    assert (summary.status, summary.reason, summary.failed) == ("failed", "step_failed", 1)
    assert summary.error == steps[-1].error


async def test_a_run_goes_on_where_it_is_told_to(rig: Rig) -> None:
    _, summary = split(
        await rig.lines({"steps": [FAILING, FAILING, opened()], "continue_on_error": True})
    )
    assert (summary.status, summary.done, summary.failed) == ("succeeded", 3, 2)
    stubborn, strict = (FAILING | {"continue_on_error": value} for value in (True, False))
    _, summary = split(await rig.lines({"steps": [stubborn, opened()]}))
    assert (summary.status, summary.failed) == ("succeeded", 1)
    _, summary = split(await rig.lines({"steps": [strict, opened()], "continue_on_error": True}))
    assert (summary.status, summary.done) == ("failed", 1)


async def test_a_fault_of_the_program_is_one_step_s_error(rig: Rig) -> None:
    async def fail(function: str, input: Input) -> None:
        raise ZeroDivisionError

    rig.service.before = fail
    steps, summary = split(await rig.lines({"steps": ["snapshot"]}))
    assert steps[0].error is not None
    assert steps[0].error.code == "internal_error"
    assert "Zero" not in steps[0].model_dump_json()
    assert summary.status == "failed"


async def test_it_stops_at_an_address(rig: Rig) -> None:
    steps, summary = split(
        await rig.lines(
            {
                "steps": [opened("http://a/"), opened("http://a/login?x=1"), opened("http://b/")],
                "stop": {"url": "http://a/login*"},
            }
        )
    )
    assert len(steps) == 2
    assert (summary.status, summary.reason) == ("stopped", "url")


async def test_it_stops_at_a_text_however_it_is_written(rig: Rig) -> None:
    async def change(function: str, input: Input) -> None:
        if isinstance(input, OpenInput) and input.url == "http://c/":
            rig.service.text = "Your\n  ORDER   is\u00a0complete."

    rig.service.before = change
    steps, summary = split(
        await rig.lines(
            {
                "steps": [opened("http://a/"), opened("http://c/"), opened("http://d/")],
                "stop": {"text": "order is complete", "url": "http://never/"},
            }
        )
    )
    assert len(steps) == 2
    assert (summary.status, summary.reason) == ("stopped", "text")


async def test_a_page_that_can_t_be_read_does_not_stop_it(rig: Rig) -> None:
    steps, summary = split(await rig.lines({"steps": ["close"], "stop": {"text": "x"}}))
    assert len(steps) == 1
    assert summary.status == "succeeded"


async def test_a_new_session_is_made_with_the_options_of_the_first_open(rig: Rig) -> None:
    page = {"url": "http://a/", "user_agent": "me", "record_video": True, "timeout": 3}
    route = {"function": "route", "input": {"action": "clear"}}
    steps, summary = split(
        await rig.lines(
            {"steps": [route, {"function": "open", "input": page}, opened("http://b/")]}, ANN, "new"
        )
    )
    (created,) = rig.service.created
    assert created.model_dump(exclude_unset=True) == {"user_agent": "me", "record_video": True}
    _, first, second = (input for _, input in rig.service.calls)
    assert first.model_dump(exclude_unset=True) == {"url": "http://a/", "timeout": 3}
    assert isinstance(second, OpenInput)
    assert summary.session_id not in (None, SESSION)
    assert {step.session_id for step in steps} == {summary.session_id}
    assert not rig.service.ended, "it stays"


async def test_where_there_is_no_room_nothing_is_begun(rig: Rig) -> None:
    rig.service.refuse = PoolFull("sessions", retry_after=1)
    with pytest.raises(PoolFull):
        await rig.lines({"steps": [opened()]}, ANN, "new")
    operation_id = await rig.begin({"steps": [opened()]}, ANN, "new")
    await quiesce()
    operation = await rig.operations.get(ANN, operation_id)
    assert (operation.status, operation.reason) == ("failed", "no_session")
    assert operation.error is not None
    assert (operation.error.code, operation.error.retryable) == ("pool_full", True)
    assert operation.steps == []
    assert rig.service.calls == []


def faults(body: dict[str, object]) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        run(body)
    return {".".join(map(str, one["loc"])): one["msg"] for one in refused.value.errors()}


def test_all_faults_are_told_at_once_and_by_field() -> None:
    found = faults(
        {
            "steps": [
                {"function": "open", "input": {}},
                {"function": "fly"},
                {"function": "interact", "input": {"action": "click", "colour": 1}},
                {"function": "read", "input": 3},
                {"function": "snapshot", "input": None},
                {"function": "snapshot", "name": ""},
                {"function": "execute"},
                {"input": {}},
            ],
            "stop": {},
            "on_disconnect": "wait",
        }
    )
    assert set(found) == {
        "steps.0.input.url", "steps.1.function", "steps.2.input.colour", "steps.3.input",
        "steps.4.input", "steps.5.name", "steps.6.input.code", "steps.7.function", "stop",
        "on_disconnect",
    }  # fmt: skip
    assert "open, run" in found["steps.1.function"]


@pytest.mark.parametrize(
    "body",
    [
        {"steps": []},
        {"steps": ["snapshot"] * (MOST_STEPS + 1)},
        {"steps": ["snapshot"], "stop": {"url": "{"}},
        {"steps": ["snapshot"], "stop": {"text": ""}},
        {"steps": ["snapshot"], "url": "http://a/"},
    ],
)
def test_a_run_of_no_sense_is_refused(body: dict[str, object]) -> None:
    assert faults(body)
