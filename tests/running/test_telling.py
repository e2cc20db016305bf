"""What of a run a caller is told who lacks the right to do its steps."""

from dataclasses import replace
from typing import Any

import pytest

from agent_browser.models.rights import ROLES, Right
from agent_browser.models.running import Operation, RunLine, RunSummary, StepResult
from agent_browser.running.register import STEPS
from agent_browser.service import Caller
from tests.running.rig import ANN, Rig

pytestmark = pytest.mark.anyio
VIEWER = replace(ANN, rights=ROLES["viewer"])
COOKIES: dict[str, Any] = {"function": "cookies", "input": {"action": "list"}}
CODE: dict[str, Any] = {"function": "execute", "input": {"code": "document.cookie"}}
WAIT: dict[str, Any] = {"function": "interact", "input": {"action": "wait", "function": "x"}}
THROWS: dict[str, Any] = {"function": "execute", "input": {"code": "throw document.cookie"}}


def _without(*rights: Right) -> Caller:
    return replace(ANN, rights=ANN.rights - set(rights))


async def _seen(rig: Rig, caller: Caller, operation: str) -> tuple[Operation, list[RunLine]]:
    async with rig.operations.followed(caller, operation) as lines:
        told = [line async for _, line in lines]
    found = await rig.operations.get(caller, operation)
    assert [line for line in told if isinstance(line, StepResult)] == found.steps
    return found, told


async def _made(rig: Rig, *steps: Any) -> str:
    lines = await rig.lines({"steps": list(steps)})
    assert isinstance(lines[-1], RunSummary)
    assert all(isinstance(line, RunSummary) or line.note is None for line in lines)
    return lines[-1].id


async def test_what_needs_a_right_is_told_to_who_has_it_alone(rig: Rig) -> None:
    operation = await _made(rig, COOKIES, CODE, WAIT, "snapshot")
    for caller, told in (
        (ANN, [True, True, True, True]),
        (VIEWER, [False, False, False, True]),
        (_without("state"), [False, True, True, True]),
        (_without("execute"), [True, False, False, True]),
        (Caller("root", ROLES["admin"] - {"state"}), [False, True, True, True]),
    ):
        found, _ = await _seen(rig, caller, operation)
        assert [step.output is not None for step in found.steps] == told, caller
        notes = [step.note for step in found.steps if step.output is None]
        assert all(note is not None and "needs the right" in note for note in notes)
        assert [step.right for step in found.steps] == ["state", "execute", "execute", None]


async def test_nor_are_the_words_of_what_a_script_threw(rig: Rig) -> None:
    operation = await _made(rig, THROWS)
    found, lines = await _seen(rig, VIEWER, operation)
    summary = lines[-1]
    wanted = {"status": None, "session_id": None, "limit": 5, "cursor": None}
    (listed,) = (await rig.operations.list(VIEWER, **wanted)).items  # type: ignore[arg-type]
    assert isinstance(summary, RunSummary)
    for error in (found.error, found.steps[0].error, summary.error, listed.error):
        assert error is not None
        assert (error.code, error.detail) == ("script_error", "")
    own, _ = await _seen(rig, ANN, operation)
    assert own.error is not None
    assert "no" in own.error.detail
    cancelled = await rig.operations.cancel(VIEWER, operation)
    assert cancelled.error == found.error


async def test_steps_that_were_kept_before_they_said_what_they_need_are_known_by_name(
    rig: Rig,
) -> None:
    operation = await _made(rig, COOKIES, CODE, "snapshot")
    paper = await rig.papers.get(STEPS, operation)
    assert paper is not None
    assert [step.pop("right") for step in paper["steps"]] == ["state", "execute", None]
    rig.papers.put(STEPS, operation, "ann", paper)
    found, _ = await _seen(rig, VIEWER, operation)
    assert [step.output is not None for step in found.steps] == [False, False, True]
