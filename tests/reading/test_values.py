"""Fields: numbers of texts, and rules with rules within."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.models.reading import ReadInput
from agent_browser.reading.values import number_of, rules_of, values_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("CHF 1'234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("1,234.50", 1234.5),
        ("3,20 €", 3.2),
        ("1,234", 1234),
        ("1.5", 1.5),
        ("1,234,567", 1234567),
        ("-3 °C", -3),
        ("\u2212$ 4.5", -4.5),
        ("12\u202f345 km", 12345),
        ("5 of 10", 5),
        ("page-7", 7),
        ("2026-11-20", 2026),
        ("none", None),
        ("", None),
    ],
)
def test_the_first_number_of_a_text(text: str, number: float | None) -> None:
    assert number_of(text) == number


def schema(**rules: Any) -> Any:
    return ReadInput.model_validate({"format": "fields", "schema": rules}).fields


def test_a_text_is_a_rule_with_nothing_but_a_selector() -> None:
    (name, rule), *_ = rules_of(schema(title="h1"))
    assert (name, rule["selector"], rule["type"], rule["all"]) == ("title", "h1", "text", False)


def test_objects_in_lists_have_their_numbers_as_numbers() -> None:
    inner = {"n": {"selector": "b", "type": "number"}, "t": "i"}
    rules = schema(items={"selector": "li", "all": True, "fields": inner})
    found = [["items", [[["n", "CHF 2.50"], ["t", "x"]], [["n", None], ["t", None]]]]]
    assert values_of(rules, found) == {"items": [{"n": 2.5, "t": "x"}, {"n": None, "t": None}]}


@pytest.mark.parametrize(
    "input",
    [
        {"format": "fields"},
        {"format": "text", "schema": {"a": "b"}},
        {"format": "fields", "schema": {"a": "b"}, "main": True},
        {"format": "fields", "schema": {"a": {"selector": "b", "attr": "c", "fields": {"d": "e"}}}},
        {"format": "fields", "schema": {}},
        {"ref": "@e1", "selector": "css=p"},
    ],
)
def test_what_does_not_go_together_is_refused(input: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadInput.model_validate(input)
