"""The hub: what subscribers are told, what is kept for who comes back, and what slow ones lose."""

import json

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.hub import Follow, Hub, Missed, Subscription, Told
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio

ANN, BOB = "ann", "bob"


def make(**options: int) -> Hub:
    return Hub(clock=ManualClock(), **options)


def tell(hub: Hub, count: int = 1, *, session: str = "s1", owner: str = ANN) -> list[int]:
    """So many console lines; their ids."""
    before = hub.statistics().published
    for number in range(count):
        hub.publish("console", session, owner, {"n": number})
    after = hub.statistics().published
    first = int(ManualClock().now().timestamp() * 1e6)
    return [first + n + 1 for n in range(before, after)]


def taken(subscription: Subscription) -> list[Told | Missed]:
    """All that is there."""
    items = []
    while (item := subscription.take()) is not None:
        items.append(item)
    return items


def ids(items: list[Told | Missed]) -> list[int]:
    return [item.event.id for item in items if isinstance(item, Told)]


async def test_a_subscriber_is_told_of_its_own_and_of_nothing_else() -> None:
    hub = make()
    with (
        hub.subscribe(Follow(owner=ANN)) as of_ann,
        hub.subscribe(Follow(owner=ANN, session_id="s2")) as of_s2,
        hub.subscribe(Follow(owner=BOB, session_id="s2")) as of_another,
        hub.subscribe(Follow(types=frozenset({"navigated"}))) as of_places,
    ):
        s1, s2 = tell(hub), tell(hub, session="s2")
        bobs = tell(hub, session="s3", owner=BOB)
        hub.publish("navigated", "s3", BOB, {})
        assert ids(taken(of_ann)) == s1 + s2
        assert ids(taken(of_s2)) == s2
        assert taken(of_another) == []
        assert ids(taken(of_places)) == [bobs[0] + 1]


async def test_ids_go_on_from_the_wall_clock_so_that_they_count_up_over_restarts() -> None:
    clock = ManualClock()
    first = Hub(clock=clock)
    first.publish("console", "s1", ANN, {})
    with first.subscribe(Follow(), after=0) as subscription:
        (old,) = ids(taken(subscription))
    clock.advance(1)
    second = Hub(clock=clock)
    second.publish("console", "s1", ANN, {})
    with second.subscribe(Follow(), after=0) as subscription:
        (new,) = ids(taken(subscription))
    assert new > old


async def test_who_comes_back_gets_what_came_after_its_last_event() -> None:
    hub = make()
    told = tell(hub, 5)
    with hub.subscribe(Follow(owner=ANN), after=told[2]) as subscription:
        later = tell(hub)
        assert ids(taken(subscription)) == told[3:] + later


async def test_who_names_no_event_gets_what_comes_from_now_on() -> None:
    hub = make()
    tell(hub, 3)
    with hub.subscribe(Follow()) as subscription:
        later = tell(hub)
        assert ids(taken(subscription)) == later


async def test_an_id_that_the_history_let_go_is_told_what_was_missed() -> None:
    hub = make(history=3)
    told = tell(hub, 10)
    with hub.subscribe(Follow(owner=ANN), after=told[1]) as subscription:
        first, *rest = taken(subscription)
        assert first == Missed(5, told[7])
        assert ids(rest) == told[7:]


async def test_the_last_id_before_what_is_held_has_missed_nothing() -> None:
    hub = make(history=3)
    told = tell(hub, 10)
    with hub.subscribe(Follow(), after=told[6]) as subscription:
        assert ids(taken(subscription)) == told[7:]
    with hub.subscribe(Follow(), after=told[-1]) as subscription:
        assert taken(subscription) == []


async def test_zero_is_all_that_is_held_and_says_how_many_went_before() -> None:
    hub = make(history=3)
    tell(hub, 3)
    with hub.subscribe(Follow(), after=0) as subscription:
        assert len(ids(taken(subscription))) == 3
    tell(hub, 4)
    with hub.subscribe(Follow(), after=0) as subscription:
        first, *rest = taken(subscription)
        assert isinstance(first, Missed)
        assert first.count == 4
        assert len(rest) == 3


@pytest.mark.parametrize("after", [7, 10**18])
async def test_an_id_of_another_life_or_made_up_misses_nobody_knows_how_many(after: int) -> None:
    hub = make()
    told = tell(hub, 2)
    with hub.subscribe(Follow(), after=after) as subscription:
        first, *rest = taken(subscription)
        assert isinstance(first, Missed)
        assert first.count is None
        assert ids(rest) == told


async def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    hub = make(queue=3)
    with hub.subscribe(Follow()) as slow, hub.subscribe(Follow()) as quick:
        told = tell(hub, 2)
        assert ids(taken(quick)) == told
        told += tell(hub, 3)
        assert ids(taken(quick)) == told[2:]
        first, *rest = taken(slow)
        assert first == Missed(2, told[2])
        assert ids(rest) == told[2:]
        assert hub.statistics().lost == 2
    assert hub.statistics().lost == 2


async def test_the_backlog_of_who_comes_back_is_not_cut_by_what_comes_meanwhile() -> None:
    hub = make(queue=2)
    told = tell(hub, 6)
    with hub.subscribe(Follow(), after=0) as subscription:
        told += tell(hub, 4)
        items = taken(subscription)
        assert ids(items[:6]) == told[:6]
        assert items[6] == Missed(2, told[8])
        assert ids(items[7:]) == told[8:]


