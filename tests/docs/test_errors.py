"""Every code is in docs/errors.md, with what its class says of it."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from agent_browser import errors
from agent_browser.api import problems
from agent_browser.browser import targets, translate
from agent_browser.client import errors as of_client
from agent_browser.errors import ActionFailed, AgentBrowserError, Recovery
from tests.docs.markdown import ROOT, names, read, rows, section

PAGE = read("docs/errors.md")


def classes(root: type[AgentBrowserError]) -> Iterator[type[AgentBrowserError]]:
    yield root
    for below in root.__subclasses__():
        yield from classes(below)


def codes_table() -> dict[str, list[str]]:
    return {
        name: row
        for row in rows(section(PAGE, "## Codes"))
        for name in names(row[1])
        if row[0].isdigit()
    }


def drawn(text: str) -> dict[str, str]:
    """Who is below whom in a tree of names: `├── A · B ── C, D` puts C and D below B."""
    parents: dict[str, str] = {}
    parent, (root, *lines) = "", text.splitlines()
    for line in lines:
        named, continued = line.lstrip("│ "), line.startswith("│")
        if not continued:
            upper, _, named = named.lstrip("├└─ ").split("   (")[0].partition(" ── ")
            parents |= dict.fromkeys(upper.split(" · "), root)
            parent = upper.split(" · ")[-1]
        parents |= {name: parent for name in named.rstrip(",").split(", ") if name}
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    (tree,) = re.findall(r"^ +AgentBrowserError\n(?: +[├│└].*\n)+", errors.__doc__ or "", re.M)
    assert drawn(inspect.cleandoc(tree)) == {
        kind.__name__: kind.__base__.__name__
        for kind in classes(AgentBrowserError)
        if kind.__module__ == errors.__name__ and kind is not AgentBrowserError and kind.__base__
    }


def test_every_code_is_in_the_table_and_no_other() -> None:
    ours = {
        kind.code
        for kind in classes(AgentBrowserError)
        if kind.__module__ == errors.__name__ and kind is not ActionFailed
    }
    assert set(codes_table()) == ours


def test_a_row_says_what_its_class_says() -> None:
    table = codes_table()
    for kind, status in problems.STATUS.items():
        row = table[kind.code]
        assert row[0] == str(status), kind
        if kind is not AgentBrowserError:
            assert row[4] == ("yes" if kind.retryable else "no"), kind
            assert names(row[5]) == [kind.recovery], kind


def test_what_waits_for_a_person_is_not_to_be_tried_again_by_a_program() -> None:
    for kind in problems.STATUS:
        if kind.recovery in ("ask_operator", "fix_request"):
            assert not kind.retryable, kind


def test_a_row_names_the_fields_that_its_class_gives() -> None:
    table = codes_table()
    for kind in problems.STATUS:
        for field in _fields(kind):
            assert field in names(table[kind.code][3]), f"{kind.__name__}: {field}"


def test_every_recovery_is_explained() -> None:
    explained = {row[0].strip("`") for row in rows(PAGE) if len(row) == 2}
    assert set(get_args(Recovery)) <= explained


def test_every_code_of_a_failed_action_is_in_the_table() -> None:
    table = section(PAGE, "## Actions that could not be done")
    listed = {name for row in rows(table) for name in names(row[0])}
    found = set(_failures())
    assert {"stale_ref", "covered", "file_not_uploaded", "missing_input"} <= found
    assert found <= listed
    assert listed <= found | {"navigation_failed", "invalid_url", "deadline_exceeded"}


def test_every_code_of_the_client_is_in_the_table() -> None:
    table = section(PAGE, "## Of the client")
    listed = {names(row[0])[0]: names(row[2])[0] for row in rows(table) if names(row[0])}
    own = [kind for kind in classes(AgentBrowserError) if kind.__module__ == of_client.__name__]
    assert {kind.code: kind.recovery for kind in own} == listed


def test_every_deadline_has_its_name_in_the_page() -> None:
    found = {name for path in (ROOT / "agent_browser").rglob("*.py") for name in _deadlines(path)}
    assert {"navigation", "queue", "request body"} <= found
    assert found <= set(names(section(PAGE, "## Codes")))


def _deadlines(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("DeadlineExceeded", "Allowance")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def _fields(kind: type[AgentBrowserError]) -> list[str]:
    """Names of the fields that the class itself gives, from the call of its base's constructor."""
    if "__init__" not in vars(kind) or kind is AgentBrowserError:
        return []
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind)))
    return [
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        for keyword in node.keywords
        if keyword.arg is not None
    ]


def _failures() -> Iterator[str]:
    """The codes that an interact answer may have, from where they are made."""
    yield from (code for _, code, _ in translate._SAID)
    yield from (code for code, _ in targets._STATES.values())
    package = ROOT / "agent_browser"
    for path in [*(package / "browser").glob("*.py"), package / "session" / "functions.py"]:
        yield from _literals(path)


def _literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "ActionFailed" and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)
        if node.func.id == "InteractOutput":
            yield from (
                str(keyword.value.value)
                for keyword in node.keywords
                if keyword.arg == "code"
                and isinstance(keyword.value, ast.Constant)
                and keyword.value.value is not None
            )
