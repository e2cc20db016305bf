import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.store.words import MOST_TERMS, Term, indexed, indexed_url, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Billing  issue, No. 7!", ["billing", "issue", "no", "7"]),
        ("Crème brûlée ÀÉÎ Łódź", ["creme", "brulee", "aei", "łodz"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("snake_case-and-more", ["snake", "case", "and", "more"]),
        ("ﬁne ①", ["fine", "1"]),
        ("请求 Request 手机", ["请", "求", "request", "手", "机"]),
        ("iPhone手机", ["iphone", "手", "机"]),
        ("が", ["が"]),
        ("한국", ["한", "국"]),
        ("invoices classes bus class", ["invoice", "classe", "bus", "class"]),
        ("... --- !!!", []),
        ("", []),
    ],
)
def test_words_are_small_plain_and_singular(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_an_address_is_known_by_what_is_its_own() -> None:
    assert indexed_url("https://www.example.com/billing?id=3", 100) == "example com billing id 3"


def test_no_more_of_a_text_is_read_than_is_asked_for() -> None:
    assert indexed("one two three", 7) == "one two"


@given(st.text(max_size=200))
def test_what_is_indexed_has_letters_digits_and_single_spaces_alone(text: str) -> None:
    found = indexed(text, 200)
    assert all(part and all(sign.isalnum() or not sign.isascii() for sign in part)
               for part in found.split(" ") if found)  # fmt: skip
    assert found == found.strip()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("billing issue", [Term(("billing",)), Term(("issue",), is_open=True)]),
        ("billing issue ", [Term(("billing",)), Term(("issue",))]),
        ('"billing issue" bob', [Term(("billing", "issue")), Term(("bob",), is_open=True)]),
        ('"billing issue', [Term(("billing",)), Term(("issue",), is_open=True)]),
        ("a AND (b* OR c)", [
            Term(("a",)), Term(("and",)), Term(("b",)), Term(("or",)), Term(("c",), is_open=True),
        ]),
        ("https://example.com", [Term(("example", "com"), is_open=True)]),
        ("example.com/pay", [Term(("example", "com", "pay"), is_open=True)]),
        ("请求", [Term(("请", "求"))]),
        ("word word word ", [Term(("word",))]),
        ("!?* \"\" ''", []),
        ("   ", []),
    ],
)  # fmt: skip
def test_what_is_asked_is_read_as_people_mean_it(asked: str, expected: list[Term]) -> None:
    assert terms(asked) == expected


def test_a_question_has_a_bounded_number_of_words() -> None:
    assert len(terms(" ".join(map(str, range(100))))) == MOST_TERMS
