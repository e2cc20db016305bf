"""Control of a session: who may act, for how long, and who is told."""

import pytest

from agent_browser.errors import ControlTaken
from agent_browser.models.base import Input
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.control import LOOKS, ControlGranted, ControlInput, acts
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import InteractInput, SnapshotInput
from agent_browser.models.network import ConsoleInput
from agent_browser.models.recording import RecordInput, TraceInput
from agent_browser.models.routing import RouteInput
from agent_browser.service import Caller
from agent_browser.session.control import Control
from tests.fakes.clock import ManualClock

CLICK = InteractInput(action="click", ref="@e1")
LOOK = SnapshotInput()
ANYBODY = Caller(owner="ann", client="somebody")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def control(clock: ManualClock) -> Control:
    return Control("ses_1", clock, lease=60)


def take(control: Control, client: str, **options: object) -> tuple[Caller, ControlGranted]:
    """Somebody takes control; the caller that they are from then on."""
    granted = control.take(
        Caller(owner="ann"), ControlInput.model_validate({"client": client, **options})
    )
    return Caller(owner="ann", client=client, control=granted.token), granted


def call(control: Control, caller: Caller, input: Input = CLICK) -> None:
    with control.during(caller, input) as check:
        check()


def test_without_a_lease_anybody_may_act(control: Control) -> None:
    call(control, ANYBODY)
    control.check(ANYBODY)
    assert control.describe(ANYBODY).holder is None


def test_only_the_holder_may_act(control: Control, clock: ManualClock) -> None:
    holder, granted = take(control, "day shift")
    call(control, holder)
    with pytest.raises(ControlTaken) as refused:
        call(control, ANYBODY)
    assert refused.value.fields == {"holder": "day shift", "since": "2026-11-01T00:00:00.000Z"}
    assert granted.previous is None
    assert granted.mine


def test_a_name_is_no_token(control: Control) -> None:
    take(control, "day shift")
    for token in (None, "", "day shift", "ctl_" + "A" * 22, "\udcff"):
        with pytest.raises(ControlTaken):
            call(control, Caller(owner="ann", client="day shift", control=token))


def test_looks_are_nobody_s_to_forbid(control: Control) -> None:
    take(control, "day shift")
    call(control, ANYBODY, LOOK)


def test_the_newest_wins_and_the_older_one_may_take_it_back(control: Control) -> None:
    day, _ = take(control, "day shift")
    night, granted = take(control, "night shift")
    assert granted.previous == "day shift"
    with pytest.raises(ControlTaken, match="night shift"):
        call(control, day)
    day, granted = take(control, "day shift")
    assert granted.previous == "night shift"
    call(control, day)
    with pytest.raises(ControlTaken):
        call(control, night)


def test_a_lease_lapses(control: Control, clock: ManualClock) -> None:
    take(control, "day shift", lease="10s")
    clock.advance(9.9)
    with pytest.raises(ControlTaken):
        call(control, ANYBODY)
    clock.advance(0.1)
    call(control, ANYBODY)
    assert control.describe(ANYBODY).since is None


@pytest.mark.parametrize("input", [CLICK, LOOK])
def test_each_call_of_its_holder_renews_it(
    control: Control, clock: ManualClock, input: Input
) -> None:
    holder, _ = take(control, "day shift")
    for _ in range(3):
        clock.advance(59)
        call(control, holder, input)
    assert control.describe(holder).mine


def test_it_does_not_lapse_while_its_holder_acts(control: Control, clock: ManualClock) -> None:
    holder, _ = take(control, "day shift")
    with control.during(holder, CLICK):
        clock.advance(600)
        with pytest.raises(ControlTaken):
            call(control, ANYBODY)
        shown = control.describe(holder)
        assert shown.expires_at is not None
        assert (shown.expires_at - clock.now()).total_seconds() == 60
    clock.advance(59)
    control.check(holder)
    clock.advance(1)
    control.check(ANYBODY)


def test_who_waited_for_a_turn_is_refused_when_control_was_taken_meanwhile(
    control: Control,
) -> None:
    with control.during(ANYBODY, CLICK) as check:
        take(control, "day shift")
        with pytest.raises(ControlTaken):
            check()
    with control.during(ANYBODY, LOOK) as check:
        check()


def test_an_older_holder_s_call_that_ends_late_renews_nothing(
    control: Control, clock: ManualClock
) -> None:
    day, _ = take(control, "day shift")
    with control.during(day, CLICK):
        take(control, "night shift", lease=10)
        clock.advance(9)
    clock.advance(1)
    control.check(ANYBODY)


def test_taken_again_by_its_holder_it_is_the_same_lease(
    control: Control, clock: ManualClock
) -> None:
    holder, first = take(control, "day shift")
    clock.advance(30)
    again = control.take(holder, ControlInput(lease=300))
    assert (again.token, again.since, again.previous) == (first.token, first.since, None)
    assert again.lease == 300


def test_it_is_given_up_by_its_holder_alone(control: Control) -> None:
    holder, _ = take(control, "day shift")
    with pytest.raises(ControlTaken):
        control.give_up(ANYBODY)
    control.give_up(holder)
    control.give_up(holder)
    call(control, ANYBODY)


def test_its_holder_is_shown_by_the_nearest_name(control: Control) -> None:
    for caller, asked, shown in [
        (Caller(owner="ann"), None, "ann"),
        (Caller(owner="ann", client="robot"), None, "robot"),
        (Caller(owner="ann", client="robot"), "night shift", "night shift"),
    ]:
        assert control.take(caller, ControlInput(client=asked)).holder == shown


def test_the_token_is_in_no_words_of_it(control: Control) -> None:
    holder, granted = take(control, "day shift")
    assert granted.token not in repr(holder)
    assert granted.token not in repr(control._lease)
    assert granted.token not in control.describe(holder).model_dump_json()


def test_every_function_looks_or_acts() -> None:
    assert set(INPUTS) - LOOKS == {
        "open", "run", "interact", "execute", "close", "emulate", "route", "har", "record", "trace",
        "storage", "cookies", "messages",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("input", "is_action"),
    [
        (InteractInput(action="wait", text="x"), False),
        (InteractInput(action="wait", function="f()"), True),
        (InteractInput(action="tab_list"), False),
        (InteractInput(action="tab_switch", tab="t2"), True),
        (EmulateInput(), False),
        (EmulateInput(timeout=1), False),
        (EmulateInput(offline=True), True),
        (RouteInput(), False),
        (RouteInput(action="clear"), True),
        (RecordInput(action="status"), False),
        (RecordInput(action="stop"), True),
        (TraceInput(action="status"), False),
        (TraceInput(action="start"), True),
        (ConsoleInput(), False),
        (ConsoleInput(clear=True), True),
    ],
)
def test_what_only_asks_does_not_act(input: Input, is_action: bool) -> None:
    assert acts(input) is is_action
