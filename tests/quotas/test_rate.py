from hypothesis import given
from hypothesis import strategies as st

from agent_browser.quotas.rate import Rate


def _times(steps: list[float]) -> list[float]:
    now, times = 1_000.0, []
    for step in steps:
        now += step
        times.append(now)
    return times


def test_calls_up_to_the_limit_are_taken_and_the_next_is_told_when() -> None:
    rate = Rate()
    assert [rate.take(100.0 + n / 10, 3) for n in range(3)] == [0, 0, 0]
    assert rate.take(100.5, 3) == 60.5  # the second 100 is a minute old in whole at 161
    assert rate.used(100.5) == 3
    assert rate.take(160.9, 3) > 0
    assert rate.take(161.0, 3) == 0
    assert rate.used(161.0) == 1


def test_without_a_limit_calls_are_counted_and_never_refused() -> None:
    rate = Rate()
    assert all(rate.take(5.0, 0) == 0 for _ in range(1_000))
    assert rate.used(5.0) == 1_000


def test_a_limit_that_is_lowered_waits_until_enough_calls_are_old() -> None:
    rate = Rate()
    for second in range(10):
        rate.take(second, 0)
    assert rate.free_in(10.0, 5) == 5 + 1 + 60 - 10.0
    assert rate.empty_in(10.0) == 9 + 1 + 60 - 10.0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200), st.integers(1, 12))
def test_never_more_than_the_limit_within_any_minute(steps: list[float], limit: int) -> None:
    rate = Rate()
    taken = [at for at in _times(steps) if rate.take(at, limit) == 0]
    for at in taken:
        assert sum(at <= other < at + 60 for other in taken) <= limit


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200), st.integers(1, 12))
def test_who_waits_as_told_is_let_in(steps: list[float], limit: int) -> None:
    rate = Rate()
    for at in _times(steps):
        wait = rate.take(at, limit)
        if wait:
            assert rate.take(at + wait, limit) == 0
            return
