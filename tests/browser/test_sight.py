"""What of a page can be seen and reached (marks, dialogs, inert parts), and answers that fit."""

import pytest

from agent_browser.browser import snapshot
from agent_browser.models.functions import Element
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


def one(drive: Driving, text: str) -> Element:
    found = [item for item in drive.elements if text in (item.text, item.name)]
    assert len(found) == 1, [item.desc for item in drive.elements]
    return found[0]


async def test_what_is_covered_is_marked_with_what_covers_it(drive: Driving) -> None:
    await drive.open("/seen", wait_until="load")
    await drive.snapshot()
    veiled = one(drive, "Under a veil")
    assert veiled.covered == '<div id="veil" class="veil">'
    assert veiled.desc == f'{veiled.ref} [button] "Under a veil" (covered)'
    assert veiled.off_screen is None
    in_frame = one(drive, "Button in veiled")
    assert in_frame.covered == '<div id="over" class="veil">'
    plain = one(drive, "Plain")
    assert (plain.covered, plain.off_screen) == (None, None)
    assert plain.desc == f'{plain.ref} [button] "Plain"'


async def test_a_checkbox_that_its_own_label_is_drawn_over_is_not_covered(drive: Driving) -> None:
    await drive.open("/seen", wait_until="load")
    assert one(drive, "styled").covered is None


async def test_what_is_out_of_sight_is_marked_wherever_it_would_have_to_be_scrolled(
    drive: Driving,
) -> None:
    await drive.open("/seen", wait_until="load")
    await drive.snapshot()
    hidden = {item.text or item.name for item in drive.elements if item.off_screen}
    assert hidden == {
        "Last in the list",
        "At its end",
        "Far below",
        "Button in far",
        "Field in far",
    }
    assert all("off-screen" not in item.desc for item in drive.elements)
    await drive.act("scroll", one(drive, "Far below").ref)
    assert one(drive, "Far below").off_screen is None
    assert one(drive, "Plain").off_screen is True


async def test_scrolling_alone_is_no_change(drive: Driving) -> None:
    await drive.open("/offscreen")
    done = await drive.act("scroll", direction="down", scroll_amount=3000, snapshot="delta")
    assert done.snapshot is not None
    assert done.snapshot.delta is not None
    assert done.snapshot.delta.unchanged


async def test_inert_parts_and_skipped_content_are_not_listed(drive: Driving) -> None:
    await drive.open("/inert", wait_until="load")
    await drive.snapshot()
    texts = [item.text for item in drive.elements if item.tag == "button"]
    assert texts == ["Outside", "Skips its own content", "Button in outside"]
    below = await drive.snapshot(root="css=[inert] button")
    assert below.total == 0


async def test_only_what_is_in_the_topmost_modal_dialog_is_listed(drive: Driving) -> None:
    await drive.open("/inert", wait_until="load")
    await drive.value("document.getElementById('first').showModal()")
    assert [item.text for item in (await drive.snapshot()).elements] == ["In the first dialog"]
    await drive.value("document.getElementById('second').showModal()")
    second = [item.text for item in (await drive.snapshot()).elements if item.tag == "button"]
    assert second == ["In the second dialog", "Button in dialog"]
    outside = await drive.snapshot(root="css=#first")
    assert outside.total == 0
    within = await drive.snapshot(root="css=#second button")
    assert within.total == 1
    await drive.value("document.getElementById('second').close()")
    assert [item.text for item in (await drive.snapshot()).elements] == ["In the first dialog"]
    await drive.value("document.getElementById('first').close()")
    assert "Outside" in [item.text for item in (await drive.snapshot()).elements]


async def test_a_dialog_that_is_not_modal_hides_nothing(drive: Driving) -> None:
    await drive.open("/inert")
    await drive.value("document.getElementById('plain').show()")
    texts = [item.text for item in (await drive.snapshot()).elements]
    assert {"Outside", "In a plain dialog"} <= set(texts)


async def test_a_modal_dialog_in_a_shadow_root_leaves_only_itself(drive: Driving) -> None:
    await drive.open("/inert")
    await drive.value("document.querySelector('x-dialog').shadowRoot.firstElementChild.showModal()")
    assert [item.text for item in (await drive.snapshot()).elements] == ["In a shadow dialog"]


async def test_text_is_cut_at_max_chars_with_a_note(drive: Driving) -> None:
    await drive.open("/reference")
    answer = await drive.snapshot(max_chars=1000)
    shown = len(answer.elements)
    assert 0 < shown < answer.total
    assert len(answer.elements_text) <= 1000
    assert answer.note == f"{shown} of {answer.total} elements shown; ask with offset {shown}"
    *lines, last = answer.elements_text.split("\n")
    assert lines == [item.desc for item in answer.elements]
    assert last == f"({answer.note})"
    rest = await drive.snapshot(offset=shown)
    assert len(rest.elements) == answer.total - shown
    assert rest.note is None


async def test_a_limit_is_noted_and_leaves_the_text_to_the_elements(drive: Driving) -> None:
    await drive.open("/reference")
    answer = await drive.snapshot(limit=5)
    assert answer.note == f"5 of {answer.total} elements shown; ask with offset 5"
    assert len(answer.elements_text.split("\n")) == 5
    past = await drive.snapshot(offset=1000)
    assert past.note == f"offset 1000 is past the last of {answer.total} elements"


async def test_a_tree_is_cut_at_max_chars_too(drive: Driving) -> None:
    await drive.open("/reference")
    answer = await drive.snapshot(tree=True, max_chars=1500)
    assert answer.tree is not None
    assert len(answer.tree) <= 1500
    assert "lines of the tree shown" in answer.tree.split("\n")[-1]


