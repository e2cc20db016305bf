"""Frames and shadow roots: what is listed of them, where it is, and that it can be acted on."""

from collections.abc import AsyncIterator

import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.models.functions import ContextOptions, Element
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


@pytest.fixture(scope="module", params=["together", "isolated"])
async def driven(
    request: pytest.FixtureRequest, engine: Chromium, isolating: Chromium, site: Site
) -> AsyncIterator[Driving]:
    """A context in a browser without, and one in a browser with site isolation."""
    browser = await (engine if request.param == "together" else isolating).launch()
    context = await browser.new_context(ContextOptions())
    yield Driving(context, site)
    await context.close()
    await browser.close()


def one(drive: Driving, text: str, frame: str = "") -> Element:
    found = [item for item in drive.elements if item.text == text and frame in (item.frame or "")]
    assert len(found) == 1, [item.desc for item in drive.elements]
    return found[0]


async def test_frames_three_deep_are_acted_in_by_ref_and_by_selector(driven: Driving) -> None:
    await driven.open("/frames-nested", wait_until="load")
    for level in (1, 2, 3):
        ref = one(driven, f"Level {level}").ref
        done = await driven.act("click", ref)
        assert done.success, done.message
        assert one(driven, f"Level {level} pressed").ref == ref
    await driven.open("/frames-nested", wait_until="load")
    for level in (1, 2, 3):
        done = await driven.act("click", f'role=button[name="Level {level}"]')
        assert done.success, done.message
        one(driven, f"Level {level} pressed")


async def test_a_shadow_root_in_a_frame_in_a_shadow_root_is_acted_in(driven: Driving) -> None:
    await driven.open("/frames-in-shadow", wait_until="load")
    nested = one(driven, "Nested button", "/shadow")
    done = await driven.act("click", nested.ref)
    assert done.success, done.message
    done = await driven.act("fill", "css=input[aria-label='Open field']", text="by selector")
    assert done.success, done.message
    done = await driven.act("click", one(driven, "Open button").ref)
    assert done.success, done.message
    assert next(item for item in driven.elements if item.name == "Open field").value == (
        "by selector"
    )


async def test_boxes_in_frames_that_are_moved_scaled_and_turned_are_where_they_are_seen(
    driven: Driving,
) -> None:
    await driven.open("/frames-placed", wait_until="load")
    answer = await driven.snapshot(boxes=True)
    placed = [item for item in answer.elements if item.text == "Placed"]
    assert len(placed) == 4
    for item in placed:
        assert item.box is not None
        middle = (item.box.x + item.box.width / 2, item.box.y + item.box.height / 2)
        seen = await driven.value(
            f"(() => {{ const e = document.elementFromPoint({middle[0]}, {middle[1]});"
            " return e && e.tagName; })()"
        )
        assert seen == "IFRAME"
    sizes = [(round(item.box.width), round(item.box.height)) for item in placed if item.box]
    assert sizes[0] == (30, 15)
    assert sizes[1] == (90, 30)
    assert sizes[2] == (62, 47)
    assert sizes[3] == (12, 36)


async def test_the_mouse_meets_what_a_box_says_is_there(driven: Driving) -> None:
    await driven.open("/frames-placed", wait_until="load")
    answer = await driven.snapshot(boxes=True)
    for item in answer.elements:
        assert item.box is not None
        x, y = item.box.x + item.box.width / 2, item.box.y + item.box.height / 2
        await driven.act("move", x=x, y=y, snapshot=False)
        done = await driven.act("down", snapshot=False)
        assert done.success
        await driven.act("up", snapshot=False)
        focused = await driven.snapshot(root=item.ref)
        assert [found.ref for found in focused.elements] == [item.ref]


async def test_a_root_in_a_frame_is_told_as_any_other(driven: Driving, site: Site) -> None:
    opened = await driven.open("/frames-nested", wait_until="load")
    before = await driven.snapshot(boxes=True)
    level = one(driven, "Level 2")
    below = await driven.snapshot(root=level.ref, boxes=True)
    assert below.url == opened.url
    assert below.title == opened.title
    assert below.total == 1
    assert below.elements == [item for item in before.elements if item.ref == level.ref]
    selected = await driven.snapshot(root="css=button:has-text('Level 2')")
    assert [item.ref for item in selected.elements] == [level.ref]
    tree = await driven.snapshot(root=level.ref, tree=True)
    assert tree.tree == f'- button "Level 2" [ref={level.ref[1:]}]'


