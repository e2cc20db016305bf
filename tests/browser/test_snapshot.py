"""What a snapshot of a real page shows."""

import pytest

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.errors import ActionFailed
from agent_browser.models.functions import ContextOptions, OpenInput
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_elements_come_in_document_order_and_hidden_ones_not_at_all(drive: Driving) -> None:
    answer = await drive.open("/elements")
    texts = [item.text or item.name for item in answer.elements]
    for earlier, later in zip(
        ["Link", "Button", "Role button", "Role checkbox", "Div with onclick", "Summary"],
        ["Button", "Role button", "Role checkbox", "Div with onclick", "Summary", "Editable"],
        strict=True,
    ):
        assert texts.index(earlier) < texts.index(later)
    assert "Inside details" not in texts
    assert "Anchor without an address" not in texts
    numbers = [int(item.ref[2:]) for item in answer.elements]
    assert numbers == sorted(numbers)


async def test_twins_are_two_elements(drive: Driving) -> None:
    answer = await drive.open("/elements")
    assert sum(item.text == "Twin" for item in answer.elements) == 2


async def test_a_pointer_without_an_acting_ancestor_is_one_element(drive: Driving) -> None:
    answer = await drive.open("/elements")
    pointers = [item for item in answer.elements if "pointer" in item.text]
    assert [item.tag for item in pointers] == ["div"]
    assert pointers[0].text == "Div with a pointer and a span in it"


async def test_text_is_folded_and_at_most_80_characters(drive: Driving) -> None:
    answer = await drive.open("/elements")
    assert any(item.text == "White space folded" for item in answer.elements)
    long = next(item for item in answer.elements if item.text.startswith("Eighty"))
    assert len(long.text) == 80
    assert all(len(item.text) <= 80 for item in answer.elements)


async def test_a_disabled_fieldset_disables_what_is_in_it(drive: Driving) -> None:
    await drive.open("/elements")
    inside = next(item for item in drive.elements if item.text == "In a disabled fieldset")
    assert inside.disabled is True
    assert inside.desc.endswith("disabled")


async def test_names_come_from_labels_and_titles(drive: Driving) -> None:
    answer = await drive.open("/elements")
    names = {item.name for item in answer.elements}
    assert {"Labelled from afar", "By aria-label", "By title", "Named by a label"} <= names


async def test_open_shadow_roots_are_looked_into_in_the_order_of_what_is_shown(
    drive: Driving,
) -> None:
    answer = await drive.open("/shadow")
    texts = [item.text or item.name or item.shadow for item in answer.elements]
    assert texts == [
        "In the light",
        "Open field",
        "Open button",
        "Slotted button",
        "closed",
        "Nested button",
        "Declared button",
        "After the boxes",
    ]


async def test_frames_are_looked_into_where_they_stand(drive: Driving) -> None:
    answer = await drive.open("/frames", wait_until="load")
    top = next(item for item in answer.elements if item.text == "Top button")
    assert top.frame is None
    assert answer.elements[0].ref == top.ref
    frames = [item.frame or "" for item in answer.elements[1:]]
    named = [url.rpartition("name=")[2] for url in frames if "name=" in url]
    assert [name for i, name in enumerate(named) if name not in named[:i]] == [
        "same",
        "cross",
        "sandboxed",
        "scripted",
    ]
    assert "about:srcdoc" in frames
    assert not any("hidden" in url for url in frames)


async def test_a_frame_of_another_origin_has_its_own_address(drive: Driving, site: Site) -> None:
    answer = await drive.open("/frames", wait_until="load")
    assert any((item.frame or "").startswith(site.other_origin("/")) for item in answer.elements)


async def test_frames_three_deep_are_found_and_can_be_acted_in(drive: Driving) -> None:
    await drive.open("/frames-nested", wait_until="load")
    answer = await drive.snapshot()
    assert answer.total >= 4
    deepest = answer.elements[-1]
    assert deepest.frame is not None
    done = await drive.act("click", deepest.ref)
    assert done.success, done.message


async def test_limit_offset_and_total_page_through_the_elements(drive: Driving) -> None:
    await drive.open("/reference")
    everything = await drive.snapshot(limit=1000)
    first = await drive.snapshot(limit=5)
    second = await drive.snapshot(limit=5, offset=5)
    assert first.total == second.total == everything.total == len(everything.elements)
    joined = [item.ref for item in [*first.elements, *second.elements]]
    assert joined == [item.ref for item in everything.elements[:10]]


async def test_a_query_keeps_what_has_the_text(drive: Driving) -> None:
    await drive.open("/reference")
    answer = await drive.snapshot(query="LINK 42")
    assert answer.total == len(answer.elements) == 1
    assert "ink 42" in answer.elements[0].text