async def test_page_text_is_fenced_with_a_word_that_it_can_not_contain(drive: Driving) -> None:
    await drive.open("/reference")
    plain = await drive.snapshot(tree=True)
    answer = await drive.snapshot(tree=True, boundaries=True)
    assert answer.boundary is not None
    for text, inside in ((answer.elements_text, plain.elements_text), (answer.tree, plain.tree)):
        first, *middle, last = str(text).split("\n")
        assert "\n".join(middle) == inside
        assert answer.boundary in first
        assert answer.boundary in last
    assert (await drive.snapshot(boundaries=True)).boundary != answer.boundary
    cut = await drive.snapshot(boundaries=True, max_chars=1000)
    assert len(cut.elements_text) <= 1000
    assert plain.boundary is None


async def test_a_delta_says_when_nothing_changed_and_when_the_page_is_new(drive: Driving) -> None:
    await drive.open("/reference")
    same = (await drive.snapshot(delta=True)).delta
    assert same is not None
    assert (same.unchanged, same.new_page) == (True, False)
    await drive.value("document.querySelector('button').textContent = 'Other'")
    changed = (await drive.snapshot(delta=True)).delta
    assert changed is not None
    assert (changed.unchanged, changed.new_page) == (False, False)
    await drive.open("/reference")
    await drive.open("/reference?links=3")
    await drive.open("/spa")
    done = await drive.act("goto", url=drive.site.url("/reference?links=3"), snapshot="delta")
    assert done.snapshot is not None
    delta = done.snapshot.delta
    assert delta is not None
    assert (delta.unchanged, delta.new_page) == (False, True)
    assert len(delta.added) == len(done.snapshot.elements)


async def test_a_change_of_address_within_a_document_is_no_new_page(drive: Driving) -> None:
    await drive.open("/reference")
    await drive.value("history.pushState(null, '', '/other')")
    delta = (await drive.snapshot(delta=True)).delta
    assert delta is not None
    assert (delta.unchanged, delta.new_page) == (True, False)


async def test_what_could_not_be_looked_at_in_time_is_said_to_be_left_out(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/big?n=3000")
    whole = await drive.snapshot()
    monkeypatch.setattr(snapshot, "LOOK_TIME", 0)
    answer = await drive.snapshot()
    assert 0 < answer.total < whole.total
    assert answer.note is not None
    assert "not all of it was looked at" in answer.note


async def test_a_delta_may_come_in_place_of_the_elements(drive: Driving) -> None:
    whole = await drive.open("/reference")
    same = await drive.snapshot(delta="only")
    assert same.delta is not None
    assert same.delta.unchanged
    assert (same.elements, same.elements_text) == ([], "(nothing changed)")
    assert same.total == whole.total
    assert len(same.model_dump_json()) < len(whole.model_dump_json()) / 20
    await drive.value(
        "document.querySelector('button').textContent = 'Other';"
        "document.querySelector('a').remove()"
    )
    changed = await drive.snapshot(delta="only")
    assert changed.delta is not None
    (other,) = changed.delta.changed
    (gone,) = changed.delta.removed
    assert other.desc == f'{other.ref} [button] "Other"'
    assert changed.elements_text == f"~ {other.desc}\n- {gone}"
    assert (await drive.snapshot(delta=True)).delta == same.delta


async def test_an_action_may_answer_with_what_changed_alone(drive: Driving) -> None:
    await drive.open("/form")
    ticked = await drive.act("goto", url=drive.site.url("/reference"), snapshot="delta_only")
    assert ticked.snapshot is not None
    assert ticked.snapshot.elements == []
    first, *_, last = ticked.snapshot.elements_text.split("\n")
    assert first.startswith("+ @e")
    assert last == "(a new page)"
    still = await drive.act("hover", "css=h1", snapshot="delta_only", boundaries=True)
    assert still.snapshot is not None
    assert still.snapshot.elements_text.endswith("\n(nothing changed)")


async def test_what_changed_fits_into_max_chars_too(drive: Driving) -> None:
    await drive.open("/form")
    moved = await drive.act(
        "goto", url=drive.site.url("/reference"), snapshot="delta_only", max_chars=1000
    )
    assert moved.snapshot is not None
    assert len(moved.snapshot.elements_text) <= 1000
    listed = (await drive.snapshot()).elements
    answer = await drive.act("reload", snapshot="delta_only", max_chars=1000, boundaries=True)
    assert answer.snapshot is not None
    assert len(answer.snapshot.elements_text) <= 1000
    note = answer.snapshot.elements_text.split("\n")[-1]
    assert "lines of changes shown; delta has all" in note
    assert len(listed) > 15


async def test_open_and_actions_fence_and_bound_the_pages_text_too(drive: Driving) -> None:
    opened = await drive.open("/reference", limit=20, max_chars=700, boundaries=True)
    done = await drive.act("hover", "css=h1", limit=20, max_chars=700, boundaries=True)
    assert done.snapshot is not None
    few = await drive.act("hover", "css=h1", limit=2)
    assert few.snapshot is not None
    assert len(few.snapshot.elements) == 2
    for page in (opened, done.snapshot):
        assert page.boundary is not None
        assert page.total > 20 > len(page.elements) > 0
        assert len(page.elements_text) <= 700
        first, *inside, end, note = page.elements_text.split("\n")
        assert page.boundary in first
        assert page.boundary in end
        assert inside == [item.desc for item in page.elements]
        assert note == f"({page.note})"
    assert opened.boundary != done.snapshot.boundary
