"""Faults of a whole model name fields of it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.api.problems import invalid
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.comparing import CompareInput
from agent_browser.models.running import RunInput

MODELS = Path(__file__).parents[2] / "agent_browser" / "models"


@pytest.mark.parametrize("file", sorted(MODELS.glob("*.py")), ids=lambda file: file.stem)
def test_no_validator_of_a_whole_model_raises_without_a_field(file: Path) -> None:
    for function in ast.walk(ast.parse(file.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        if not any("model_validator" in ast.unparse(mark) for mark in function.decorator_list):
            continue
        for one in ast.walk(function):
            if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call):
                assert ast.unparse(one.exc.func) == "Unfit", f"line {one.lineno}"
                assert len(one.exc.args) > 1, f"line {one.lineno} names no field"


def told(function: str, input: dict[str, Any]) -> tuple[str, list[str]]:
    kinds = INPUTS | {"compare": CompareInput, "steps": RunInput}
    with pytest.raises(ValidationError) as raised:
        kinds[function].model_validate(input)
    faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in raised.value.errors()]
    problem = invalid(faults)
    return problem.detail, [error["field"] for error in problem.fields["errors"]]


@pytest.mark.parametrize(
    ("function", "input", "fields"),
    [
        ("screenshot", {"ref": "@e1", "selector": "p"}, ["ref", "selector"]),
        ("screenshot", {"ref": "@e1", "full_page": True}, ["ref", "full_page"]),
        ("screenshot", {"type": "jpeg", "omit_background": True}, ["omit_background"]),
        ("open", {"url": "a.test", "height": True}, ["height"]),
        ("snapshot", {"limit": False}, ["limit"]),
        ("screenshot", {"quality": True, "type": "jpeg"}, ["quality"]),
        ("open", {"url": "a.test", "proxy_username": "me"}, ["proxy_url"]),
        ("open", {"url": "a.test", "passkeys": [{"rp_id": "a.test", "id": "YQ"}]},
         [f"passkeys.0.{name}" for name in ("id", "user_handle", "private_key", "public_key")]),
        ("open", {"url": "a.test", "permissions": ["camera", "foo"]}, ["permissions.1"]),
        ("open", {"url": "a.test", "storage_state": {"tea": []}}, ["storage_state.tea"]),
        ("open", {"url": "a.test", "storage_state": {"cookies": [5]}}, ["storage_state.cookies.0"]),
        ("open", {"url": "a.test", "storage_state": {"cookies": [{"name": "a", "value": "b"}]}},
         ["storage_state.cookies.0.domain"]),
        ("open", {"url": "a.test", "storage_state": {"cookies": [
            {"name": "a", "value": "b", "domain": "a.test", "path": "/", "sameSite": "lax"}]}},
         ["storage_state.cookies.0.sameSite"]),
        ("open", {"url": "a.test", "storage_state": {"cookies": [
            {"name": "a", "value": "b", "domain": "a.test", "path": "/", "expires": -2}]}},
         ["storage_state.cookies.0.expires"]),
        ("open", {"url": "a.test", "storage_state": {"origins": [{"origin": "file:///etc"}]}},
         ["storage_state.origins.0.origin"]),
        ("read", {"ref": "@e1", "selector": "p"}, ["ref", "selector"]),
        ("record", {"action": "stop", "fps": 5, "cursor": True}, ["cursor", "fps"]),
        ("record", {"action": "chapter"}, ["title"]),
        ("har", {"action": "stop", "url": "**"}, ["url"]),
        ("route", {"rules": [{"action": "block", "url": "**", "body": "x"}]}, ["rules.0.body"]),
        ("compare", {"a": {}, "b": "a.test"}, ["a.session", "a.url"]),
        ("steps", {"steps": [{"function": "screenshot",
                               "input": {"type": "jpeg", "omit_background": True}}]},
         ["steps.0.input.omit_background"]),
        ("steps", {"steps": [{"function": "snapshot"}], "stop": {}}, ["stop.url", "stop.text"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_names_its_fields(
    function: str, input: dict[str, Any], fields: list[str]
) -> None:
    detail, named = told(function, input)
    assert named == fields
    assert detail.startswith(", ".join(fields) + ": ")


def test_the_value_of_a_cookie_is_in_no_message() -> None:
    cookie = {"name": "sid", "value": ["hunter2"], "domain": "a.test", "path": "/"}
    detail, _ = told("open", {"url": "a.test", "storage_state": {"cookies": [cookie]}})
    assert "hunter2" not in detail
