"""`commands`, and what `scrape` refuses before it asks anybody."""

import json

import pytest

from agent_browser.models.catalogue import INPUTS
from agent_browser.settings import Settings
from tests.cli.conftest import Run
from tests.docs.commands import commands


def test_every_command_is_listed_with_what_can_be_typed(run: Run) -> None:
    done = run("commands", "--json")
    assert done.code == 0
    said = json.loads(done.out)
    by_name = {one["name"]: one for one in said["commands"]}
    assert list(by_name) == [one.name for one in commands()]
    assert all(one["help"] and one["usage"] for one in by_name.values())
    width = next(one for one in by_name["open"]["options"] if one["names"] == ["--width"])
    assert width["type"] == "integer"
    assert width["takes_value"]
    (url,) = by_name["open"]["arguments"]
    assert url["required"]
    assert by_name["scrape"]["arguments"][0]["repeatable"]
    serve = {name for one in by_name["serve"]["options"] for name in one["names"]}
    assert len(serve) >= len(Settings.model_fields)


def test_every_function_is_listed_with_its_input(run: Run) -> None:
    said = json.loads(run("commands", "--json").out)
    functions = said["functions"]
    assert set(functions) == set(INPUTS)
    assert "url" in functions["open"]["required"]
    assert said["requests"]["compare"]["required"] == ["a", "b"]
    assert said["requests"]["scrape"]["required"] == ["urls"]


def test_without_json_each_command_is_a_line(run: Run) -> None:
    lines = run("commands").out.splitlines()
    assert len(lines) == len(commands())
    assert lines[0].startswith("agent-browser open URL ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "scrape needs addresses"),
        (("--file", "none.txt"), "none.txt: No such file"),
        (("a", "--retries", "-1"), "--retries can't be negative"),
        (("a", "--concurrency", "65"), "less than or equal to 64"),
        (("a", "--options", "{"), "--options is not JSON"),
        (("a", "--options", '{"nope": 1}'), "there is no such field"),
        (("a", "--read", "no such"), "read"),
        (("a", "--reading", "{"), "--reading is not JSON"),
        (("a", "--reading", '{"function": "close"}'), "there is no function 'close' to read with"),
        (("a", "--reading", '{"function": "read", "input": {"format": "fields"}}'), "schema"),
    ],
)
def test_what_scrape_can_not_do_is_said_at_once(
    run: Run,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    done = run("scrape", *arguments, "--no-autostart")
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


def test_scrape_says_that_no_server_answers(run: Run, free_port: int) -> None:
    done = run("scrape", "a", "--url", f"http://127.0.0.1:{free_port}", "--no-autostart")
    assert done.code == 3
    assert done.out == ""
