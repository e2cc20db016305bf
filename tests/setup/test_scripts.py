"""The scripts of a checkout and the locks they install from."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(p for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix)
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def names(text: str) -> set[str]:
    """Normalised names of the packages that a lock pins."""
    return {_normal(found) for found in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.M)}


def required(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in requirements)
    return {_normal(match[0]) for match in found if match}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def test_the_scripts_that_the_readme_names_are_there() -> None:
    expected = {"bench", "check", "demo", "lock", "serve", "setup", "test"}
    assert expected <= {script.name for script in SCRIPTS}


@pytest.mark.parametrize("script", [*SCRIPTS, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_a_script_is_executable_and_well_formed(script: Path) -> None:
    assert os.access(script, os.X_OK)
    first = script.read_text().splitlines()[0]
    shell = "bash" if "bash" in first else "sh"
    assert first in ("#!/bin/sh", "#!/usr/bin/env bash")
    subprocess.run([shell, "-n", script], check=True)


def test_setup_refuses_an_environment_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "scripts" / "setup", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "usage: scripts/setup [run|dev]" in done.stderr


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_address(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"://|index|find-links|(?:^|\s)/|@ ", text)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_of_a_lock_has_a_version_and_hashes(path: Path) -> None:
    entries = re.split(r"(?<!\\)\n", path.read_text().strip())
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_lock_to_run_has_every_dependency(project: dict[str, Any]) -> None:
    assert required(project["project"]["dependencies"]) <= names(lock("run"))


def test_the_lock_to_develop_has_every_dependency_and_tool(project: dict[str, Any]) -> None:
    tools = required(project["dependency-groups"]["dev"])
    assert tools | names(lock("run")) | names(lock("build")) <= names(lock("dev"))


def test_the_lock_to_build_has_what_the_build_requires(project: dict[str, Any]) -> None:
    assert required(project["build-system"]["requires"]) <= names(lock("build"))


def test_the_locks_agree_on_every_version() -> None:
    dev = set(re.findall(r"^\S+==\S+", lock("dev"), re.M))
    for name in ("run", "build"):
        assert set(re.findall(r"^\S+==\S+", lock(name), re.M)) <= dev
