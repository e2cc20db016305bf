"""The quick run: that it runs to its end, and that nothing is missing from what it writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = [
    "open", "open_back_to_back", "cycle", "rate_1", "rate_4", "rate_8", "execute", "execute_async",
    "scrape",
    "elements", "elements_tree", "elements_large", "delta", "compare", "compare_bare",
    "memory", "crowd_seconds", "crowd_memory", "answering", "return", "surplus", "left",
    "log", "timers", "followers",
    "hibernate", "resume", "checkpoint", "sleeper_disk", "sleeper_memory", "sleeper_list",
    "sleeper_resume", "killed", "saving", "directory_list", "directory_search",
    "auth_key", "auth_unknown", "auth_jwt_first", "auth_jwt", "auth_resolver",
    "egress_page", "egress_connect", "egress_plain", "egress_ports", "egress_decision",
]  # fmt: skip
WITHOUT_RAW = {
    "delta", "answering", "return", "surplus", "left",
    "log", "timers", "followers",
    "hibernate", "resume", "checkpoint", "sleeper_disk", "sleeper_memory", "sleeper_list",
    "sleeper_resume", "killed", "saving", "directory_list", "directory_search",
    "auth_key", "auth_unknown", "auth_jwt_first", "auth_jwt", "auth_resolver",
    "egress_connect", "egress_plain", "egress_ports", "egress_decision",
}  # fmt: skip
WITHOUT_GOAL = {"open_back_to_back", "rate_1", "execute_async", "compare_bare"}
STEPS = ["open", "snapshot", "click", "picture", "close"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_a_quick_run_writes_every_number(tmp_path: Path) -> None:
    output = tmp_path / "numbers.json"
    done = _run("--quick", "--output", str(output))
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["quick"] is True
    assert {"processors", "memory_gb", "browser", "playwright", "python"} <= set(report["machine"])
    rows = {row["name"]: row for row in report["results"]}
    assert list(rows) == NAMES
    assert {name for name, row in rows.items() if row["raw"] is None} == WITHOUT_RAW
    assert {name for name, row in rows.items() if row["met"] is None} == WITHOUT_GOAL
    for side in ("ours_steps", "raw_steps"):
        assert list(rows["cycle"]["details"][side]) == STEPS
    for row in rows.values():
        assert f"| {row['words']} " in done.stdout
    assert rows["answering"]["ours"] == 6
    assert rows["left"]["details"]["names"] == []


@pytest.mark.browser
def test_one_name_alone_is_measured_alone(tmp_path: Path) -> None:
    output = tmp_path / "numbers.json"
    done = _run("--quick", "--only", "execute", "--output", str(output))
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text(encoding="utf-8"))
    assert [row["name"] for row in report["results"]] == ["execute", "execute_async"]


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    done = _run("--only", "speed")
    assert done.returncode == 2
    names = "'open', 'cycle', 'rate', 'execute', 'scrape', 'looks', 'compare', 'memory', 'crowd', "
    assert f"{names}'life', 'hibernation', 'directory'" in done.stderr
