"""Places by coordinates, buttons, modifiers, paths, fingers; keys held, in sequence, with delay."""

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.browser.actions import timeout_of
from agent_browser.models.functions import InteractInput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def lines(drive: Driving) -> list[str]:
    """What the page wrote into its log since last asked."""
    text = str(
        await drive.value(
            "(pre => { const said = pre.textContent; pre.textContent = ''; return said; })"
            "(document.getElementById('log'))"
        )
    )
    return text.strip().split("\n") if text.strip() else []


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"action": "click", "x": 30, "y": 40},
         ["mousedown 30,40 b0 n1", "mouseup 30,40 b0 n1", "click 30,40 b0 n1"]),
        ({"action": "right_click", "x": 30, "y": 40},
         ["mousedown 30,40 b2 n1", "contextmenu 30,40 b2 n0", "mouseup 30,40 b2 n1",
          "auxclick 30,40 b2 n1"]),
        ({"action": "click", "x": 5, "y": 6, "button": "middle"},
         ["mousedown 5,6 b1 n1", "mouseup 5,6 b1 n1", "auxclick 5,6 b1 n1"]),
        ({"action": "click", "x": 5, "y": 6, "modifiers": ["Control", "Shift"]},
         ["mousedown 5,6 b0 n1 ctrl+shift", "mouseup 5,6 b0 n1 ctrl+shift",
          "click 5,6 b0 n1 ctrl+shift"]),
        ({"action": "tap", "x": 50, "y": 60},
         ["touchstart 50,60", "touchend 50,60", "mousedown 50,60 b0 n1", "mouseup 50,60 b0 n1",
          "click 50,60 b0 n1"]),
    ],
)  # fmt: skip
async def test_a_place_is_pressed_where_it_is_said(
    drive: Driving, input: dict[str, Any], said: list[str]
) -> None:
    await drive.open("/pointer")
    done = await drive.act(**input)
    assert done.success, done.message
    assert await lines(drive) == said


async def test_double_clicks_and_counts_by_place(drive: Driving) -> None:
    await drive.open("/pointer")
    assert (await drive.act("dblclick", x=9, y=9)).success
    assert [one for one in await lines(drive) if "click" in one] == [
        "click 9,9 b0 n1", "click 9,9 b0 n2", "dblclick 9,9 b0 n2",
    ]  # fmt: skip
    assert (await drive.act("click", drive.ref("Pad"), click_count=3)).success
    assert (await lines(drive))[-1].endswith("n3")
    assert (await drive.act("hover", x=21, y=22)).success
    assert await drive.value("hovered") == "21,22"


async def test_modifiers_are_held_for_a_ref_too_and_let_go_after(drive: Driving) -> None:
    await drive.open("/pointer")
    for ref in (drive.ref("Pad"), "css=#pad"):
        assert (await drive.act("click", ref, modifiers=["Alt"])).success
        assert (await lines(drive))[-1].endswith("alt")
        assert (await drive.act("click", ref)).success
        assert (await lines(drive))[-1].endswith("n1")


async def test_a_place_must_be_whole_in_view_and_alone(drive: Driving) -> None:
    await drive.open("/pointer")
    pad = drive.ref("Pad")
    for action in ("click", "dblclick", "hover", "tap", "right_click"):
        assert (await drive.act(action, x=1280, y=5)).code == "off_screen", action
        assert (await drive.act(action, x=-1, y=5)).code == "off_screen", action
        assert (await drive.act(action, x=5)).code == "missing_input", action
        both = await drive.act(action, pad, x=5, y=5)
        assert (both.success, both.code) == (False, "invalid_input"), action
        assert "not both" in (both.message or "")
    assert (await drive.act("click")).message == "'ref' required for click action"
    assert (await drive.act("move", pad, x=1, y=1)).code == "invalid_input"
    assert await lines(drive) == []


