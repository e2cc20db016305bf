"""Text that fits, and the lines around what is the page's."""

from typing import Any

from agent_browser.browser import fitting
from agent_browser.models.functions import Delta, Element, PageState


def test_lines_that_fit_are_all_there() -> None:
    assert fitting.fitting(["one", "two"], 7) == 2


def test_lines_that_do_not_fit_leave_room_for_a_note() -> None:
    lines = ["x" * 49] * 20
    shown = fitting.fitting(lines, 500)
    assert 0 < shown < 20
    assert 50 * shown + 120 <= 500


def test_the_note_says_how_many_and_how_to_go_on() -> None:
    assert fitting.note_of(120, 0, 340) == "120 of 340 elements shown; ask with offset 120"
    assert fitting.note_of(120, 120, 340) == "120 of 340 elements shown; ask with offset 240"


def test_there_is_no_note_where_nothing_was_left_out() -> None:
    assert fitting.note_of(100, 240, 340) is None
    assert fitting.note_of(0, 0, 0) is None


def test_an_offset_past_the_end_is_said() -> None:
    assert fitting.note_of(0, 340, 340) == "offset 340 is past the last of 340 elements"


def test_a_page_that_was_not_looked_at_wholly_is_said_to_be() -> None:
    note = fitting.note_of(10, 0, 10, partial=True)
    assert note is not None
    assert "at least 10" in note


def test_a_first_line_that_is_too_long_is_no_reason_to_ask_for_the_same_again() -> None:
    note = fitting.note_of(0, 0, 3)
    assert note is not None
    assert "max_chars" in note


def test_a_tree_is_cut_at_a_line_and_says_so() -> None:
    tree = "\n".join(f"- text: line {n}" for n in range(200))
    state = fitting.with_tree(PageState(url="", title=""), tree, 1000)
    assert state.tree is not None
    assert len(state.tree) <= 1000
    *kept, last = state.tree.split("\n")
    assert tree.startswith("\n".join(kept))
    assert last == f"({state.note})"
    assert f"{len(kept)} of 200 lines" in last


def test_a_tree_that_fits_is_left_alone() -> None:
    state = fitting.with_tree(PageState(url="", title="", note="n"), "- text", 1000)
    assert (state.tree, state.note) == ("- text", "n")


def test_both_notes_are_told() -> None:
    state = PageState(url="", title="", note="first")
    assert str(fitting.with_tree(state, "x\n" * 600, 500).note).startswith("first; ")


def test_the_pages_text_stands_between_two_lines_with_the_nonce() -> None:
    state = fitting.bounded(PageState(url="", title="", elements_text="a\nb", tree="- c"))
    assert state.boundary is not None
    for text, inside in ((state.elements_text, ["a", "b"]), (str(state.tree), ["- c"])):
        first, *middle, last = text.split("\n")
        assert middle == inside
        assert state.boundary in first
        assert state.boundary in last


def test_a_nonce_is_never_given_twice() -> None:
    state = PageState(url="", title="", elements_text="a")
    assert fitting.bounded(state).boundary != fitting.bounded(state).boundary


def test_a_fence_adds_what_it_is_said_to() -> None:
    assert len(fitting.fenced("text", fitting.nonce_for(["text"]))) == 4 + fitting.FENCE


def test_our_own_last_line_stands_outside_of_the_fence() -> None:
    cut = PageState(url="", title="", elements_text="a\n(1 of 2 elements shown)", note="x")
    *inside, end, note = fitting.bounded(cut).elements_text.split("\n")
    assert inside[1:] == ["a"]
    assert "end of page content" in end
    assert note == "(1 of 2 elements shown)"


def changed(count: int, **more: Any) -> PageState:
    """A page on which so many elements came."""
    came = [Element(ref=f"@e{n}", desc=f"@e{n} [a]", tag="a") for n in range(count)]
    return PageState(
        url="",
        title="",
        elements=came,
        elements_text="all",
        delta=Delta(**{"added": came, "changed": [], "removed": [], **more}),
    )


def test_changes_stand_in_place_of_the_elements() -> None:
    state = fitting.changes_alone(changed(2, removed=["@e8", "@e9"], new_page=True), 500)
    assert state.elements == []
    assert state.elements_text == "+ @e0 [a]\n+ @e1 [a]\n- @e8 @e9\n(a new page)"
    assert state.note is None


def test_changes_that_do_not_fit_are_cut_at_a_line_with_a_note() -> None:
    state = fitting.changes_alone(changed(100), 500)
    *lines, last = state.elements_text.split("\n")
    assert len(state.elements_text) <= 500
    assert state.note == f"{len(lines)} of 100 lines of changes shown; delta has all"
    assert last == f"({state.note})"
    assert all(line.startswith("+ ") for line in lines)


def test_without_a_delta_the_elements_stay() -> None:
    state = PageState(url="", title="", elements_text="a")
    assert fitting.changes_alone(state, 500) is state
