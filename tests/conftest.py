"""Fixtures that all rooms share: the test site, settings for the real thing, the server."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from tests import processes

pytest_plugins = ["tests.sockets"]

if TYPE_CHECKING:
    from agent_browser.settings import Settings
    from tests.program import Program
    from tests.site import Site


def pytest_configure() -> None:
    """What this process starts can be told from what others start, orphans too."""
    os.environ[processes.MARK] = uuid.uuid4().hex


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on Playwright's sync interface come last: from its start to the end of the run a loop
    counts as running in this thread, and no asynchronous test could start one of its own.
    """
    items.sort(key=lambda item: "playwright" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fails a test that leaves processes behind, even such as are nobody's children any more."""
    before = processes.ours()
    yield
    left = processes.left_behind(before, within=5)
    assert not left, f"left behind: {left}"


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that set the log's form leaves it to no other: its stream ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def site() -> Iterator["Site"]:
    """The test site, one for the process; its record starts afresh with every test."""
    from tests.site import Site

    with Site() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_record(request: pytest.FixtureRequest) -> None:
    if "site" in request.fixturenames:
        request.getfixturevalue("site").reset()


@pytest.fixture(scope="session")
def executable() -> Path:
    """The browser that real tests run on: the configured one, else what the program finds."""
    from agent_browser.browser.executable import find
    from agent_browser.settings import load

    return find(load()).path


@pytest.fixture(scope="session")
def base_url() -> None:
    """No address is relative. pytest-playwright's own is of a form that pytest gives up."""


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, object], executable: Path
) -> dict[str, object]:
    """pytest-playwright's plain `page` is of the same browser as the program's sessions."""
    ours = {"executable_path": str(executable), "args": ["--no-sandbox"]}
    return browser_type_launch_args | ours


@pytest.fixture
def real_settings(tmp_path: Path, executable: Path) -> "Settings":
    """Settings for a real engine that writes below `tmp_path`: one browser, one warm context."""
    from agent_browser.settings import load

    return load(
        data_dir=tmp_path / "data",
        recordings_dir=tmp_path / "recordings",
        executable_path=executable,
        port=0,
        browsers=1,
        warm=1,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server of PostgreSQL, one for the process: a URL that a database's name is added to."""
    from tests import postgres

    programs = postgres.programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    with postgres.running(programs) as url:
        yield url


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator["Program"]:
    """The real program, one for the process, with short least timeouts and a small body bound."""
    from tests.program import Program

    with Program(tmp_path_factory.mktemp("server"), executable) as running:
        yield running
