"""The short commands that act."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

INPUTS: list[tuple[list[str], dict[str, Any]]] = [
    (["click", "@e1"], {"action": "click", "ref": "@e1"}),
    (["click", "text=Go", "--timeout", "2"], {"action": "click", "ref": "text=Go", "timeout": 2}),
    (["dblclick", "e1"], {"action": "dblclick", "ref": "e1"}),
    (["hover", "@e1"], {"action": "hover", "ref": "@e1"}),
    (["check", "@e1"], {"action": "check", "ref": "@e1"}),
    (["uncheck", "@e1"], {"action": "uncheck", "ref": "@e1"}),
    (["fill", "@e1", "Ada Lovelace"], {"action": "fill", "ref": "@e1", "text": "Ada Lovelace"}),
    (["fill", "@e1", "-5"], {"action": "fill", "ref": "@e1", "text": "-5"}),
    (["fill", "@e1", ""], {"action": "fill", "ref": "@e1", "text": ""}),
    (["type", "--", "--json"], {"action": "type", "text": "--json"}),
    (["type", "a", "--ref", "@e2"], {"action": "type", "text": "a", "ref": "@e2"}),
    (["press", "Control+a"], {"action": "press", "text": "Control+a"}),
    (["select", "@e1", "one", "two"], {"action": "select", "ref": "@e1", "text": ["one", "two"]}),
    (["scroll"], {"action": "scroll", "direction": "down"}),
    (["scroll", "up", "50"], {"action": "scroll", "direction": "up", "scroll_amount": 50}),
    (["back"], {"action": "back"}),
    (["forward"], {"action": "forward"}),
    (["reload"], {"action": "reload"}),
    (["wait"], {"action": "wait"}),
    (["wait", "250"], {"action": "wait", "wait_ms": 250}),
    (["wait", "#done", "--state", "hidden"],
     {"action": "wait", "selector": "#done", "state": "hidden"}),
    (["wait", "--text", "Done", "--until-url", "**/done"],
     {"action": "wait", "text": "Done", "url": "**/done"}),
    (["wait", "--download"], {"action": "wait", "download": True}),
    (["wait", "--no-download"], {"action": "wait", "download": False}),
    (["wait", "--response", "**/api/*"], {"action": "wait", "response": "**/api/*"}),
    (["wait", "--load-state", "load"], {"action": "wait", "load_state": "load"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "input"), INPUTS, ids=lambda x: " ".join(x)[:30])
def test_a_command_is_one_action(
    fake: FakeServer, run: Run, arguments: list[str], input: dict[str, Any]
) -> None:
    run("open", "example.com")
    done = run(*arguments)

    assert done.code == 0, done.err
    assert fake.calls[-1][0] == "interact"
    assert fake.calls[-1][2] == {**input, "snapshot": "delta_only"}


def test_an_action_prints_where_the_page_is_and_what_is_new(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")

    assert run("click", "@e2").out.splitlines() == ["Fake — example.com", "+ @e3 [p]", "- @e1"]


def test_an_action_that_was_not_done_fails_with_its_message(fake: FakeServer, run: Run) -> None:
    run("open", "example.com")
    done = run("click", "@e99")
    as_json = run("click", "@e99", "--json")

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "agent-browser: Unknown ref: @e99. Run 'snapshot' to get current elements.\n"
    )
    assert as_json.code == 1
    assert json.loads(as_json.out)["code"] == "unknown_ref"


@pytest.mark.parametrize(
    "arguments",
    [
        ["click"],
        ["click", "@e1", "--nope"],
        ["scroll", "sideways"],
        ["scroll", "up", "far"],
        ["clik", "@e1"],
        ["select", "@e1"],
        ["fill", "@e1", "text", "more"],
    ],
)
def test_silly_input_is_one_clear_line(fake: FakeServer, run: Run, arguments: list[str]) -> None:
    run("open", "example.com")
    done = run(*arguments)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("agent-browser: ")
    assert done.err.count("\n") == 1
    assert len(fake.calls) == 1
