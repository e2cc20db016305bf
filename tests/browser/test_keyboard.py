"""The names of keys."""

import pytest

from agent_browser.browser import keyboard


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ctrl", "Control"), ("CMD", "Meta"), ("esc", "Escape"), ("enter", "Enter"),
        ("arrowup", "ArrowUp"), ("Arow Up", "ArrowUp"), ("f5", "F5"), ("pgdn", "PageDown"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_one_is_told(name: str, meant: str) -> None:
    assert f'did you mean "{meant}"?' in keyboard.advice(name)


@pytest.mark.parametrize("name", ["", "Nope", "abc", "日本", "x" * 10_000])
def test_any_other_is_told_what_keys_are_in_few_words(name: str) -> None:
    said = keyboard.advice(name)
    assert "A key is one character or a name" in said
    assert len(said) < 250


@pytest.mark.parametrize(
    ("combination", "held"),
    [
        ("a", []), ("+", []), ("Control+a", ["Control"]), ("Control++", ["Control"]),
        ("Control+Shift+x", ["Control", "Shift"]), ("", []), ("++", []),
    ],
)  # fmt: skip
def test_the_keys_before_the_last_are_those_that_are_held(
    combination: str, held: list[str]
) -> None:
    assert keyboard.before_last(combination) == held


def test_only_a_complaint_about_a_key_names_one() -> None:
    assert keyboard.unknown_in('Keyboard.press: Unknown key: "ctrl"') == "ctrl"
    assert keyboard.unknown_in("Target closed") is None
