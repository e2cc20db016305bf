"""The mouse: what is reached is clicked, and what is not is said to be."""

import pytest

from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_a_click_is_one_trusted_click(drive: Driving) -> None:
    await drive.open("/keyboard")
    done = await drive.act("click", drive.ref("Pad"))
    assert done.success
    assert (await drive.log()).strip() == "click 1"


async def test_double_and_right_clicks_are_themselves(drive: Driving) -> None:
    await drive.open("/keyboard")
    pad = drive.ref("Pad")
    assert (await drive.act("dblclick", pad)).success
    assert (await drive.act("right_click", pad)).success
    assert (await drive.log()).split("\n")[:4] == ["click 1", "click 2", "dblclick", "contextmenu"]


async def test_a_covered_target_is_said_to_be_with_what_covers_it(drive: Driving) -> None:
    await drive.open("/covered")
    failed = await drive.act("click", drive.ref("Under the veil"), timeout=0.5)
    assert failed.success is False
    assert failed.code == "covered"
    assert 'id="veil"' in (failed.message or "")
    assert await drive.log() == ""


async def test_a_target_that_is_uncovered_in_time_is_clicked(drive: Driving) -> None:
    await drive.open("/covered")
    covered = drive.ref("Under the veil")
    await drive.act("click", drive.ref("Lift it in a moment"))
    done = await drive.act("click", covered)
    assert done.success, done.message
    assert "covered pressed" in await drive.log()


async def test_a_half_covered_target_is_clicked_or_said_to_be_covered(drive: Driving) -> None:
    await drive.open("/covered")
    done = await drive.act("click", drive.ref("Half covered"), timeout=0.5)
    assert done.success == ("half pressed" in await drive.log())


async def test_a_disabled_target_is_said_to_be(drive: Driving) -> None:
    await drive.open("/covered")
    failed = await drive.act("click", drive.ref('"Disabled"'), timeout=0.3)
    assert (failed.success, failed.code) == (False, "disabled")


async def test_a_target_enabled_in_time_is_clicked(drive: Driving) -> None:
    await drive.open("/enabling")
    late = drive.ref("Armed")
    await drive.act("click", drive.ref("Arm it"))
    done = await drive.act("click", late)
    assert done.success
    assert await drive.log() == "armed pressed\n"


async def test_a_far_target_is_scrolled_to_and_clicked(drive: Driving) -> None:
    await drive.open("/offscreen")
    for words, said in (("Far below", "below"), ("Far right", "right"), ("Near", "near")):
        done = await drive.act("click", drive.ref(words))
        assert done.success, done.message
        assert f"{said} pressed" in await drive.log()


async def test_a_target_outside_the_page_is_off_screen(drive: Driving) -> None:
    await drive.open("/offscreen")
    failed = await drive.act("click", drive.ref("Outside the page"), timeout=0.5)
    assert (failed.success, failed.code) == (False, "off_screen")


async def test_a_target_that_comes_to_rest_is_clicked_where_it_rests(drive: Driving) -> None:
    await drive.open("/moving")
    done = await drive.act("click", drive.ref("Slides in"))
    assert done.success, done.message
    assert await drive.log() == "settled\n"


async def test_a_target_that_never_rests_is_moving(drive: Driving) -> None:
    await drive.open("/moving")
    failed = await drive.act("click", drive.ref("Catch me"), timeout=0.5)
    assert failed.success is False
    assert failed.code == "moving"
    assert await drive.log() == ""


async def test_a_click_inside_a_button_counts_as_the_buttons(drive: Driving) -> None:
    await drive.open("/covered")
    assert (await drive.act("click", drive.ref("Label inside"))).success
    assert await drive.log() == "through pressed\n"


