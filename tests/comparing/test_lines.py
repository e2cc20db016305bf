"""Differences of lines."""

import time
from difflib import unified_diff

from hypothesis import given
from hypothesis import strategies as st

from agent_browser.comparing import lines

SOME = st.lists(st.sampled_from("abcd"), max_size=30)


@given(SOME, SOME)
def test_a_unified_difference_is_as_difflib_writes_it(a: list[str], b: list[str]) -> None:
    ours = lines.unified(a, b, 10_000)
    theirs = list(unified_diff(a, b, lineterm=""))
    assert ours.same == (a == b)
    changed = [line for line in ours.diff.splitlines() if not line.startswith("@@")]
    restored = [line[1:] for line in changed if line[0] != "+"]
    assert ours.removed - ours.added == len(a) - len(b)
    assert bool(theirs) == bool(changed)
    assert all(line in a for line in restored)


def test_hunks_have_three_lines_around_a_change() -> None:
    a = [str(n) for n in range(20)]
    b = [*a[:10], "new", *a[11:]]
    assert lines.unified(a, b, 1000).diff.splitlines() == [
        line for line in unified_diff(a, b, lineterm="") if not line.startswith(("---", "+++"))
    ]


def test_a_long_difference_is_cut_at_a_line_and_said_so() -> None:
    found = lines.unified([], [f"line {n}" for n in range(100)], 50)
    assert found.truncated
    assert len(found.diff) <= 50
    assert found.added == 100
    assert "lines are left out" in (found.note or "")


def test_what_takes_too_long_is_told_without_order() -> None:
    a = [f"{n % 97}-{n % 89}" for n in range(20_000)]
    b = [f"{n % 89}-{n % 97}" for n in range(20_000)]
    began = time.monotonic()
    found = lines.unified(a, b, 1_000)
    assert time.monotonic() - began < 20
    assert not found.same


def test_elements_that_took_each_others_place_are_changed() -> None:
    a = ['[a] "Home"', '[button] "Send"', '[a] "Old"']
    b = ['[a] "Home"', '[button] "Send it"', '[input type="text"]']
    found = lines.elements(a, b, totals=(3, 3))
    assert [(one.before, one.after) for one in found.changed] == [(a[1], b[1])]
    assert (found.added, found.removed, found.same) == ([b[2]], [a[2]], False)


def test_lists_that_were_cut_say_so() -> None:
    assert lines.elements(["x"], ["x"], totals=(5, 5)).truncated
