"""The commands of tabs, dialogs, mouse, finger and keys."""

import json
from typing import Any

import pytest

from agent_browser.cli.printing import aside_lines
from agent_browser.cli.tabs import tab_lines
from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

INPUTS: list[tuple[list[str], dict[str, Any]]] = [
    (["tab", "new"], {"action": "tab_new"}),
    (["tab", "new", "example.com"], {"action": "tab_new", "url": "example.com"}),
    (["tab", "switch", "t2"], {"action": "tab_switch", "tab": "t2"}),
    (["tab", "close"], {"action": "tab_close"}),
    (["tab", "close", "t2"], {"action": "tab_close", "tab": "t2"}),
    (["dialog", "accept"], {"action": "dialog", "accept": True}),
    (["dialog", "accept", "Ada", "--tab", "t2"],
     {"action": "dialog", "accept": True, "text": "Ada", "tab": "t2"}),
    (["dialog", "accept", "-1"], {"action": "dialog", "accept": True, "text": "-1"}),
    (["dialog", "dismiss"], {"action": "dialog", "accept": False}),
    (["mouse", "move", "10", "-20.5"], {"action": "move", "x": 10, "y": -20.5}),
    (["mouse", "click", "10", "20", "--button", "right", "--count", "2"],
     {"action": "click", "x": 10, "y": 20, "button": "right", "click_count": 2}),
    (["mouse", "down"], {"action": "down"}),
    (["mouse", "up", "--button", "middle"], {"action": "up", "button": "middle"}),
    (["mouse", "wheel", "-300"], {"action": "wheel", "x": 0, "y": -300}),
    (["mouse", "drag", "1,2", "30,40"],
     {"action": "drag", "path": [{"x": 1, "y": 2}, {"x": 30, "y": 40}]}),
    (["swipe", "1,2", "30,40", "5,6"],
     {"action": "swipe", "path": [{"x": 1, "y": 2}, {"x": 30, "y": 40}, {"x": 5, "y": 6}]}),
    (["drag", "@e1", "@e2"], {"action": "drag", "ref": "@e1", "target_ref": "@e2"}),
    (["right-click", "@e1"], {"action": "right_click", "ref": "@e1"}),
    (["tap", "@e1"], {"action": "tap", "ref": "@e1"}),
    (["tap", "120, 30.5"], {"action": "tap", "x": 120, "y": 30.5}),
    (["tap", "ul,ol"], {"action": "tap", "ref": "ul,ol"}),
    (["focus", "@e1"], {"action": "focus", "ref": "@e1"}),
    (["clear", "@e1"], {"action": "clear", "ref": "@e1"}),
    (["insert", "-x", "--ref", "@e1"], {"action": "insert_text", "text": "-x", "ref": "@e1"}),
    (["key", "down", "Shift"], {"action": "key_down", "text": "Shift"}),
    (["key", "up", "Shift"], {"action": "key_up", "text": "Shift"}),
    (["press", "a", "Control+a", "--delay", "5"],
     {"action": "press", "text": ["a", "Control+a"], "delay": 5}),
    (["type", "abc", "--delay", "50"], {"action": "type", "text": "abc", "delay": 50}),
    (["click", "@e1", "--modifier", "Shift", "--modifier", "Alt", "--button", "middle"],
     {"action": "click", "ref": "@e1", "modifiers": ["Shift", "Alt"], "button": "middle"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "input"), INPUTS, ids=lambda x: " ".join(x)[:30])
def test_a_command_is_one_action(
    fake: FakeServer, run: Run, arguments: list[str], input: dict[str, Any]
) -> None:
    run("open", "example.com")
    done = run(*arguments)

    assert done.code == 0, done.err
    assert fake.calls[-1][2] == {**input, "snapshot": "delta_only"}


@pytest.mark.parametrize("arguments", [["tab", "list"], ["dialog", "status"]])
def test_what_is_only_asked_takes_no_look(fake: FakeServer, run: Run, arguments: list[str]) -> None:
    run("open", "example.com")
    done = run(*arguments)
    as_json = run(*arguments, "--json")

    assert (done.code, as_json.code) == (0, 0)
    assert fake.calls[-1][2] == {"action": "tab_list", "snapshot": False}
    assert json.loads(as_json.out) is not None


def test_tabs_are_listed_a_line_each_and_the_active_one_is_marked() -> None:
    tabs: list[dict[str, Any]] = [
        {"id": "t1", "url": "http://a/", "title": "A", "active": False, "opener": None},
        {"id": "t2", "url": "http://b/", "title": "", "active": True, "opener": "t1"},
    ]
    assert list(tab_lines(tabs)) == ["  t1  A — http://a/", "* t2  http://b/ (opened by t1)"]


def test_a_dialog_that_waits_is_said_with_what_to_do() -> None:
    said = list(
        aside_lines(
            {
                "dialog": {"type": "confirm", "message": "Sure?\n", "tab": "t1"},
                "dialogs": [
                    {"type": "prompt", "message": "Name?", "response": "accepted", "text": "Ada"}
                ],
            }
        )
    )
    assert said == [
        'prompt "Name?" was accepted with "Ada"',
        'confirm "Sure?" waits in t1: dialog accept, or dialog dismiss',
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["tab", "switch"],
        ["swipe", "1,2"],
        ["swipe", "1,2", "x,y"],
        ["mouse", "move", "far", "1"],
        ["mouse", "drag", "1,2,3", "4,5"],
        ["key", "down"],
        ["dialog", "maybe"],
        ["tab", "switch", "two"],
        ["mouse", "click", "1", "2", "--button", "wrong"],
        ["mouse", "move", "1000001", "1"],
        ["click", "@e1", "--modifier", "Hyper"],
    ],
)
def test_silly_input_is_one_clear_line(fake: FakeServer, run: Run, arguments: list[str]) -> None:
    run("open", "example.com")
    done = run(*arguments)

    assert done.code in (1, 2)
    assert done.out == ""
    assert done.err.startswith("agent-browser: ")
    assert done.err.count("\n") == 1
    assert len(fake.calls) == 1