@pytest.mark.parametrize("root", ["css=form", "ref"])
async def test_a_root_keeps_what_is_below_it(drive: Driving, root: str) -> None:
    await drive.open("/shadow")
    if root == "ref":
        answer = await drive.snapshot(root=drive.ref("Slotted button"))
        assert [item.text for item in answer.elements] == ["Slotted button"]
    else:
        await drive.open("/reference")
        answer = await drive.snapshot(root=root)
        assert 0 < answer.total < 100


async def test_a_root_that_is_not_there_says_so(drive: Driving) -> None:
    await drive.open("/reference")
    with pytest.raises(ActionFailed, match="matches nothing"):
        await drive.snapshot(root="css=.nothing-of-this-kind")


async def test_a_delta_says_what_an_action_changed(drive: Driving) -> None:
    await drive.open("/list")
    answer = await drive.act("click", drive.ref("Draw it again"), snapshot="delta")
    assert answer.snapshot is not None
    assert answer.snapshot.delta is not None
    assert len(answer.snapshot.delta.added) == len(answer.snapshot.delta.removed) == 4
    again = await drive.snapshot(delta=True)
    assert again.delta is not None
    assert not again.delta.added
    assert not again.delta.removed
    assert not again.delta.changed


async def test_boxes_are_in_the_main_frames_viewport(drive: Driving) -> None:
    await drive.open("/frames", wait_until="load")
    answer = await drive.snapshot(boxes=True)
    inner = next(item for item in answer.elements if "name=same" in (item.frame or ""))
    place = await drive.value(
        "(() => { const f = document.querySelector('[name=same]');"
        "const o = f.getBoundingClientRect();"
        "const b = f.contentDocument.querySelector('button,a,input').getBoundingClientRect();"
        "return [o.x + f.clientLeft + b.x, o.y + f.clientTop + b.y]; })()"
    )
    assert inner.box is not None
    assert [inner.box.x, inner.box.y] == pytest.approx(place, abs=1)


async def test_the_tree_has_the_same_refs_and_no_secrets(drive: Driving) -> None:
    await drive.open("/form")
    secret = next(item for item in drive.elements if item.input_type == "password")
    await drive.act("fill", secret.ref, text="hunter2")
    answer = await drive.snapshot(tree=True)
    assert answer.tree is not None
    assert "hunter2" not in answer.model_dump_json()
    for item in answer.elements:
        if item.tag in ("input", "button") and item.input_type not in ("file",):
            assert f"[ref={item.ref[1:]}]" in answer.tree, item.desc


async def test_a_password_is_never_read_even_after_it_is_shown(drive: Driving) -> None:
    await drive.open("/form")
    secret = next(item for item in drive.elements if item.input_type == "password")
    answer = await drive.act("fill", secret.ref, text="hunter2")
    assert "hunter2" not in answer.model_dump_json()
    await drive.value("document.querySelector('[type=password]').type = 'text'")
    assert "hunter2" not in (await drive.snapshot()).model_dump_json()


async def test_an_empty_page_says_so(drive: Driving) -> None:
    answer = await drive.open("/empty")
    assert answer.elements == []
    assert answer.elements_text == "(no interactive elements found)"


async def test_fifty_thousand_nodes_are_looked_at_whole_within_the_time_of_a_look(
    drive: Driving,
) -> None:
    await drive.open("/big?n=50000")
    answer = await drive.snapshot(limit=500)
    assert answer.note is None, "the look ran out of its time"
    assert (answer.total, len(answer.elements)) == (499, 499)
    assert [item.text for item in answer.elements][::498] == ["Button 100", "Button 49900"]
    some = await drive.snapshot(limit=10, query="499")
    assert [item.text for item in some.elements] == [f"Button {n}" for n in (49900,)]


async def test_the_page_can_not_see_that_it_is_looked_at(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        "window.seen = []; new MutationObserver(list => seen.push(list.length))"
        ".observe(document, {attributes: true, childList: true, subtree: true})"
    )
    await drive.snapshot(boxes=True)
    assert await drive.value("seen.length") == 0
    assert await drive.value("typeof agentBrowser") == "undefined"


async def test_about_blank_and_data_can_be_looked_at(chromium: ChromiumBrowser) -> None:
    context = await chromium.new_context(ContextOptions())
    try:
        blank = await context.open(OpenInput(url="about:blank"))
        assert (blank.url, blank.status, blank.elements) == ("about:blank", None, [])
        data = await context.open(
            OpenInput(url="data:text/html,<title>D</title><button>B</button>")
        )
        assert (data.title, data.status, data.elements[0].text) == ("D", None, "B")
    finally:
        await context.close()