async def test_limit_and_offset_page_over_frames_in_document_order(driven: Driving) -> None:
    await driven.open("/frames", wait_until="load")
    whole = await driven.snapshot()
    paged: list[str] = []
    while len(paged) < whole.total:
        part = await driven.snapshot(limit=2, offset=len(paged))
        assert part.total == whole.total
        paged += [item.ref for item in part.elements]
    assert paged == [item.ref for item in whole.elements]


async def test_documents_in_objects_and_embeds_are_looked_into(driven: Driving) -> None:
    await driven.open("/documents", wait_until="load")
    # The browser shows what stands in for a picture some time after the page has loaded.
    shown = await driven.act("wait", text="Instead of a picture")
    assert shown.success, shown.message
    await driven.snapshot()
    names = [item.text for item in driven.elements if item.tag == "button"]
    assert names == [
        "Button in object",
        "Button in cross",
        "Button in embed",
        "Instead of a picture",
        "After them",
    ]
    for name in ("object", "cross", "embed"):
        done = await driven.act("click", one(driven, f"Button in {name}").ref)
        assert done.success, done.message
        one(driven, f"{name} pressed")


async def test_a_frame_that_vanished_makes_its_refs_stale_and_no_look_fail(
    driven: Driving,
) -> None:
    await driven.open("/frames", wait_until="load")
    inside = one(driven, "Button in cross")
    await driven.value("document.querySelector('[name=cross]').remove()")
    done = await driven.act("click", inside.ref)
    assert (done.success, done.code) == (False, "stale_ref")
    assert all(item.text != "Button in cross" for item in driven.elements)


async def test_a_frame_that_went_to_another_site_is_looked_into_at_once(
    driven: Driving, site: Site
) -> None:
    await driven.open("/frames", wait_until="load")
    for address in (
        site.other_origin("/frame-inner?name=moved"),
        site.url("/frame-inner?name=back"),
    ):
        await driven.value(
            "new Promise(done => { const f = document.querySelector('[name=same]');"
            f" f.onload = () => done(1); f.src = '{address}'; }})"
        )
        answer = await driven.snapshot(query="button in")
        name = address.rpartition("=")[2]
        assert answer.elements[0].text == f"Button in {name}"
        assert answer.elements[0].frame == address
        done = await driven.act("click", answer.elements[0].ref)
        assert done.success, done.message


async def test_closed_shadow_roots_are_named_as_such(drive: Driving) -> None:
    answer = await drive.open("/closed-shadow")
    numbers = [item.ref for item in answer.elements]
    assert answer.elements_text.split("\n") == [
        f'{numbers[0]} [button] "Before"',
        f'{numbers[1]} [x-closed] "with words" (closed shadow root)',
        f"{numbers[2]} [x-closed] (closed shadow root)",
        f"{numbers[3]} [div] (closed shadow root)",
        f'{numbers[4]} [button] "After"',
    ]
    assert [item.shadow for item in answer.elements] == [None, "closed", "closed", "closed", None]
    again = await drive.snapshot()
    assert [item.ref for item in again.elements] == numbers
    late = await drive.act("click", drive.ref("Before"))
    assert late.snapshot is not None
    assert [item.ref for item in late.snapshot.elements] == numbers


async def test_a_custom_element_defined_later_is_asked_about_then(drive: Driving) -> None:
    await drive.open("/closed-shadow")
    assert not any("x-unknown" in item.desc for item in drive.elements)
    await drive.value(
        "customElements.define('x-unknown', class extends HTMLElement { constructor() { super();"
        " this.attachShadow({mode: 'closed'}).innerHTML = 'shown'; } }); 1"
    )
    assert any("[x-unknown]" in item.desc for item in (await drive.snapshot()).elements)


async def test_frames_that_are_too_many_or_too_deep_are_told_of(drive: Driving) -> None:
    await drive.open("/empty")
    many = "for (let i = 0; i < 103; i++) document.body.append(document.createElement('iframe'))"
    deep = """let at = document;
    for (let depth = 1; depth < 11; depth++) {
        const frame = at.createElement('iframe');
        at.body.append(frame);
        at = frame.contentDocument;
        at.body.innerHTML = `<button>Depth ${depth}</button>`;
    } 0"""
    await drive.value(deep)
    seen = await drive.snapshot()
    assert [item.text for item in seen.elements] == [f"Depth {depth}" for depth in range(1, 9)]
    assert "not all of it was looked at" in (seen.note or "")
    await drive.open("/empty")
    await drive.value(f"{many}; 0")
    assert "not all of it was looked at" in ((await drive.snapshot()).note or "")
    await drive.value("document.querySelectorAll('iframe').forEach((f, i) => i < 3 && f.remove())")
    assert (await drive.snapshot()).note is None
