"""Stages and their moves, timers, options, deadlines: what is decided without waiting."""

from enum import Enum

import pytest
from hypothesis import given, settings, strategies

from agent_browser.errors import InvalidTimeout, OptionNeedsNewSession
from agent_browser.models.base import Input
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    OpenInput,
    SnapshotInput,
)
from agent_browser.models.sessions import Timeouts, TimeoutsInput
from agent_browser.pool.stages import HOST_MOVES, POOL_MOVES, HostStage, PoolStage
from agent_browser.session.deadlines import GRACE, allowance
from agent_browser.session.lifecycle import Lifetime, timeouts_in_force
from agent_browser.session.moves import IllegalMove, Machine
from agent_browser.session.options import is_plain, options_of, to_apply
from agent_browser.session.stage import MOVES, WIRE, Stage
from agent_browser.settings import Settings

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


@settings(deadline=None)
@given(
    strategies.floats(1, 1000),
    strategies.floats(1, 5000),
    strategies.lists(strategies.tuples(strategies.booleans(), strategies.floats(0, 400))),
)
def test_a_session_is_due_exactly_when_it_expires(
    idle: float, longest: float, steps: list[tuple[bool, float]]
) -> None:
    life = Lifetime(Timeouts(idle=idle, max_duration=longest), began=0)
    now = 0.0
    for use, seconds in steps:
        if use:
            life.begin(now)
            assert life.due(now) in (None, "max_duration")
            now += seconds
            life.finish(now)
        else:
            now += seconds
        assert life.expires(now) <= longest
        assert (life.due(now) is not None) == (now >= life.expires(now))


def test_the_longest_life_is_not_prolonged_by_a_call_under_way() -> None:
    life = Lifetime(Timeouts(idle=10, max_duration=30), began=0)
    life.begin(5)
    assert life.due(29) is None
    assert life.due(30) == "max_duration"


def test_a_session_is_near_expiration_in_its_last_minutes() -> None:
    life = Lifetime(Timeouts(idle=1800, max_duration=43_200), began=0)
    assert (life.phase(1499), life.phase(1501), life.phase(1801)) == (
        "active",
        "near_expiration",
        "expired",
    )
    short = Lifetime(Timeouts(idle=60, max_duration=43_200), began=0)
    assert (short.phase(29), short.phase(31)) == ("active", "near_expiration")


def test_timeouts_asked_for_come_before_the_servers() -> None:
    chosen = Settings(idle_timeout=100, max_duration=200)
    assert timeouts_in_force(chosen, TimeoutsInput()) == Timeouts(idle=100, max_duration=200)
    assert timeouts_in_force(chosen, TimeoutsInput(idle=5)).idle == 5
    with pytest.raises(InvalidTimeout, match="max_duration must be between 1 and 86400 seconds"):
        timeouts_in_force(chosen, TimeoutsInput(max_duration=90_000))


def test_options_are_told_from_the_rest_of_an_input() -> None:
    options = options_of(OpenInput(url="x", locale="de", width=5, timeout=3))
    assert options == ContextOptions(locale="de", width=5)
    assert is_plain(options_of(OpenInput(url="x", record_video=False)))
    assert not is_plain(options)


def test_what_a_context_in_use_takes_is_applied_and_the_rest_must_agree() -> None:
    made_with = ContextOptions(locale="de", record_video=True)
    assert to_apply(ContextOptions(locale="de"), made_with) is None
    later = to_apply(ContextOptions(width=5, record_video=True), made_with)
    assert later is not None
    assert later.model_dump(exclude_none=True) == {"width": 5}
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
