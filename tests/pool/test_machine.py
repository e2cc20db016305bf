"""What the machine has, read from trees of both control group versions."""

import os
from pathlib import Path

import pytest

from agent_browser.pool.machine import read_machine

GB = 2**30


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def tree(root: Path, **files: str) -> Path:
    memory = {"proc/meminfo": "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB\n"}
    for name, text in (memory | {key.replace("__", "/"): files[key] for key in files}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def write(root: Path, folder: str, **files: str) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / name.replace("__", ".")).write_text(text)


def test_a_machine_without_limits_has_all_that_there_is(tmp_path: Path) -> None:
    found = read_machine(tree(tmp_path))
    assert (found.memory, found.available, found.processors) == (16 * GB, 8 * GB, 8.0)
    assert found.memory_source == "the machine's memory"


def test_a_container_of_version_2_has_what_its_groups_allow(tmp_path: Path) -> None:
    root = tree(tmp_path, proc__self__cgroup="0::/a/b\n")
    write(root, "sys/fs/cgroup/a", memory__max=f"{2 * GB}\n", memory__current=f"{GB}\n",
          memory__stat=f"anon 5\ninactive_file {GB // 2}\n")  # fmt: skip
    write(root, "sys/fs/cgroup/a/b", memory__max="max\n", cpu__max="150000 100000\n")
    found = read_machine(root)
    assert (found.memory, found.memory_source) == (2 * GB, "the container's limit")
    assert found.available == 1.5 * GB
    assert (found.processors, found.processors_source) == (1.5, "the container's quota")


def test_a_container_of_version_1_has_what_its_groups_allow(tmp_path: Path) -> None:
    root = tree(tmp_path, proc__self__cgroup="4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n")
    write(root, "sys/fs/cgroup/memory", memory__limit_in_bytes="9223372036854771712")
    write(root, "sys/fs/cgroup/memory/docker/x", memory__limit_in_bytes=str(GB),
          memory__usage_in_bytes=str(GB))  # fmt: skip
    write(root, "sys/fs/cgroup/cpu,cpuacct/docker/x", cpu__cfs_quota_us="200000",
          cpu__cfs_period_us="100000")  # fmt: skip
    found = read_machine(root)
    assert (found.memory, found.available, found.processors) == (GB, 0, 2.0)


def test_no_quota_is_no_limit(tmp_path: Path) -> None:
    root = tree(tmp_path, proc__self__cgroup="0::/\n1:cpu:/\n")
    write(root, "sys/fs/cgroup", cpu__max="max 100000\n")
    write(root, "sys/fs/cgroup/cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert read_machine(root).processors == 8.0


def test_this_machine_can_be_read() -> None:
    found = read_machine()
    assert 0 < found.available <= found.memory
    assert found.processors > 0
