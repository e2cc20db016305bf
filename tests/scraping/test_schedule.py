"""Turns, delays and bounds of hosts; time is a number here."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent_browser.scraping.schedule import Item, Schedule


def scheduled(*hosts: str, **options: object) -> Schedule:
    """One item for each name, in that order."""
    given = {"concurrency": lambda _: 2} | options
    schedule = Schedule(**given)  # type: ignore[arg-type]
    for index, host in enumerate(hosts):
        schedule.add(Item(index, host))
    return schedule


def taken(schedule: Schedule, now: float) -> list[int]:
    """All that may begin at that time."""
    found = []
    while (item := schedule.take(now)) is not None:
        found.append(item.index)
    return found


def test_hosts_take_turns_and_none_gets_more_than_its_share() -> None:
    assert taken(scheduled("a", "a", "a", "b", "c"), 0) == [0, 3, 4, 1]


def test_a_place_that_was_left_is_taken_by_the_next() -> None:
    schedule = scheduled("a", "a", "a")
    first = schedule.take(0)
    assert first is not None
    assert taken(schedule, 0) == [1]
    assert schedule.wait(0) is None
    assert not schedule.done(first)
    assert schedule.wait(0) == 0
    assert taken(schedule, 0) == [2]


def test_starts_on_one_host_are_apart_by_the_delay_and_its_jitter() -> None:
    schedule = scheduled("a", "a", "b", delay=2.0, jitter=lambda: 0.5)
    assert taken(schedule, 10) == [0, 2]
    assert schedule.wait(11) == 1.5
    assert taken(schedule, 12.4) == []
    assert taken(schedule, 12.5) == [1]


def test_a_host_that_asks_for_more_time_gets_it_and_never_less() -> None:
    schedule = scheduled("a", "a", "a", delay=1.0)
    assert taken(schedule, 0) == [0]
    schedule.slow("a", 5.0, 0)
    schedule.slow("a", 0.1, 0)
    assert taken(schedule, 4.9) == []
    assert taken(schedule, 5) == [1]


def test_a_host_may_have_more_at_a_time_later() -> None:
    schedule = scheduled("a", "a", "a", concurrency=lambda _: 1)
    assert taken(schedule, 0) == [0]
    schedule.widen("a", 2)
    assert taken(schedule, 0) == [1]


def test_an_item_is_done_again_when_its_time_has_come_and_others_meanwhile() -> None:
    schedule = scheduled("a", "a", concurrency=lambda _: 1)
    first = schedule.take(0)
    assert first is not None
    schedule.again(first, 10)
    second = schedule.take(0)
    assert second is not None
    assert second.index == 1
    schedule.done(second)
    assert schedule.wait(1) == 9
    assert taken(schedule, 10) == [0]
    assert schedule.left == 1


def test_a_host_that_wants_rest_is_left_alone_and_others_are_not() -> None:
    schedule = scheduled("a", "a", "b")
    first = schedule.take(0)
    assert first is not None
    schedule.rest("a", 30)
    assert taken(schedule, 1) == [2]
    assert taken(schedule, 30) == [1]


def test_a_hold_is_for_all_until_its_time_or_until_it_is_lifted() -> None:
    schedule = scheduled("a", "b")
    schedule.hold(5)
    assert schedule.take(4) is None
    assert schedule.wait(4) == 1
    schedule.free()
    assert taken(schedule, 4) == [0, 1]


def test_no_more_hosts_are_begun_than_there_may_be_until_one_is_through() -> None:
    schedule = scheduled("a", "b", "a", "c", concurrency=lambda _: 1, most_hosts=1)
    for index, through in ((0, False), (2, True), (1, True), (3, True)):
        item = schedule.take(0)
        assert item is not None
        assert item.index == index
        assert schedule.take(0) is None
        assert schedule.done(item) is through
    assert schedule.left == 0


@given(
    hosts=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40),
    again=st.lists(st.booleans(), max_size=40),
    most=st.none() | st.integers(1, 3),
    each=st.integers(1, 3),
    delay=st.sampled_from([0.0, 1.0]),
)
def test_every_item_is_done_once_whatever_happens_on_the_way(
    hosts: list[str], again: list[bool], most: int | None, each: int, delay: float
) -> None:
    schedule = scheduled(*hosts, concurrency=lambda _: each, delay=delay, most_hosts=most)
    under_way: list[Item] = []
    done: list[int] = []
    starts: dict[str, float] = {}
    turns, now = iter(again), 0.0
    while schedule.left:
        item = schedule.take(now)
        if item is not None:
            assert now - starts.get(item.host, -9) >= delay
            starts[item.host] = now
            under_way.append(item)
            counts = Counter(one.host for one in under_way)
            assert max(counts.values()) <= each
            assert most is None or len(counts) <= most
            continue
        if under_way:
            item = under_way.pop(0)
            if next(turns, False):
                schedule.again(item, now + 3)
            else:
                schedule.done(item)
                done.append(item.index)
            continue
        wait = schedule.wait(now)
        assert wait is not None, "items are left and nothing would ever begin"
        now += wait
    assert sorted(done) == list(range(len(hosts)))
