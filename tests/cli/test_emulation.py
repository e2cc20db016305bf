"""The commands emulate and set."""

from typing import Any

import pytest

from agent_browser.cli.emulation import options_of
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("viewport 800 600", {"width": 800, "height": 600}),
        ("geo 47.4 -8.5", {"geolocation": {"latitude": 47.4, "longitude": -8.5, "accuracy": 0}}),
        ("geo 1 2 3", {"geolocation": {"latitude": 1, "longitude": 2, "accuracy": 3}}),
        ("geo none", {"geolocation": "none"}),
        ("credentials none", {"http_credentials": "none"}),
        ("offline", {"offline": True}),
        ("offline off", {"offline": False}),
        ('headers {"a":"b"}', {"extra_headers": {"a": "b"}}),
        ('headers {"a":"b"} https://x', {"headers_by_origin": {"https://x": {"a": "b"}}}),
        ("credentials bob pw", {"http_credentials": {"username": "bob", "password": "pw"}}),
        ("media dark print", {"color_scheme": "dark", "media": "print"}),
        ("throttle slow-3g 4", {"throttle": "slow-3g", "cpu_slowdown": 4}),
    ],
)
def test_a_word_and_its_values_are_fields(words: str, options: dict[str, Any]) -> None:
    what, *values = words.split(" ")
    assert options_of(what, values) == options


@pytest.mark.parametrize(
    "words",
    ["viewport 800", "viewport a b", "device iPhone 15", "geo 1", "geo 1 2 3 4", "offline maybe",
     "headers nonsense", "headers [1]", "credentials bob", "media", "media purple", "throttle",
     "throttle 3g 2 2", "colour red"],
)  # fmt: skip
def test_another_form_is_refused_with_the_right_one(run: Run, words: str) -> None:
    done = run("set", *words.split(" "))
    assert done.code == 2
    assert done.out == ""
    assert ("usage: set " in done.err) or ("set knows viewport" in done.err)


def test_options_and_json_go_together(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    run("emulate", "-i", '{"contrast": "more"}', "--color-scheme", "dark", "--offline")
    assert fake.calls[-1][0] == "emulate"
    assert fake.calls[-1][2] == {"contrast": "more", "color_scheme": "dark", "offline": True}


def test_what_is_in_force_is_printed(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done = run("set", "geo", "47", "-8")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == ["viewport 800 by 600", "offline true"]
