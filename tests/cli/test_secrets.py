"""The commands on secrets: a value comes from stdin or a prompt, never from the command line."""

import io
import sys
from typing import Any

import pytest
import typer

from agent_browser.cli import secrets
from agent_browser.cli.exits import Failed
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer


class Stdin(io.TextIOWrapper):
    """What is piped in, or a terminal."""

    def __init__(self, data: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"hunter2\n", "hunter2"), (b" h\xc3\xbcnter 2 \r\nmore", " hünter 2 "), (b"x", "x")],
)
def test_a_value_is_the_first_line_of_stdin(
    monkeypatch: pytest.MonkeyPatch, data: bytes, value: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    assert secrets._value("value") == value


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\n"])
def test_no_value_is_a_failure(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    with pytest.raises(Failed):
        secrets._value("value")


def test_on_a_terminal_it_is_asked_for_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def prompt(text: str, **how: Any) -> str:
        asked.update(how, text=text)
        return "hunter2"

    monkeypatch.setattr(sys, "stdin", Stdin(b"", terminal=True))
    monkeypatch.setattr(typer, "prompt", prompt)
    assert secrets._value("value") == "hunter2"
    assert asked == {"text": "The secret's value", "hide_input": True, "err": True}


def test_where_it_may_be_typed_must_be_said(fake: FakeServer, run: Run) -> None:
    for options in ([], ["--origin", "a.test", "--any-origin"]):
        done = run("secrets", "set", "login", *options)
        assert (done.code, done.out) == (2, "")
        assert "--origin" in done.err


def test_an_action_types_a_text_or_a_secret(fake: FakeServer, run: Run) -> None:
    run("open", "one.example", "--new")
    for arguments in (["fill", "@e1"], ["fill", "@e1", "text", "--secret", "login"], ["type"]):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "--secret" in done.err
    assert secrets.typed("text", None) == "text"
    assert secrets.typed(None, "login") == {"secret": "login"}
