"""Which rights inputs need."""

from typing import Any

import pytest

from agent_browser.models.catalogue import INPUTS
from agent_browser.models.needs import right_of

LEAST: dict[str, dict[str, Any]] = {
    "open": {"url": "https://example.com"}, "run": {"url": "https://example.com"},
    "interact": {"action": "click", "ref": "@e1"}, "execute": {"code": "1"},
    "record": {"action": "start"}, "trace": {"action": "start"}, "har": {"action": "start"},
    "request": {"id": "r1"},
}  # fmt: skip
"""Inputs of functions that take one."""
EXECUTE, STATE = {"execute"}, {"storage", "cookies", "messages", "trace"}


def test_every_function_has_its_right() -> None:
    for name, model in INPUTS.items():
        right = right_of(model.model_validate(LEAST.get(name, {})))
        wanted = "execute" if name in EXECUTE else "state" if name in STATE else "drive"
        assert right == wanted, name


@pytest.mark.parametrize(
    ("function", "given", "right"),
    [
        ("interact", {"action": "wait", "function": "() => true"}, "execute"),
        ("interact", {"action": "wait", "function": ""}, "execute"),
        ("interact", {"action": "wait", "selector": "p"}, "drive"),
        ("route", {"rules": [{"action": "fulfil", "body": "<script>"}]}, "execute"),
        ("route", {"rules": [{"action": "block"}, {"action": "fulfil", "json": 1}]}, "execute"),
        ("route", {"rules": [{"action": "redirect", "to": "https://x.example/a.js"}]}, "execute"),
        ("route", {"rules": [{"action": "block"}]}, "drive"),
        ("route", {"action": "clear"}, "drive"),
        ("cookies", {"action": "list"}, "state"),
        ("storage", {"action": "list"}, "state"),
    ],
)
def test_javascript_and_state_are_found_wherever_they_stand(
    function: str, given: dict[str, Any], right: str
) -> None:
    assert right_of(INPUTS[function].model_validate(given)) == right


def test_no_other_input_has_a_field_for_javascript() -> None:
    """A function that takes code some day has to be thought of in `needs`."""
    said = ("javascript", "script to run", "code to run")
    found = {
        (name, field)
        for name, model in INPUTS.items()
        for field, info in model.model_fields.items()
        if field in ("function", "code", "script", "expression", "init_script")
        or any(word in (info.description or "").lower() for word in said)
    }
    assert found == {("interact", "function"), ("execute", "code")}
