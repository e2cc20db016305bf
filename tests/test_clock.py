"""The time that erasing goes by."""

from datetime import timedelta

from agent_browser.clock import Steady
from tests.fakes.clock import ManualClock

YEAR = 365 * 86_400.0


def test_a_clock_set_forward_is_not_followed_but_time_passes() -> None:
    clock = ManualClock()
    began, steady = clock.now(), Steady(clock)
    clock.set_by(YEAR)
    clock.advance(60)
    assert steady.now() == began + timedelta(seconds=60)


def test_a_clock_that_was_ahead_is_followed_back() -> None:
    clock = ManualClock()
    began = clock.now()
    clock.set_by(YEAR)
    steady = Steady(clock)
    clock.set_by(-YEAR)
    clock.advance(60)
    assert steady.now() == clock.now() == began + timedelta(seconds=60)
