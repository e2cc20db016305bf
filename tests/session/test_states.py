"""Stages and their moves, options, deadlines: what is decided without waiting."""

from enum import Enum

import pytest

from agent_browser.errors import InvalidTimeout, OptionNeedsNewSession
from agent_browser.models.base import Input
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    OpenInput,
    SnapshotInput,
)
from agent_browser.pool.stages import HOST_MOVES, POOL_MOVES, HostStage, PoolStage
from agent_browser.session.deadlines import GRACE, allowance
from agent_browser.session.moves import IllegalMove, Machine
from agent_browser.session.options import is_plain, options_of, to_apply
from agent_browser.session.stage import MOVES, WIRE, Stage

TABLES = [(Stage, MOVES), (HostStage, HOST_MOVES), (PoolStage, POOL_MOVES)]


@pytest.mark.parametrize(("stages", "moves"), TABLES)
def test_only_moves_of_the_table_are_made(
    stages: type[Enum], moves: dict[Enum, frozenset[Enum]]
) -> None:
    assert set(moves) == set(stages)
    for here in stages:
        for there in stages:
            machine: Machine[Enum] = Machine("it", here, moves)
            if there in moves[here]:
                machine.move(there)
                assert machine.state is there
            else:
                with pytest.raises(IllegalMove, match=f"from {here.name} to {there.name}"):
                    machine.move(there)


@pytest.mark.parametrize(("stages", "moves"), TABLES)
def test_every_stage_can_be_reached(stages: type[Enum], moves: dict[Enum, frozenset[Enum]]) -> None:
    reached = {next(iter(stages))}
    for _ in stages:
        reached |= {there for here in reached for there in moves[here]}
    assert reached == set(stages)


def test_callers_see_a_state_for_every_stage() -> None:
    assert set(WIRE) == set(Stage)


def test_options_are_told_from_the_rest_of_an_input() -> None:
    options = options_of(OpenInput(url="x", locale="de", width=5, timeout=3))
    assert options == ContextOptions(locale="de", width=5)
    assert is_plain(options_of(OpenInput(url="x", record_video=False)))
    assert not is_plain(options)


def test_what_a_context_in_use_takes_is_applied_and_the_rest_must_agree() -> None:
    made_with = ContextOptions(locale="de", record_video=True, user_agent="x")
    assert to_apply(ContextOptions(locale="de"), made_with) is None
    given = ContextOptions(width=5, record_video=True, user_agent="x", timezone="Asia/Tokyo")
    later = to_apply(given, made_with)
    assert later is not None
    applied = {"width": 5, "user_agent": "x", "timezone": "Asia/Tokyo"}
    assert later.model_dump(exclude_none=True) == applied
    with pytest.raises(OptionNeedsNewSession, match="record_video, locale"):
        to_apply(ContextOptions(locale="fr", record_video=False), made_with)


def test_deadlines_follow_what_was_asked_for() -> None:
    def seconds(input: Input) -> float:
        return allowance(input, settle=3, longest=3600).seconds - GRACE

    assert seconds(OpenInput(url="x", timeout=12)) == 12
    assert seconds(ExecuteInput(code="1", timeout=7)) == 7
    assert seconds(InteractInput(action="click")) == 5 + 3
    assert seconds(InteractInput(action="goto", url="x")) == 30 + 3
    assert seconds(InteractInput(action="wait", wait_ms=2000, timeout=1)) == 1 + 2 + 3
    assert seconds(SnapshotInput()) == 30
    with pytest.raises(InvalidTimeout):
        seconds(OpenInput(url="x", timeout=3601))
