"""A session's timers, decided from numbers alone."""

import math

import pytest
from hypothesis import given, settings, strategies

from agent_browser.errors import InvalidTimeout
from agent_browser.models.sessions import Timeouts, TimeoutsInput
from agent_browser.session.lifecycle import Lifetime, changed, timeouts_in_force
from agent_browser.settings import Settings

CHOSEN = Settings(idle_timeout=100, max_duration=200, warning_threshold=30, retention=50)


def lifetime(
    idle: float = 100,
    max_duration: float = 1_000,
    warning: float = 20,
    *,
    auto_renew: bool = True,
    began: float = 0,
) -> Lifetime:
    timeouts = Timeouts(
        idle=idle, max_duration=max_duration, warning=warning, auto_renew=auto_renew, retention=5
    )
    return Lifetime(timeouts, began=began)


def test_every_use_slides_the_end() -> None:
    life = lifetime()
    life.begin(40)
    life.finish(60)
    assert (life.expires(60), life.used) == (160, 60)
    assert (life.due(159), life.due(160)) == (None, "idle")


def test_without_automatic_renewal_use_slides_nothing_and_a_renewal_does() -> None:
    life = lifetime(auto_renew=False)
    life.begin(40)
    life.finish(60)
    life.beat(70)
    assert (life.expires(70), life.used) == (100, 60)
    assert life.renew(80)
    assert (life.expires(80), life.used, life.renewals) == (180, 80, 1)


def test_a_call_under_way_is_done_past_a_fixed_end_and_nothing_after_it() -> None:
    life = lifetime(auto_renew=False)
    life.begin(90)
    assert (life.due(150), life.phase(150)) == (None, "near_expiration")
    assert life.next_look(150) == 1_000, "a timer that is always due would never let go"
    life.finish(150)
    assert (life.due(150), life.phase(150)) == ("idle", "expired")


def test_a_heartbeat_keeps_it_alive_and_is_no_use() -> None:
    life = lifetime()
    life.beat(60)
    assert (life.expires(60), life.used) == (160, 0)


def test_it_does_not_lapse_while_somebody_is_there() -> None:
    life = lifetime()
    life.hold(10)
    life.hold(20)
    life.release(30)
    assert life.due(900) is None
    assert (life.expires(500), life.phase(500), life.used) == (600, "active", 0)
    life.release(700)
    assert (life.due(799), life.due(800)) == (None, "idle")


def test_the_longest_life_is_prolonged_by_nothing() -> None:
    life = lifetime(max_duration=150)
    life.begin(5)
    life.hold(5)
    life.beat(140)
    assert (life.due(149), life.due(150), life.expires(140)) == (None, "max_duration", 150)
    assert life.cause(140) == "max_duration"


def test_at_its_longest_life_it_can_t_be_renewed() -> None:
    life = lifetime(max_duration=150)
    assert life.renew(30), "there were 20 seconds to gain"
    assert life.expires(30) == 130
    assert life.renew(60)
    assert life.expires(60) == 150
    assert not life.renew(61)
    assert (life.renewals, life.used) == (2, 60)


def test_a_warning_is_told_once_for_each_end() -> None:
    life = lifetime()
    assert life.next_look(0) == 80
    assert life.warning(79) is None
    assert life.warning(80) == 20
    assert life.warning(81) is None
    assert life.next_look(81) == 100
    life.beat(90)
    assert life.next_look(90) == 170
    assert life.warning(175) == 15
    assert (life.phase(169), life.phase(170), life.phase(190)) == (
        "active",
        "near_expiration",
        "expired",
    )


def test_a_warning_is_half_the_idle_timeout_at_most_and_none_if_it_is_0() -> None:
    short = lifetime(idle=30, warning=300)
    assert (short.timeouts.warning, short.asked.warning) == (15, 300)
    short.change(short.asked.model_copy(update={"idle": 1_000}))
    assert short.timeouts.warning == 300
    never = lifetime(warning=0)
    assert (never.warns(0), never.next_look(0), never.warning(99)) == (math.inf, 100, None)
    assert never.phase(99) == "active"


