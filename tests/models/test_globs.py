"""Globs of addresses."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.models.globs import Finder, Glob, Place

PAGE = "https://h.example/a/b.png?x=1"


@pytest.mark.parametrize(
    ("pattern", "address", "fits"),
    [
        ("**", PAGE, True),
        (PAGE, PAGE, True),
        ("**/*.png?x=1", PAGE, True),
        ("**/*.png", PAGE, False),
        ("**/*.png*", PAGE, True),
        ("**/a/*", PAGE, True),
        ("https://*/a/*", PAGE, True),
        ("https://*", PAGE, False),
        ("https://**", PAGE, True),
        ("**/{a,c}/b.{jpg,png}?*", PAGE, True),
        ("**/{a,c}/b.{jpg,gif}?*", PAGE, False),
        ("https://h.example/**/b.png**", PAGE, True),
        ("https://h.example/a/**/b.png**", PAGE, True),
        ("https://h.example/a**/c.png**", PAGE, False),
        ("*", "word", True),
        ("*", "a/b", False),
        ("**a**b**c", "xaybzc", True),
        ("**a**b**c", "xaybzd", False),
        ("**/b", "b", True),
        ("https://H.Example:443/a/**", PAGE, True),
        ("https://h.example", "https://h.example/", True),
        ("https://bücher.example/**", "https://xn--bcher-kva.example/a", True),
        ("http://[::1]:80/**", "http://[::1]/a", True),
        ("**/caf\u00e9 *", "https://h.example/caf%C3%A9%20au%20lait", True),
        ("**/b.png\\?x=1", PAGE, True),
        ("**/\\*", "https://h.example/*", True),
        ("**/\\*", "https://h.example/a", False),
        ("**/\\{a,b\\}", "https://h.example/{a,b}", True),
        ("**/{a\\,b,c}", "https://h.example/a,b", True),
    ],
)
def test_a_glob_is_of_the_whole_address(pattern: str, address: str, fits: bool) -> None:
    assert Glob(pattern).matches(address) is fits


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "characters"),
        ("a" * 2_049, "characters"),
        ("*a" * 33, "wildcards"),
        ("{a", "without its '}'"),
        ("a}", "without its '{'"),
        ("{a{b}}", "inside another"),
        ("{a,b,c,d}" * 4, "alternatives"),
    ],
)
def test_what_is_no_glob_is_said_to_be_none(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Glob(pattern)


def test_a_finder_takes_a_glob_or_a_part() -> None:
    assert Finder("/a/b").finds(PAGE)
    assert not Finder("/a/c").finds(PAGE)
    assert Finder("**/b.png?x=1").finds(PAGE)
    assert not Finder("**/b.png").finds(PAGE)


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        (PAGE, True),
        ("HTTPS://H.example:443/a/b.png?x=1", True),
        ("https://h.example/a", False),
        ("https://h.example", False),
        ("/a/b.png", True),
        ("h.example", True),
        ("h.example:443", False),
        ("**?x=1", True),
        ("about:blank", False),
    ],
)
def test_a_place_is_a_glob_an_address_or_a_part_of_one(text: str, is_there: bool) -> None:
    assert Place(text).is_at(PAGE) is is_there


@given(st.text(alphabet="ab/*", max_size=24), st.text(alphabet="ab/", max_size=60))
def test_any_two_have_an_answer_and_all_fit_the_widest(pattern: str, address: str) -> None:
    if pattern:
        assert Glob(pattern).matches(address) in (True, False)
    assert Glob("**").matches(address)
    if address:
        assert Glob(address).matches(address)


def test_no_glob_makes_it_slow() -> None:
    started = time.process_time()
    assert not Glob("**a*" * 10 + "b").matches("a/" * 4_096)
    assert not Glob("*a" * 16 + "b").matches("a" * 8_192)
    assert time.process_time() - started < 2