async def test_one_that_waits_is_woken() -> None:
    hub = make()
    got: list[Told | Missed] = []
    with hub.subscribe(Follow()) as subscription:

        async def follow() -> None:
            async for item in subscription:
                got.append(item)
                break

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await checkpoint()
            tell(hub)
    assert len(got) == 1


async def test_a_subscription_to_a_session_ends_after_the_session_did() -> None:
    hub = make()
    with (
        hub.subscribe(Follow(ANN, "s1", frozenset({"console"}))) as one,
        hub.subscribe(Follow(ANN)) as all_of_hers,
    ):
        told = tell(hub)
        hub.publish("session.ended", "s1", ANN, {"reason": "closed"})
        assert ids([item async for item in one]) == told
        assert len(taken(all_of_hers)) == 2
        tell(hub, session="s2")
        assert len(taken(all_of_hers)) == 1


async def test_closed_it_ends_every_subscriber_and_later_ones_at_once() -> None:
    hub = make()
    with hub.subscribe(Follow()) as subscription:
        told = tell(hub)
        hub.close()
        assert ids([item async for item in subscription]) == told
    with hub.subscribe(Follow(), after=0) as subscription:
        assert ids([item async for item in subscription]) == told


async def test_one_that_left_costs_nothing_more() -> None:
    hub = make()
    subscription = hub.subscribe(Follow(ANN, "s1"))
    subscription.close()
    subscription.close()
    tell(hub)
    assert subscription.take() is None
    assert hub.statistics().subscribers == 0
    assert not hub._narrow


async def test_what_is_wanted_of_a_session_is_what_its_followers_want() -> None:
    hub = make()
    changes: list[tuple[str | None, str | None]] = []
    hub.on_wanted(lambda session, owner: changes.append((session, owner)))
    assert hub.wanted("s1", ANN) == frozenset()
    with (
        hub.subscribe(Follow(ANN, None, frozenset({"console"}))),
        hub.subscribe(Follow(ANN, "s1", frozenset({"navigated"}))),
    ):
        assert hub.wanted("s1", ANN) == {"console", "navigated"}
        assert hub.wanted("s2", ANN) == {"console"}
        assert hub.wanted("s3", BOB) == frozenset()
    assert changes == [(None, ANN), ("s1", ANN), ("s1", ANN), (None, ANN)]
    assert hub.wanted("s1", ANN) == frozenset()


async def test_a_listener_that_fails_hinders_no_subscriber() -> None:
    hub = make()

    def fails(session: str | None, owner: str | None) -> None:
        raise RuntimeError("it fails")

    hub.on_wanted(fails)
    with hub.subscribe(Follow()) as subscription:
        tell(hub)
        assert len(taken(subscription)) == 1


async def test_what_was_erased_is_told_to_nobody_who_comes_back() -> None:
    hub = make()
    tell(hub, 2)
    others = tell(hub, session="s2")
    hub.forget("s1")
    with hub.subscribe(Follow(), after=0) as subscription:
        assert ids(taken(subscription)) == others


async def test_what_was_erased_is_told_to_nobody_who_is_slow_but_for_its_end() -> None:
    hub = make(queue=4)
    gone: list[str] = []
    hub.on_forgotten(gone.append)
    with hub.subscribe(Follow()) as slow, hub.subscribe(Follow(session_id="s1")) as narrow:
        tell(hub, 5)
        hub.forget("s1")
        assert (taken(slow), gone) == ([], ["s1"])
        hub.publish("session.ended", "s1", ANN, {})
        hub.forget("s1")
        others = tell(hub, session="s2")
        found = taken(slow)
        assert isinstance(found[0], Missed), "what was lost before is told with the next"
        assert ids(found)[0] == others[0] - 1, "its end"
        assert ids(found)[-1] == others[-1]
        assert [type(item) for item in taken(narrow)] == [Missed, Told]


async def test_an_event_is_one_line_of_json_encoded_once() -> None:
    hub = make()
    hub.publish("console", "s1", ANN, {"text": "a\nb\u2028\ud800é"})
    with hub.subscribe(Follow(), after=0) as subscription:
        (told,) = taken(subscription)
    assert isinstance(told, Told)
    assert b"\n" not in told.json
    assert told.json is told.json
    read = json.loads(told.json)
    assert read["data"]["text"] == "a\nb\u2028?é"
    assert read["at"] == "2026-11-01T00:00:00.000Z"
    assert {"id", "type", "session_id", "at", "data"} == set(read)


@given(
    history=st.integers(1, 6),
    queue=st.integers(1, 4),
    steps=st.lists(st.sampled_from(["tell", "tell", "take", "again"]), max_size=60),
)
def test_whatever_happens_nothing_is_lost_untold_and_nothing_is_told_twice(
    history: int, queue: int, steps: list[str]
) -> None:
    hub = make(history=history, queue=queue)
    subscription = hub.subscribe(Follow())
    last, seen, missing = int(ManualClock().now().timestamp() * 1e6), [], 0

    def note(item: Told | Missed) -> None:
        nonlocal last, missing
        if isinstance(item, Missed):
            assert item.count is not None
            missing += item.count
            last = item.before - 1
        else:
            seen.append(item.event.id)
            last = item.event.id

    for step in steps:
        if step == "tell":
            hub.publish("console", "s1", ANN, {})
        elif step == "take":
            item = subscription.take()
            if item is not None:
                note(item)
        else:
            subscription.close()
            subscription = hub.subscribe(Follow(), after=last)
    for item in taken(subscription):
        note(item)
    assert seen == sorted(set(seen))
    assert len(seen) + missing == hub.statistics().published
