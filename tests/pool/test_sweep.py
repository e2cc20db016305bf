"""The sweep's timers, driven by a clock moved by hand."""

import anyio
import pytest
from hypothesis import given, settings, strategies

from agent_browser.pool.sweep import Sweep
from tests.fakes.clock import ManualClock
from tests.pool.rig import quiesce

pytestmark = pytest.mark.anyio


async def test_things_are_done_when_due_and_in_order() -> None:
    clock = ManualClock()
    sweep = Sweep(clock)
    clock.watch(sweep.nudge)
    done: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sweep.run)
        now = clock.monotonic()
        for delay, name in ((30, "c"), (10, "a"), (20, "b")):
            sweep.at(now + delay, name, lambda name=name: done.append(name))  # type: ignore[misc]
        await quiesce()
        assert done == []
        clock.advance(20)
        await quiesce()
        assert done == ["a", "b"]
        sweep.cancel("c")
        clock.advance(100)
        await quiesce()
        assert done == ["a", "b"]
        tasks.cancel_scope.cancel()


async def test_an_earlier_timer_wakes_the_sleeper_on_the_systems_clock() -> None:
    from agent_browser.clock import SystemClock

    sweep = Sweep(SystemClock())
    done = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sweep.run)
        sweep.at(SystemClock().monotonic() + 3600, "late", lambda: None)
        await quiesce()
        sweep.at(SystemClock().monotonic() + 0.01, "soon", done.set)
        with anyio.fail_after(2):
            await done.wait()
        tasks.cancel_scope.cancel()


async def test_one_fault_does_not_stop_the_others() -> None:
    clock = ManualClock()
    sweep = Sweep(clock)
    done: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    sweep.at(clock.monotonic(), "bad", fail)
    sweep.at(clock.monotonic(), "good", lambda: done.append("good"))
    sweep.sweep()
    assert done == ["good"]


@settings(deadline=None)
@given(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from(["at", "cancel", "pass"]),
            strategies.integers(0, 5),
            strategies.integers(1, 50),
        )
    )
)
def test_each_key_is_done_once_at_its_last_time(steps: list[tuple[str, int, int]]) -> None:
    clock = ManualClock()
    sweep = Sweep(clock)
    expected: dict[int, float] = {}
    done: list[int] = []
    for step, key, seconds in steps:
        if step == "at":
            expected[key] = clock.monotonic() + seconds
            sweep.at(expected[key], key, lambda key=key: done.append(key))  # type: ignore[misc]
        elif step == "cancel":
            expected.pop(key, None)
            sweep.cancel(key)
        else:
            clock.advance(seconds)
            sweep.sweep()
            due = {key for key, when in expected.items() if when <= clock.monotonic()}
            assert set(done) == due
            assert len(done) == len(due)
            done.clear()
            expected = {key: when for key, when in expected.items() if key not in due}
    assert len(sweep) == len(expected)
