"""What a caller's text names, and to which document a number belongs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.browser.refs import Numbers, Ref, Selector, parse
from agent_browser.errors import ActionFailed


@pytest.mark.parametrize("text", ["@e7", "e7", "ref=e7", " @e7 "])
def test_three_spellings_name_the_same_ref(text: str) -> None:
    assert parse(text) == Ref(7)


@pytest.mark.parametrize(
    "text",
    [
        "css=a",
        "text=Sign in",
        'role=button[name="Save"]',
        "xpath=//a",
        "//button",
        "#id",
        ".class",
        "a > b",
        "button",
        "my-element",
        "[name=q]",
        'data-testid="x"',
    ],
)
def test_what_reads_as_a_selector_is_one(text: str) -> None:
    assert parse(text) == Selector(text)


@pytest.mark.parametrize("text", ["@x", "@e", "@7", "@e7x", "7", "", "   ", "foo", "@e-1", "@@e1"])
def test_anything_else_is_an_invalid_ref_in_the_original_words(text: str) -> None:
    with pytest.raises(ActionFailed) as caught:
        parse(text)
    assert caught.value.detail == f"Invalid ref format: {text}. Expected @e1, @e2, etc."
    assert caught.value.failure == "invalid_ref"


def test_a_number_never_given_out_is_unknown_in_the_original_words() -> None:
    with pytest.raises(ActionFailed) as caught:
        Numbers().document_of(Ref(99))
    assert caught.value.detail == ("Unknown ref: @e99. Run 'snapshot' to get current elements.")


def test_a_number_of_a_forgotten_document_is_stale_and_stays_taken() -> None:
    numbers = Numbers()
    numbers.given(5, "one", 1)
    numbers.given(9, "two", 1)
    numbers.keep({"two"})
    assert numbers.document_of(Ref(5)) == "two"
    assert numbers.document_of(Ref(4)) == ""
    assert numbers.next == 9


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcd")), max_size=40))
def test_every_number_is_found_in_the_document_it_was_given_out_in(
    steps: list[tuple[int, str]],
) -> None:
    numbers = Numbers()
    given_out: dict[int, str] = {}
    for count, document in steps:
        for number in range(numbers.next, numbers.next + count):
            given_out[number] = document
        numbers.given(numbers.next + count, document, 1)
    for number, document in given_out.items():
        assert numbers.document_of(Ref(number)) == document
