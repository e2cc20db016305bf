import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.errors import InvalidRequest
from agent_browser.store import cursors


def test_a_cursor_gives_back_its_keys_to_the_same_question() -> None:
    cursor = cursors.write("list", ("alice", None), True, 12, "ses_x")
    assert cursors.read(cursor, "list", ("alice", None), bool, int, str) == (True, 12, "ses_x")


@pytest.mark.parametrize(
    ("kind", "question", "types"),
    [
        ("log", ("alice",), (int,)),
        ("list", ("bob",), (int,)),
        ("list", ("alice",), (str,)),
        ("list", ("alice",), (int, int)),
        ("list", ("alice",), (bool,)),
    ],
)
def test_a_cursor_of_another_list_is_refused(
    kind: str, question: object, types: tuple[type, ...]
) -> None:
    cursor = cursors.write("list", ("alice",), 12)
    with pytest.raises(InvalidRequest):
        cursors.read(cursor, kind, question, *types)


@pytest.mark.parametrize("key", [2**63, -(2**70), float("nan"), float("inf")])
def test_numbers_that_no_database_has_are_refused(key: float) -> None:
    with pytest.raises(InvalidRequest):
        cursors.read(cursors.write("list", "q", key), "list", "q", type(key))


@given(st.text(max_size=100))
def test_whatever_is_sent_as_a_cursor_is_refused_in_the_same_words(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not of this list"):
        cursors.read(text, "list", "question", int)
