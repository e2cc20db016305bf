"""A plain Playwright page and a session of ours do the same steps: the same must happen."""

import pytest
from playwright.sync_api import Page

from tests.end_to_end.conftest import Opening
from tests.end_to_end.steps import Step, do, do_ours
from tests.site import Site

pytestmark = pytest.mark.browser

SCENES: dict[str, tuple[str, list[Step]]] = {
    "keys": ("/keyboard", [
        Step("click", "#field", "Type here"),
        Step("type", text="Aé1"),
        Step("press", text="Backspace"),
        Step("press", text="Control+a"),
        Step("press", text="x"),
        Step("press", text="Shift+Tab"),
        Step("fill", "#field", "Type here", "whole"),
        Step("press", text="Enter"),
        Step("press", text="Tab"),
        Step("press", text="Escape"),
    ]),
    "mouse": ("/keyboard", [
        Step("click", "#pad", "Pad for the mouse"),
        Step("dblclick", "#pad", "Pad for the mouse"),
        Step("right_click", "#pad", "Pad for the mouse"),
        Step("focus", "#field", "Type here"),
        Step("clear", "#field", "Type here"),
    ]),
    "shadow roots": ("/shadow", [
        Step("fill", "open-box input", "Open field", "deep"),
        Step("click", "open-box #inside", "Open button"),
        Step("click", "nested-box button", "Nested button"),
        Step("click", "#declared button", "Declared button"),
    ]),
    "far away": ("/offscreen", [
        Step("click", "#below", "Far below"),
        Step("click", "#right", "Far right"),
        Step("click", "#near", "Near"),
    ]),
    "sticky": ("/sticky", [
        Step("click", "text='Row 30'", "Row 30"),
        Step("click", "text='Row 1'", "Row 1"),
        Step("click", "text='Row 60'", "Row 60"),
        Step("click", "#in-header", "In the header"),
    ]),
    "in a box": ("/scroll", [
        Step("click", "#last", "Last in the box"),
        Step("click", "#bottom", "Bottom of the page"),
        Step("click", "#first", "First in the box"),
    ]),
    "drag events": ("/drag", [Step("drag", "#card", "Card", "#bin")]),
    "pointer drag": ("/drag", [Step("drag", "#piece", "Piece", "#goal")]),
    "hover menu": ("/hover", [
        Step("hover", "#spot", "Hover over this"),
        Step("hover", "#menu", "Menu"),
        Step("click", "#second", "Second"),
    ]),
    "still at last": ("/moving", [Step("click", "#settler", "Slides in")]),
    "enabled at last": ("/enabling", [
        Step("click", "#arm", "Arm it"),
        Step("click", "#late", "Armed"),
        Step("check", "#terms", "Terms"),
        Step("click", "#go", "Go"),
    ]),
    "uncovered at last": ("/covered", [
        Step("click", "#lift-later", "Lift it in a moment"),
        Step("click", "#covered", "Under the veil"),
        Step("click", "#half", "Half covered"),
        Step("click", "#clear", "Transparent"),
        Step("click", "#through", "Label inside a span"),
    ]),
    "replaced": ("/replaced", [
        Step("click", "#b", "Replace me (0)"),
        Step("click", "#b", "Replace me (1)"),
        Step("click", "#remove", "Remove it"),
    ]),
    "drawn again": ("/list", [
        Step("click", "#items button >> nth=0", "Apple"),
        Step("click", "#reverse", "Reverse it"),
        Step("click", "#items button >> nth=0", "Date"),
        Step("click", "#sort", "Move the nodes"),
        Step("click", "#items button >> nth=0", "Apple"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("scene", SCENES)
def test_the_same_steps_do_the_same(page: Page, opening: Opening, site: Site, scene: str) -> None:
    path, steps = SCENES[scene]
    page.goto(site.url(path))
    session = opening(site.url(path))
    for step in steps:
        do(page, step)
        do_ours(session, step)
        assert session.text() == page.locator("#log").text_content(), step
    assert session.text() != ""
    now = session.snapshot()
    assert (now["url"], now["title"]) == (page.url, page.title())