def test_other_timeouts_count_from_where_the_idle_time_did() -> None:
    life = lifetime()
    life.beat(50)
    life.change(life.asked.model_copy(update={"idle": 10}))
    assert (life.expires(55), life.due(60)) == (60, "idle")


STEPS = strategies.sampled_from(["begin", "finish", "hold", "release", "beat", "renew", "pass"])


@settings(deadline=None)
@given(
    strategies.floats(1, 1000),
    strategies.floats(1, 5000),
    strategies.floats(0, 1000),
    strategies.booleans(),
    strategies.lists(strategies.tuples(STEPS, strategies.floats(0, 400))),
)
def test_a_walk_through_any_life(
    idle: float, longest: float, warning: float, auto_renew: bool, steps: list[tuple[str, float]]
) -> None:
    life = lifetime(idle, longest, warning, auto_renew=auto_renew)
    now, calls, holds, told = 0.0, 0, 0, set[float]()
    for step, seconds in steps:
        before, used = life.expires(now), life.used
        if step == "begin":
            life.begin(now)
            calls += 1
        elif step == "finish" and calls:
            life.finish(now)
            calls -= 1
        elif step == "hold":
            life.hold(now)
            holds += 1
        elif step == "release" and holds:
            life.release(now)
            holds -= 1
        elif step == "beat":
            life.beat(now)
        elif step == "renew":
            assert life.renew(now) == (before < life.ends)
        else:
            now += seconds
        expires, due = life.expires(now), life.due(now)
        assert expires <= life.ends
        assert life.used == used or step in ("begin", "finish", "renew")
        assert due is None or now >= expires
        assert due is not None or now < expires or (calls and not auto_renew and now < life.ends)
        if due is None:
            assert life.next_look(now) > now or now >= life.warns(now)
            left = life.warning(now)
            if left is not None:
                assert 0 < left <= life.timeouts.warning
                assert expires not in told, "an end was warned of twice"
                told.add(expires)
            assert life.next_look(now) > now, "a timer would be due for ever"
        assert (life.phase(now) == "expired") == (due is not None)


def test_the_nearest_tier_of_timeouts_wins() -> None:
    profile = TimeoutsInput(idle=50, auto_renew=False)
    servers = timeouts_in_force(CHOSEN, None, TimeoutsInput())
    assert servers == Timeouts(
        idle=100, max_duration=200, warning=30, auto_renew=True, retention=50
    )
    named = timeouts_in_force(CHOSEN, profile, TimeoutsInput())
    assert named == servers.model_copy(update={"idle": 50, "auto_renew": False})
    asked = TimeoutsInput(idle=5, retention=0)
    assert timeouts_in_force(CHOSEN, profile, asked) == named.model_copy(
        update={"idle": 5, "retention": 0}
    )
    assert changed(CHOSEN, named, TimeoutsInput(auto_renew=True)).auto_renew


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"idle": 0.5}, "idle must be between 1 and 86400 seconds, got 0.5"),
        ({"max_duration": 90_000}, "max_duration must be between 1 and 86400 seconds"),
        ({"warning": 90_000}, "warning must be between 0 and 86400 seconds"),
        ({"retention": "31d"}, "retention must be between 0 and 2592000 seconds"),
    ],
)
def test_a_timeout_out_of_its_range_is_refused_in_every_tier(
    asked: dict[str, object], said: str
) -> None:
    wrong = TimeoutsInput.model_validate(asked)
    for profile, request in ((None, wrong), (wrong, TimeoutsInput())):
        with pytest.raises(InvalidTimeout, match=said) as caught:
            timeouts_in_force(CHOSEN, profile, request)
        assert caught.value.fields["field"] == next(iter(asked))


def test_a_server_that_remembers_longer_lets_callers_ask_for_as_long() -> None:
    longer = Settings(retention=10_000_000)
    assert timeouts_in_force(longer, None, TimeoutsInput(retention=10_000_000)).retention == 1e7
