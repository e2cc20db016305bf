"""Fields: rules as the page's side takes them, and its texts as the values that were asked for."""

import re
from typing import Any

from agent_browser.models.reading import FieldRule, Schema

_NUMBER = re.compile(
    r"(?:(?<!\w)([-\u2212])\s?(?:[^\w\s.,\-]\s?)?)?"
    r"(\d{1,3}(?:[ '\u2019\u00a0\u202f.,]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
)
"""A sign, perhaps of currency after it, then digits in groups of three or in a row."""


def rules_of(schema: Schema) -> list[list[Any]]:
    """The rules in order, as pairs of name and what the page's side needs."""
    return [[name, _wire(_rule(rule))] for name, rule in schema.items()]


def values_of(schema: Schema, found: list[list[Any]]) -> dict[str, Any]:
    """What was found, by name, with numbers as numbers."""
    values = dict(found)
    return {name: _value(_rule(rule), values.get(name)) for name, rule in schema.items()}


def is_missing(value: Any) -> bool:
    """Whether nothing was found for a rule."""
    return value is None or value == []


def number_of(text: str) -> int | float | None:
    """The first number in a text: signs of currency, and dots, commas and spaces among its digits,
    are understood; None where there is none.
    """
    match = _NUMBER.search(text[:10_000])
    if match is None:
        return None
    digits = re.sub(r"[^\d.,]", "", match[2])
    decimal = _decimal_sign(digits)
    whole, _, part = digits.rpartition(decimal) if decimal else (digits, "", "")
    whole = re.sub(r"\D", "", whole)[:300]
    sign = "-" if match[1] else ""
    return float(f"{sign}{whole}.{part[:300]}") if decimal else int(sign + whole)


def _decimal_sign(digits: str) -> str:
    """Which of dot and comma is before the fraction; "" where neither is."""
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        last = max(".", ",", key=digits.rfind)
        return last if digits.count(last) == 1 else ""
    if dots + commas != 1:
        return ""
    if commas:
        return "" if re.fullmatch(r"\d{1,3},\d{3}", digits) else ","
    return "."


def _rule(rule: FieldRule | str) -> FieldRule:
    return FieldRule(selector=rule) if isinstance(rule, str) else rule


def _wire(rule: FieldRule) -> dict[str, Any]:
    return {
        "selector": rule.selector,
        "attr": rule.attr,
        "type": rule.type,
        "all": rule.is_many,
        "fields": None if rule.fields is None else rules_of(rule.fields),
    }


def _value(rule: FieldRule, found: Any) -> Any:
    if rule.is_many:
        return [_one(rule, item) for item in found or []]
    return _one(rule, found)


def _one(rule: FieldRule, found: Any) -> Any:
    if found is None:
        return None
    if rule.fields is not None:
        return values_of(rule.fields, found)
    return number_of(found) if rule.type == "number" else found