async def test_a_target_covered_at_the_last_moment_is_not_clicked_through(drive: Driving) -> None:
    await drive.open("/covered")
    await drive.value(
        "document.addEventListener('pointermove', () => {"
        "const veil = document.createElement('div'); veil.id = 'sudden';"
        "veil.style = 'position:fixed;inset:0;z-index:9'; veil.onclick = () => log('veil took it');"
        "document.body.append(veil); }, {once: true})"
    )
    failed = await drive.act("click", drive.ref("Lift the veil"), timeout=1)
    assert failed.success is False
    assert failed.code == "covered"
    assert "sudden" in (failed.message or "")
    assert await drive.log() == ""


async def test_clicks_reach_into_shadow_roots(drive: Driving) -> None:
    await drive.open("/shadow")
    await drive.act("fill", drive.ref("Open field"), text="words")
    for words in ("Open button", "Nested button", "Declared button"):
        assert (await drive.act("click", drive.ref(words))).success
    assert (await drive.log()).split("\n")[:3] == [
        "open pressed with words",
        "nested pressed",
        "declared pressed",
    ]


@pytest.mark.parametrize("name", ["same", "cross", "scripted"])
async def test_clicks_reach_into_frames(drive: Driving, name: str) -> None:
    await drive.open("/frames", wait_until="load")
    inner = next(item for item in drive.elements if f"name={name}" in (item.frame or ""))
    done = await drive.act("click", inner.ref)
    assert done.success, done.message


async def test_hover_opens_a_menu_whose_entries_can_then_be_clicked(drive: Driving) -> None:
    await drive.open("/hover")
    assert not any("Second" in item.desc for item in drive.elements)
    await drive.act("hover", next(item.ref for item in drive.elements if "Menu" in item.desc))
    done = await drive.act("click", drive.ref('"Second"'))
    assert done.success
    assert "second pressed" in await drive.log()


async def test_scrolling_moves_the_page_and_says_when_it_does_not(drive: Driving) -> None:
    await drive.open("/page-scroll")
    done = await drive.act("scroll")
    assert (done.success, done.message) == (True, None)
    assert await drive.value("scrollY") == 400
    await drive.act("scroll", direction="up", scroll_amount=150)
    assert await drive.value("scrollY") == 250
    top = await drive.act("scroll", direction="left")
    assert "nothing moved" in (top.message or "")


async def test_a_selector_may_stand_where_a_ref_does(drive: Driving) -> None:
    await drive.open("/keyboard")
    assert (await drive.act("click", 'role=button[name="Pad for the mouse"]')).success
    assert (await drive.act("click", "text=Pad for the mouse")).success
    assert (await drive.act("click", "css=#pad")).success
    assert (await drive.act("click", "xpath=//div[@id='pad']")).success
    assert (await drive.log()).count("click 1") == 4


async def test_a_selector_of_many_is_ambiguous_and_of_none_times_out(drive: Driving) -> None:
    await drive.open("/reference")
    many = await drive.act("click", "css=a", timeout=0.5)
    assert (many.success, many.code) == (False, "ambiguous")
    none = await drive.act("click", "css=.none", timeout=0.3)
    assert (none.success, none.code) == (False, "timeout")
    broken = await drive.act("click", "css=[[", timeout=0.3)
    assert (broken.success, broken.code) == (False, "invalid_ref")


async def test_dragging_drops_on_the_target(drive: Driving) -> None:
    await drive.open("/drag")
    done = await drive.act("drag", drive.ref("Card"), target_ref=drive.ref("Drop here"))
    assert done.success, done.message
    assert "dropped the card" in await drive.log()
    assert (await drive.act("drag", drive.ref("Piece"), target_ref=drive.ref("Goal"))).success
    assert (await drive.act("drag", drive.ref("Card"))).message == (
        "'target_ref' required for drag action"
    )


async def test_the_mouse_goes_where_it_is_told(drive: Driving) -> None:
    await drive.open("/keyboard")
    box = await drive.value(
        "(() => { const b = pad.getBoundingClientRect(); return [b.x + 5, b.y + 5]; })()"
    )
    x, y = box
    for step in ({"action": "move", "x": x, "y": y}, {"action": "down"}, {"action": "up"}):
        assert (await drive.act(**step)).success
    assert "click 1" in await drive.log()
    assert (await drive.act("move")).code == "missing_input"
