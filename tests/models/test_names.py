"""Names of files, made plain."""

import pytest
from hypothesis import given, settings, strategies

from agent_browser.models.names import distinct, file_name


@settings(deadline=None)
@given(strategies.text(min_size=1, max_size=300))
def test_a_file_name_is_never_a_path(given_name: str) -> None:
    name = file_name(given_name)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0\n")
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\b.doc", "b.doc"),
        ("..", "file"),
        ("a\x00b", "a_b"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ("gpj\u202e.exe", "gpj.exe"),
        ("folder/", "folder"),
        (".._.._etc_passwd", "_._etc_passwd"),
        ("e\u0301" * 100 + ".txt", "e\u0301" * 65 + ".txt"),
    ],
)
def test_names_lose_their_path(asked: str, name: str) -> None:
    assert file_name(asked) == name


def test_names_in_a_zip_are_distinct_whatever_their_case() -> None:
    given = ["a.txt", "A.txt", "a (2).txt", "b", "b", ".hidden", ".hidden"]
    assert distinct(given) == [
        "a.txt", "A (2).txt", "a (2) (2).txt", "b", "b (2)", ".hidden", ".hidden (2)",
    ]  # fmt: skip
