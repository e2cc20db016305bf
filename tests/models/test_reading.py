"""What can be asked of `read` and `pdf`, and what is refused with words that help."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.models.reading import PdfInput, ReadInput


@pytest.mark.parametrize(
    ("rule", "place", "message"),
    [
        ("", ("schema", "a", "text"), "at least 1 character"),
        (None, ("schema", "a", "object"), "valid dictionary"),
        ({"selector": "p", "type": "x"}, ("schema", "a", "object", "type"), "Input should be"),
        ({"fields": {"b": ""}}, ("schema", "a", "object", "fields", "b", "text"), "at least 1"),
    ],
)
def test_a_wrong_rule_is_named_by_its_place(
    rule: Any, place: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ReadInput.model_validate({"format": "fields", "schema": {"a": rule}})
    (fault,) = caught.value.errors()
    assert fault["loc"] == place
    assert message in fault["msg"]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ({"margins": "wide"}, "a length is such as 1cm"),
        ({"margins": "1cm\n"}, "a length is such as 1cm"),
        ({"margins": {"top": "x"}}, "a length is such as 1cm"),
        ({"pages": ""}, "pages are such as 1-3, 5, 8-"),
        ({"pages": "3-1"}, "begins with the smaller"),
        ({"pages": "0"}, "count from 1"),
        ({"format": "B5"}, "'A4'"),
    ],
)
def test_paper_that_can_not_be_is_refused(input: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PdfInput.model_validate(input)


@pytest.mark.parametrize("format", ["A4", "a4", "letter", "LETTER"])
def test_paper_is_named_in_any_case(format: str) -> None:
    assert PdfInput.model_validate({"format": format}).format in ("A4", "Letter")
