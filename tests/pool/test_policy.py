"""The policy: what it makes of numbers."""

import pytest
from hypothesis import given, settings, strategies

from agent_browser.pool import policy
from agent_browser.pool.machine import Machine
from agent_browser.pool.policy import Backoff, Rate
from agent_browser.settings import Settings

GB = 2**30


def machine(memory: float, processors: float, *, available: float | None = None) -> Machine:
    left = memory if available is None else available
    return Machine(int(memory * GB), "memory", int(left * GB), processors, "processors")


def test_two_processors_and_24_gb_hold_two_hundred_sessions() -> None:
    found = policy.capacity(machine(24, 2), Settings(max_sessions=0))
    assert found.sessions >= 200
    assert found.browsers == 2
    assert "24576 MB (memory)" in found.explanation
    assert "2 processors (processors)" in found.explanation


def test_a_small_container_holds_as_many_as_its_memory_does() -> None:
    assert 1 <= policy.capacity(machine(1, 4), Settings(max_sessions=0)).sessions <= 8
    assert policy.capacity(machine(0.25, 1), Settings(max_sessions=0)).sessions == 1


def test_the_operators_number_is_taken_as_it_is() -> None:
    found = policy.capacity(machine(1, 1), Settings(max_sessions=999, browsers=7))
    assert (found.sessions, found.browsers) == (999, 7)


def test_there_are_four_browsers_at_most_and_one_at_least() -> None:
    chosen = Settings(browsers=0)
    assert policy.capacity(machine(64, 32), chosen).browsers == 4
    assert policy.capacity(machine(64, 0.5), chosen).browsers == 1


@settings(deadline=None)
@given(strategies.floats(0.1, 4096), strategies.floats(0.1, 512))
def test_more_machine_never_holds_less(memory: float, processors: float) -> None:
    chosen = Settings(max_sessions=0, browsers=2)
    small = policy.capacity(machine(memory, processors), chosen).sessions
    large = policy.capacity(machine(memory * 2, processors * 2), chosen).sessions
    assert 1 <= small <= large


def test_memory_is_short_when_little_is_left() -> None:
    assert policy.is_short(machine(24, 2, available=0.5))
    assert not policy.is_short(machine(24, 2, available=2))
    assert policy.is_short(machine(1, 2, available=0.1))


def test_the_warm_set_follows_the_rate_of_opens() -> None:
    assert policy.warm_target(rest=4, rate=0, short=False) == 4
    assert policy.warm_target(rest=4, rate=12, short=False) == 5
    assert policy.warm_target(rest=4, rate=1000, short=False) == policy.MOST_WARM
    assert policy.warm_target(rest=4, rate=12, short=True) == 0
    assert policy.warm_target(rest=0, rate=0.1, short=False) == 0


def test_refilling_waits_for_opens_unless_little_is_left() -> None:
    assert policy.may_refill(ready=3, target=4, opens=0)
    assert not policy.may_refill(ready=3, target=4, opens=1)
    assert policy.may_refill(ready=1, target=4, opens=5)


def test_a_browser_is_replaced_by_use_or_by_memory() -> None:
    chosen = Settings(recycle_contexts=10, recycle_memory=GB)
    assert policy.recycle_reason(chosen, served=9, memory=GB) is None
    assert policy.recycle_reason(chosen, served=10, memory=0) == "contexts"
    assert policy.recycle_reason(chosen, served=0, memory=GB + 1) == "memory"
    unbound = Settings(recycle_memory=0)
    assert policy.recycle_reason(unbound, served=0, memory=2**50) is None


def test_the_time_to_retry_is_that_of_the_next_room() -> None:
    assert policy.retry_after(100, ends=[], next_expiry=None, ahead=0) == policy.LONGEST_DELAY
    assert policy.retry_after(100, ends=[], next_expiry=142.5, ahead=0) == 43
    assert policy.retry_after(100, ends=[80, 90], next_expiry=1000, ahead=2) == 30
    assert policy.retry_after(100, ends=[1], next_expiry=100, ahead=0) == 1


@settings(deadline=None)
@given(
    strategies.lists(strategies.floats(0, 1000)),
    strategies.none() | strategies.floats(0, 1e6),
    strategies.integers(0, 1000),
)
def test_the_time_to_retry_is_a_second_at_least_and_an_hour_at_most(
    ends: list[float], expiry: float | None, ahead: int
) -> None:
    assert 1 <= policy.retry_after(1000, ends=ends, next_expiry=expiry, ahead=ahead) <= 3600


def test_a_rate_is_that_of_late() -> None:
    rate = Rate()
    for tenth in range(600):
        rate.add(tenth / 10)
    assert rate.at(60) == pytest.approx(10, rel=0.1)
    assert rate.at(65) == pytest.approx(5, rel=0.1)
    assert rate.at(200) < 0.01


def test_delays_grow_to_a_bound_and_start_over_after_a_stable_browser() -> None:
    backoff = Backoff()
    delays = [backoff.failed(0, lived=1, jitter=1) for _ in range(10)]
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.failed(0, lived=policy.STABLE_AFTER, jitter=1) == 0


def test_a_browser_that_never_started_is_always_waited_for() -> None:
    backoff = Backoff()
    assert [backoff.failed(10, lived=0, jitter=0) for _ in range(3)] == [10.25, 10.5, 11]
