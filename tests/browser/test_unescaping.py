r"""What texts mean without their escapes, and where in them that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.browser.unescaping import Unescaped


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Plain Text", "plain text"),
        ("a%20b%2Bc%2520d+e", "a b c d e"),
        ("100%25 of 5%2", "100% of 5%2"),
        ("W%C3%B6rd w%c3%b6rd", "wörd wörd"),
        ("&lt;a&#32;&#x62;&amp;&AMP;&quot;&apos;&bogus;&#99999999;", "<a b&&\"'&bogus;&#99999999;"),
        (r"a\nb\\nc\\\"d\/e\u0041\x42\u{1F600}\\z\u12", 'a b c"d/eab😀\\z\\u12'),
        ("a \t\n b\u00a0\u2003\u3000c", "a b c"),
        ("%5B%22a%5Cnb%22%5D", '["a b"]'),
        ("&quot;a\\&quot;b", '"a"b'),
    ],
)
def test_escapes_are_put_back(written: str, meant: str) -> None:
    assert Unescaped(written.encode()).data.decode() == meant


@pytest.mark.parametrize(
    ("written", "meant", "there"),
    [
        (r"xx  %41b\\\"c&#x64; xx", b'ab"cd', r"%41b\\\"c&#x64;"),
        ("%25%32%35 ab   cd ab", b"ab cd", "ab   cd"),
        ("\u00a0\u00a0 ab%C2%A0 cd", b" ab cd", "\u00a0\u00a0 ab%C2%A0 cd"),
        ("a%20b" * 3, b"a ba ba b", "a%20b" * 3),
        ("&amp;&amp;x&amp;", b"x", "x"),
    ],
)
def test_it_knows_where_something_was_written(written: str, meant: bytes, there: str) -> None:
    data = written.encode()
    unescaped = Unescaped(data)
    at = unescaped.data.index(meant)
    start, end = unescaped.span(at, at + len(meant))
    assert data[start:end].decode() == there


@given(st.lists(st.sampled_from(["%41", "%25", "\\", '\\"', "\\n", " ", "+", "&#65;", "é", "x"])))
def test_the_pieces_of_what_it_means_are_all_that_was_written(parts: list[str]) -> None:
    data = "".join(parts).encode()
    unescaped = Unescaped(data)
    spans = dict.fromkeys(unescaped.span(at, at + 1) for at in range(len(unescaped.data)))
    covered = 0
    for start, end in spans:  # bytes of one character are in one piece
        assert start == covered < end
        covered = end
    assert covered == len(data)
    assert len(unescaped.data) <= len(data)
