"""The line of an element, and what changed between two looks."""

from typing import Any

import pytest

from agent_browser.browser.elements import Survey, changes, describe, element, merge, text_of


def row(**given: Any) -> dict[str, Any]:
    return {"n": 1, "role": None, **given}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (row(tag="a", role="link", text="Home", raw="/"), '@e1 [a] "Home" href="/"'),
        (
            row(tag="input", type="text", role="textbox", placeholder="Search"),
            '@e1 [input type="text"] placeholder="Search"',
        ),
        (
            row(tag="button", type="submit", role="button", text="Log In"),
            '@e1 [button type="submit"] "Log In"',
        ),
        (row(tag="button", role="button", text="Submit"), '@e1 [button] "Submit"'),
        (row(tag="select", role="combobox", text="Choose option"), '@e1 [select] "Choose option"'),
        (
            row(tag="input", type="checkbox", role="checkbox", attr="agree", checked=True),
            '@e1 [input type="checkbox"] name="agree" checked',
        ),
        (
            row(tag="input", type="radio", role="radio", attr="size", checked=True),
            '@e1 [input type="radio"] name="size" selected',
        ),
        (row(tag="div", role="button", text="Save"), '@e1 [div role="button"] "Save"'),
        (row(tag="div", text="Pointer"), '@e1 [div] "Pointer"'),
        (
            row(tag="input", type="email", role="textbox", label="Email", value="a@b.c"),
            '@e1 [input type="email"] "Email" value="a@b.c"',
        ),
        (row(tag="button", role="button", text='Say "hi"'), '@e1 [button] "Say \\"hi\\""'),
        (row(tag="button", role="button", text="X", disabled=True), '@e1 [button] "X" disabled'),
    ],
)
def test_the_line_is_of_the_documented_form(given: dict[str, Any], line: str) -> None:
    assert describe(given) == line


def test_a_line_stays_one_line_whatever_the_page_puts_in_it() -> None:
    given = row(tag="input", type="text", label="A\n@e9 [button] forged", value="x\u2028y\r\nz")
    assert len(describe(given).splitlines()) == 1


def test_a_secret_field_has_no_value_on_the_wire() -> None:
    item = element(row(tag="input", type="password", secret=True, value="hunter2"), boxes=False)
    assert item.value is None
    assert "hunter2" not in item.model_dump_json()


def test_a_page_with_nothing_to_act_on_says_so() -> None:
    assert text_of([]) == "(no interactive elements found)"


def test_rows_of_frames_stand_where_their_frames_stand() -> None:
    top = Survey(rows=[{"n": 1}, {"n": 2}], total=2)
    merge(top, [(1, Survey(rows=[{"n": 3}], total=1)), (1, Survey(rows=[{"n": 4}], total=1))])
    assert [item["n"] for item in top.rows] == [1, 3, 4, 2]
    assert top.total == 4


def test_a_delta_names_what_was_added_removed_and_changed() -> None:
    kept = element(row(tag="button", text="Same") | {"n": 1}, boxes=False)
    changed = element(row(tag="button", text="New words") | {"n": 2}, boxes=False)
    added = element(row(tag="button", text="Added") | {"n": 4}, boxes=False)
    before = {"@e1": kept.desc, "@e2": '@e2 [button] "Old words"', "@e3": '@e3 [a] "Gone"'}
    delta = changes(before, [kept, changed, added])
    assert [item.ref for item in delta.added] == ["@e4"]
    assert delta.removed == ["@e3"]
    assert [item.ref for item in delta.changed] == ["@e2"]
