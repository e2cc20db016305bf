"""What the program has is in its page: settings, commands, routes, functions, actions."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from pydantic import BaseModel

from agent_browser.api.app import create_app
from agent_browser.api.metrics import Metrics
from agent_browser.models.catalogue import INPUTS, OUTPUTS
from agent_browser.models.events import EVENT_TYPES
from agent_browser.models.functions import ActionName, Element, FunctionOutput
from agent_browser.models.sessions import EndReason, SessionCreate
from agent_browser.settings import PREFIX, Settings
from tests.docs import blocks
from tests.docs.commands import commands, serve_options
from tests.docs.markdown import ROOT, names, read, rows, section

API = read("docs/http-api.md")
COMMON = {"session_id", "dialog", "file_chooser"}
PAGE_FIELDS = {"elements", "elements_text", "total", "tree", "delta", "tabs"}


@pytest.mark.parametrize("document", blocks.pages(), ids=lambda path: path.name)
def test_what_is_made_from_the_program_is_as_the_program_is(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    wanted = [name for name, (place, _) in blocks.BLOCKS.items() if place == document.name]
    assert all(f"<!-- begin: {name} -->" in text for name in wanted)
    assert text == blocks.filled(text), "python -m tests.docs.blocks writes it anew"


def test_every_setting_is_in_its_page_under_a_heading() -> None:
    page = read("docs/settings.md")
    listed = [name for row in rows(page) for name in names(row[0])]
    assert sorted(listed) == sorted(PREFIX + name.upper() for name in Settings.model_fields)
    assert "## Others" not in page


def test_every_setting_is_an_option_of_serve() -> None:
    options = serve_options()
    assert set(Settings.model_fields) <= set(options)
    page = read("docs/settings.md")
    for name in Settings.model_fields:
        assert all(f"`{flag}`" in page for flag in options[name].names)


def test_every_command_has_its_section_with_every_option() -> None:
    page = read("docs/cli.md")
    for command in commands():
        text = section(page, f"### {command.name}")
        for option in command.options:
            assert f"`{option.names[0]}" in text, f"{command.name} {option.names}"


def test_every_command_is_in_the_readme() -> None:
    table = section(read("README.md"), "## Commands")
    for command in commands():
        assert re.search(rf"`{command.name}\b", table), command.name


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The OpenAPI description; what is behind the routes is not asked for it."""
    nothing = cast("Any", None)
    return create_app(
        Settings(),
        nothing,
        nothing,
        nothing,
        operations=nothing,
        hub=nothing,
        hooks=nothing,
        metrics=Metrics(),
    ).openapi()


def test_every_route_is_in_the_table_and_no_other(described: dict[str, Any]) -> None:
    routes = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    table = section(API, "## Routes")
    assert {name for row in rows(table) for name in names(row[0]) if " /" in name} == routes


def test_every_route_answers_with_codes_that_the_page_names(described: dict[str, Any]) -> None:
    for methods in described["paths"].values():
        for operation in methods.values():
            text = _about(operation["operationId"])
            for code in _codes(operation):
                assert f"`{code}`" in text, f"{operation['operationId']}: {code}"


def _about(operation: str) -> str:
    """Where the page tells of the operation: its function's own section, and that of all."""
    head, _, function = operation.partition("_")
    if head not in ("call", "session") or function not in INPUTS:
        return API
    common = section(API, "## Functions").partition("\n### ")[0]
    if operation == "session_run":
        common += section(API, "## Runs")
    return common + section(API, f"### {'open' if function == 'run' else function}")


def _codes(operation: dict[str, Any]) -> list[str]:
    return [
        code
        for status, response in operation["responses"].items()
        if status.isdigit() and int(status) >= 400
        for code in re.findall(r"`(\w+)`", response["description"])
    ]


@pytest.mark.parametrize("function", sorted(set(INPUTS) - {"run"}))
def test_every_field_of_a_function_is_in_its_section(function: str) -> None:
    text = section(API, f"### {function}")
    _has_all(text, INPUTS[function], leave_out=_ACTION_FIELDS if function == "interact" else set())
    inherited = PAGE_FIELDS if function in ("snapshot", "interact") else set()
    if function == "snapshot":
        assert "The output is that of `open`." in text
        inherited = set(OUTPUTS["open"].model_fields)
    _has_all(text, OUTPUTS[function], leave_out={*COMMON, *inherited})


_ACTION_FIELDS = {"name", "content_type"}
"""Of uploads' files; all others of interact's are in the tables or in the line on `wait`."""


def test_what_every_answer_has_is_told_before_the_functions() -> None:
    common = section(API, "## Functions").partition("\n### ")[0]
    assert set(FunctionOutput.model_fields) == COMMON
    assert all(f"`{name}`" in common for name in COMMON)


def test_every_field_of_an_element_is_in_the_page() -> None:
    _has_all(section(API, "#### elements"), Element)


def test_every_field_of_a_new_session_is_in_the_page() -> None:
    own = {"name", "tags", "metadata", "timeouts"}
    text = section(API, "## Sessions")
    assert own <= set(SessionCreate.model_fields)
    assert own <= {name for row in rows(text) for name in names(row[0])}


def test_every_action_is_in_the_page_and_no_other() -> None:
    table = section(API, "### interact")
    listed = [
        name
        for row in rows(table)
        if len(row) == 3
        for name in names(row[0])
        if row[1] != "default"
    ]
    fields = set(INPUTS["interact"].model_fields)
    assert set(listed) - fields == set(get_args(ActionName)) - fields
    for action in get_args(ActionName):
        assert f"| `{action}` |" in table, action


def test_every_end_of_a_session_is_in_the_page() -> None:
    table = section(read("docs/sessions.md"), "### The end")
    listed = {name for row in rows(table) for name in names(row[0])}
    assert listed - {"end_reason"} == set(get_args(EndReason))


def test_every_metric_is_in_the_page() -> None:
    said = Metrics().render().decode()
    found = re.findall(r"^# TYPE (agent_browser_\w+) (\w+)$", said, re.M)
    kept = [name for name, _ in found if not name.endswith("_created")]
    listed = {name for row in rows(API) for name in names(row[0]) if name.startswith("agent_")}
    assert kept
    assert set(kept) <= listed


@pytest.mark.parametrize("name", ["demo", "test", "setup", "serve", "check", "bench", "lock"])
def test_every_script_is_in_its_page(name: str) -> None:
    assert (ROOT / "scripts" / name).is_file()
    assert f"| `scripts/{name}` |" in read("docs/contributing.md")


def test_no_script_is_missing_in_its_page() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if not path.suffix and path.is_file()]
    page = read("docs/contributing.md")
    assert all(f"`scripts/{path.name}`" in page for path in scripts)


def _has_all(text: str, model: type[BaseModel], leave_out: Iterable[str] = ()) -> None:
    written = {word for found in names(text) for word in re.findall(r"\w+", found)}
    assert set(model.model_fields) - set(leave_out) <= written


def test_every_event_is_in_its_page_and_no_other() -> None:
    table = section(read("docs/events.md"), "## Types")
    assert {name for row in rows(table) for name in names(row[0])} - {"type"} == set(EVENT_TYPES)
