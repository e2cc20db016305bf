"""Refs are identities: one number, one element, for the life of that element."""

import pytest

from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_a_number_stays_with_its_element_over_snapshots(drive: Driving) -> None:
    first = await drive.open("/elements")
    second = await drive.snapshot()
    assert [item.ref for item in first.elements] == [item.ref for item in second.elements]


async def test_a_number_follows_an_element_that_moves(drive: Driving) -> None:
    await drive.open("/list")
    apple, date = drive.ref('"Apple"'), drive.ref('"Date"')
    await drive.act("click", drive.ref("Move the nodes"))
    assert (drive.ref('"Apple"'), drive.ref('"Date"')) == (apple, date)
    order = [item.text for item in drive.elements]
    assert order.index("Date") < order.index("Apple")
    await drive.act("click", apple)
    assert await drive.log() == "Apple\n"


async def test_a_number_keeps_its_element_when_the_words_on_it_change(drive: Driving) -> None:
    await drive.open("/spa")
    ref = next(item.ref for item in drive.elements if item.text == "Home")
    await drive.value("document.querySelector('nav a').textContent = 'Start'")
    await drive.snapshot()
    assert drive.ref('"Start"') == ref


async def test_the_same_words_on_a_new_element_are_a_new_number(drive: Driving) -> None:
    await drive.open("/list")
    old = drive.ref('"Banana"')
    await drive.act("click", drive.ref("Draw it again"))
    assert drive.ref('"Banana"') != old
    failed = await drive.act("click", old)
    assert failed.success is False
    assert failed.code == "stale_ref"
    assert (failed.message or "").startswith(f"Stale ref: {old} ")
    assert await drive.log() == ""


async def test_a_removed_element_is_stale_and_nothing_is_clicked(drive: Driving) -> None:
    await drive.open("/replaced")
    ref = drive.ref("Replace me")
    await drive.act("click", drive.ref("Remove it"))
    failed = await drive.act("click", ref)
    assert failed.code == "stale_ref"
    assert await drive.log() == ""


async def test_after_a_navigation_every_old_number_is_stale_and_none_is_given_again(
    drive: Driving,
) -> None:
    first = await drive.open("/elements")
    second = await drive.open("/elements")
    assert {item.ref for item in first.elements}.isdisjoint(item.ref for item in second.elements)
    failed = await drive.act("click", first.elements[0].ref)
    assert failed.code == "stale_ref"


async def test_a_navigation_by_a_click_makes_the_old_numbers_stale(drive: Driving) -> None:
    await drive.open("/elements")
    link = drive.ref('"Link"')
    done = await drive.act("click", link)
    assert done.url.endswith("/form")
    assert (await drive.act("click", link)).code == "stale_ref"


async def test_numbers_survive_a_navigation_within_the_document(drive: Driving) -> None:
    await drive.open("/spa")
    home = drive.ref('"Home"')
    done = await drive.act("click", drive.ref('"List"'))
    assert done.title == "View list"
    assert drive.ref('"Home"') == home


async def test_a_frame_that_navigates_makes_only_its_own_numbers_stale(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    top = drive.ref("Top button")
    inner = next(item.ref for item in drive.elements if "name=same" in (item.frame or ""))
    await drive.value(
        "new Promise(done => { const f = document.querySelector('[name=same]');"
        "f.onload = () => done(1); f.src = '/frame-inner?name=again'; })"
    )
    assert (await drive.act("click", inner)).code == "stale_ref"
    assert (await drive.act("click", top)).success


async def test_a_removed_frame_makes_its_numbers_stale(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    inner = next(item.ref for item in drive.elements if "name=same" in (item.frame or ""))
    await drive.value("document.querySelector('[name=same]').remove()")
    assert (await drive.act("click", inner)).code == "stale_ref"


async def test_a_number_never_given_out_is_unknown(drive: Driving) -> None:
    await drive.open("/elements")
    failed = await drive.act("click", "@e9999")
    assert failed.code == "unknown_ref"
    assert failed.message == "Unknown ref: @e9999. Run 'snapshot' to get current elements."


async def test_an_element_put_back_is_itself_again(drive: Driving) -> None:
    await drive.open("/elements")
    twin = next(item.ref for item in drive.elements if item.text == "Twin")
    await drive.value(
        "window.held = [...document.querySelectorAll('button')]"
        ".find(b => b.textContent === 'Twin'); held.remove()"
    )
    assert (await drive.act("click", twin)).code == "stale_ref"
    await drive.value("document.body.append(held)")
    await drive.snapshot()
    assert twin in [item.ref for item in drive.elements]


async def test_numbers_of_an_answer_that_was_lost_are_given_to_no_two_elements(
    drive: Driving,
) -> None:
    await drive.open("/elements")
    tab = drive.context._tabs.active
    look = drive.context._view.looking(tab)
    await drive.value("document.body.prepend(document.createElement('button'))")
    await tab.worlds.ask_main(f"collect({look.arguments()})")  # nobody hears of it
    await drive.act("tab_new", url=drive.site.url("/list"))
    elsewhere = {item.ref for item in drive.elements}
    await drive.act("tab_switch", tab="t1")
    assert elsewhere.isdisjoint(item.ref for item in drive.elements)
    assert (await drive.act("hover", drive.elements[0].ref)).success


async def test_every_number_in_an_answer_can_be_acted_on_when_a_click_navigates(
    drive: Driving,
) -> None:
    seen: dict[str, str] = {}

    def note() -> None:
        for item in drive.elements:
            words = f"{item.tag} {item.name} {item.text}"
            assert seen.setdefault(item.ref, words) == words

    for _ in range(15):
        await drive.open("/elements")
        note()
        done = await drive.act("click", drive.ref('"Link"'))
        assert done.url.endswith("/form")
        note()
        assert (await drive.act("hover", drive.elements[0].ref)).success
        await drive.act("back")
        note()
        assert (await drive.act("hover", drive.elements[0].ref)).success