@pytest.mark.parametrize(
    "input",
    [
        {"x": 100_001, "y": 0}, {"x": float("nan"), "y": 0}, {"path": [[0, 0]]},
        {"path": [[0, 0, 0], [1, 1]]}, {"path": [[0, 0], [1, 200_000]]}, {"button": "wrong"},
        {"modifiers": ["Hyper"]}, {"delay": -1}, {"delay": 10_001}, {"click_count": 0},
        {"path": [[0, 0]] * 1001},
    ],
)  # fmt: skip
async def test_what_is_out_of_bounds_is_refused(input: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InteractInput.model_validate({"action": "click", **input})


async def test_a_drag_follows_its_path(drive: Driving) -> None:
    await drive.open("/pointer")
    path = [[10, 10], {"x": 110, "y": 10}, [110, 60]]
    done = await drive.act("drag", path=path)
    assert done.success, done.message
    said = await lines(drive)
    assert said[0] == "mousedown 10,10 b0 n1"
    assert "drag 110,10" in said
    assert said[-3:-1] == ["drag 110,60", "mouseup 110,60 b0 n1"]
    assert (await drive.act("drag", drive.ref("Pad"), path=path)).code == "invalid_input"
    assert (await drive.act("drag", path=[[10, 10], [2000, 10]])).success
    assert (await drive.act("drag", path=[[2000, 10], [10, 10]])).code == "off_screen"


async def test_the_buttons_go_down_and_up_where_they_are_told(drive: Driving) -> None:
    await drive.open("/pointer")
    await drive.act("down", x=20, y=20, button="right")
    await drive.act("move", x=60, y=20)
    await drive.act("up", x=61, y=21, button="right")
    said = await lines(drive)
    assert (said[0], said[-1]) == ("mousedown 20,20 b2 n1", "auxclick 61,21 b2 n1")
    assert "drag 60,20" in said


async def test_the_wheel_turns_over_an_element(drive: Driving) -> None:
    await drive.open("/pointer")
    await drive.act("move", x=900, y=600)
    assert (await drive.act("wheel", drive.ref("Pad"), y=120, x=3, modifiers=["Shift"])).success
    await drive.act("wait", function="document.getElementById('log').textContent.includes('wheel')")
    assert await lines(drive) == ["wheel 3 120 shift"]


async def test_a_finger_taps_an_element_without_a_touch_device(drive: Driving) -> None:
    await drive.open("/pointer")
    for ref in (drive.ref("Pad"), "css=#pad"):
        done = await drive.act("tap", ref, modifiers=["Control"])
        assert done.success, done.message
        said = await lines(drive)
        assert said[0].startswith("touchstart 200,150 ctrl")
        assert any(one.startswith("click 200,150") for one in said)


async def test_a_finger_taps_inside_a_frame(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    for name in ("same", "cross"):
        inner = next(i for i in drive.elements if i.tag == "button" and name in (i.frame or ""))
        done = await drive.act("tap", inner.ref)
        assert done.success, done.message
        assert done.snapshot is not None
        assert "pressed" in done.snapshot.elements_text + await drive.log()


async def test_a_covered_target_is_not_tapped(drive: Driving) -> None:
    await drive.open("/covered")
    failed = await drive.act("tap", drive.ref("Under the veil"), timeout=0.4)
    assert (failed.success, failed.code) == (False, "covered")
    assert await drive.log() == ""


async def test_a_swipe_moves_the_finger_along_the_path(drive: Driving) -> None:
    await drive.open("/pointer")
    done = await drive.act("swipe", path=[[300, 200], [100, 200]])
    assert done.success, done.message
    said = await lines(drive)
    assert said[0] == "touchstart 300,200"
    assert "touchmove 100,200" in said
    assert said[-1] == "touchend 100,200"
    assert (await drive.act("swipe")).code == "missing_input"
    beside = await drive.act("swipe", drive.ref("Pad"), path=[[1, 1], [2, 2]])
    assert beside.code == "invalid_input"


async def test_a_swipe_scrolls_a_page(drive: Driving) -> None:
    await drive.open("/pointer")
    await drive.act("swipe", path=[[900, 650], [900, 150]])
    assert await drive.value("scrollY") > 300


async def test_keys_are_held_over_calls_until_they_are_let_go(drive: Driving) -> None:
    await drive.open("/pointer")
    await drive.act("key_down", text="Shift")
    await drive.act("click", x=7, y=7)
    await drive.act("key_up", text="Shift")
    await drive.act("click", x=7, y=7)
    clicks = [one for one in await lines(drive) if one.startswith("click")]
    assert [one.endswith("shift") for one in clicks] == [True, False]
    assert await drive.value("keys") == ["keydown Shift", "keyup Shift"]
    assert (await drive.act("key_down")).code == "missing_input"
    assert (await drive.act("key_down", text="Nokey")).code == "invalid_key"


async def test_a_sequence_of_keys_is_pressed_in_order(drive: Driving) -> None:
    await drive.open("/pointer")
    field = drive.ref("Field")
    done = await drive.act("press", field, text=["a", "b", "ArrowLeft", "c", "Control+a"])
    assert done.success, done.message
    assert await drive.value("field.value") == "acb"
    assert (await drive.act("press", text=[])).code == "missing_input"
    assert (await drive.act("press", field, text=["x", "Nokey"])).code == "invalid_key"


async def test_text_is_typed_with_a_delay_between_its_keys(drive: Driving) -> None:
    await drive.open("/pointer")
    for input in ({"action": "type", "text": "abc"}, {"action": "press", "text": ["a", "b", "c"]}):
        await drive.value("void (times.length = keys.length = 0)")
        assert (await drive.act(ref=drive.ref("Field"), delay=40, **input)).success
        downs = await drive.value(
            "times.filter((_, i) => keys.filter(k => k[0] === 'k')[i].startsWith('keydown'))"
        )
        assert all(later - sooner >= 35 for sooner, later in itertools.pairwise(downs))
        assert len(downs) == 3


async def test_a_long_delay_lengthens_the_time_that_typing_may_take(drive: Driving) -> None:
    slow = InteractInput(action="type", text="x" * 100, delay=200)
    assert timeout_of(slow) >= 25


async def test_text_is_put_in_at_once_without_keys(drive: Driving) -> None:
    await drive.open("/pointer")
    assert (await drive.act("insert_text", drive.ref("Field"), text="こんにちは")).success
    assert await drive.value("field.value") == "こんにちは"
    assert await drive.value("keys") == ["input insertText"]


async def test_the_answer_of_the_wheel_is_of_the_page_when_it_has_scrolled(drive: Driving) -> None:
    await drive.open("/pointer")
    await drive.value("void (document.body.style.height = '9000px')")
    assert (await drive.act("wheel", y=700)).success
    assert await drive.value("scrollY") == 700
    nothing = await drive.act("wheel")
    assert (nothing.success, nothing.code) == (False, "missing_input")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("Shift+Nope", 'Unknown key: "Nope". A key is one character or a name such as Enter'),
        ("ctrl+a", 'Unknown key: "ctrl"; did you mean "Control"?'),
        ("Shift+enter", 'Unknown key: "enter"; did you mean "Enter"?'),
    ],
)
async def test_a_key_that_there_is_not_leaves_no_other_one_down(
    drive: Driving, key: str, words: str
) -> None:
    await drive.open("/pointer")
    failed = await drive.act("press", text=key)
    assert (failed.success, failed.code) == (False, "invalid_key")
    assert words in str(failed.message)
    await lines(drive)
    await drive.act("click", x=9, y=9)
    assert (await lines(drive))[-1] == "click 9,9 b0 n1"


async def test_text_that_takes_too_long_is_told_as_typed_in_part(drive: Driving) -> None:
    await drive.open("/form")
    ref = drive.ref("Your name")
    late = await drive.act("type", ref, text="slowly", delay=10_000, timeout=0.5)
    assert (late.success, late.code) == (False, "timeout")
    assert "only a part was typed" in str(late.message)
    late = await drive.act("press", text=["a", "b"], delay=10_000, timeout=0.5)
    assert (late.success, late.code) == (False, "timeout")
