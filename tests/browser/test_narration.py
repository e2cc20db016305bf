"""What a recording says of an action."""

from typing import Any

import pytest

from agent_browser.browser.narration import LONGEST, words
from agent_browser.models.functions import InteractInput

LINES = {
    "@e1": '@e1 [button type="submit"] "Log \\"In\\""',
    "@e2": '@e2 [input type="password"] placeholder="Password"',
    "@e3": '@e3 [input type="text"] "Card" value="4111"',
    "@e4": '@e4 [input type="text"] value="4111"',
    "@e5": f'@e5 [a] "{"x" * 200}" href="/"',
}
SECRET = "hunter2"


def said(action: Any, ref: str | None = None, **input: Any) -> str | None:
    return words(InteractInput(action=action, ref=ref, **input), LINES.get)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"action": "click", "ref": "@e1"}, 'Click "Log \\"In\\""'),
        ({"action": "right_click", "ref": "css=#a"}, "Right click css=#a"),
        ({"action": "drag", "ref": "e1", "target_ref": "ref=e4"}, 'Drag "Log \\"In\\"" to input'),
        ({"action": "scroll"}, "Scroll down"),
        ({"action": "scroll", "ref": "e3"}, 'Scroll "Card"'),
        ({"action": "goto", "url": "https://user:pw@example.com/a?token=x"}, "Go to example.com"),
        ({"action": "goto", "url": "javascript:alert(1)"}, "Go to"),
        ({"action": "press", "text": "Control+Enter"}, "Press Control+Enter"),
        ({"action": "press", "text": "Control+a"}, "Press Control+a"),
        ({"action": "dialog", "accept": False}, "Dialog dismiss"),
        ({"action": "tab_switch", "tab": "t2"}, "Tab switch t2"),
        ({"action": "click", "ref": "@e99"}, "Click"),
        ({"action": "click", "ref": "nonsense!"}, "Click"),
        ({"action": "wait", "wait_ms": 5}, None),
    ],
)
def test_words_say_what_is_done_to_which_element(given: dict[str, Any], shown: str | None) -> None:
    assert said(**given) == shown


@pytest.mark.parametrize(
    "given",
    [
        {"action": "fill", "ref": "@e2", "text": SECRET},
        {"action": "type", "text": SECRET},
        {"action": "insert_text", "text": SECRET},
        {"action": "press", "text": list(SECRET)},
        {"action": "press", "text": SECRET},
        {"action": "press", "text": "Shift+h"},
        {"action": "key_down", "text": "h"},
        {"action": "dialog", "accept": True, "text": SECRET},
    ],
)
def test_nothing_that_is_typed_is_in_the_words(given: dict[str, Any]) -> None:
    shown = said(**given)
    assert shown is not None
    assert SECRET not in shown
    assert "+h" not in shown
    assert not shown.endswith(" h")


def test_the_value_of_a_field_is_not_in_the_words() -> None:
    assert said("fill", "@e3", text="x") == 'Fill "Card"'
    assert said("fill", "@e4", text="x") == "Fill input"


def test_long_names_are_cut() -> None:
    assert len(said("click", "@e5") or "") == LONGEST + len('Click ""')
    assert len(said("click", f"css={'x' * 200}") or "") == LONGEST + len("Click ")
