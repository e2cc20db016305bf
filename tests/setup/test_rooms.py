"""The rooms of the package: the linter looks at each of them, and the map has each of them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT, code, names, read, rows, section

PACKAGE = ROOT / "agent_browser"
PAGE = read("docs/architecture.md")


def rooms() -> set[str]:
    """Every package and module at the top of the program."""
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    return packages | {file.stem for file in PACKAGE.glob("*.py")} - {"__init__"}


def contracts() -> dict[str, dict[str, Any]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        given = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return {contract["name"]: contract for contract in given}


@pytest.mark.parametrize("allowed", ["browser", "store", "api"])
def test_what_one_room_alone_may_import_is_forbidden_to_all_others(allowed: str) -> None:
    (contract,) = [each for name, each in contracts().items() if f"but {allowed}/" in name]
    forbidden = {name.removeprefix("agent_browser.") for name in contract["source_modules"]}
    assert forbidden == rooms() - {allowed}


def layers() -> list[list[str]]:
    contract = contracts()["Rooms import downwards only"]
    assert contract["exhaustive"]
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def test_every_room_has_its_layer() -> None:
    assert {room for layer in layers() for room in layer} == rooms() - {"__main__"}


def test_the_map_has_the_layers_in_their_order() -> None:
    (drawn,) = code(section(PAGE, "## Rooms"), "text")
    heads = [line for line in drawn.splitlines() if not line.startswith(" ")]
    found = [[name.strip() for name in line.split("  ")[0].split("|")] for line in heads]
    assert found == layers()


def test_every_library_is_said_to_be_for_something() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        dependencies = tomllib.load(file)["project"]["dependencies"]
    told = {
        word for row in rows(section(PAGE, "## Libraries")) for word in re.split(r"[ ,]+", row[0])
    }
    assert {re.split(r"[\[<>=]", one)[0] for one in dependencies} <= told


def packages() -> list[Path]:
    return sorted(file.parent for file in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_every_package_has_a_row_that_names_modules_of_it_alone(package: Path) -> None:
    table = {names(row[0])[0]: row[1] for row in rows(section(PAGE, "## Rooms")) if names(row[0])}
    assert package.name in table, "it has no row"
    told = {name.rstrip("/") for name in names(table[package.name]) if not name.endswith(".js")}
    there = {file.stem for file in package.glob("*.py")}
    there |= {file.parent.name for file in package.glob("*/__init__.py")}
    assert told, "its row names no module"
    assert told <= there | COMMANDS, f"not there: {sorted(told - there)}"


COMMANDS = {"doctor"}
"""In code, and no module."""
