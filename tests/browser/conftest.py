"""A real Chromium for this folder: one browser a process, a context of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.functions import ContextOptions
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.site import Site
from tests.site.server import self_signed


@pytest.fixture(scope="session")
async def engine(executable: Path) -> AsyncIterator[Chromium]:
    async with Chromium(load(executable_path=executable)) as running:
        yield running


@pytest.fixture(scope="session")
async def chromium(engine: Chromium) -> AsyncIterator[ChromiumBrowser]:
    running = await engine.launch()
    yield running
    await running.close()


@pytest.fixture(scope="session")
async def isolating(
    executable: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chromium]:
    """An engine whose browser gives each site a renderer of its own."""
    program = tmp_path_factory.mktemp("isolating") / "browser"
    program.write_text(f'#!/bin/sh\nexec "{executable}" --site-per-process "$@"\n')
    program.chmod(0o755)
    async with Chromium(load(executable_path=program)) as engine:
        yield engine


@pytest.fixture
async def context(chromium: ChromiumBrowser) -> AsyncIterator[ChromiumContext]:
    made = await chromium.new_context(ContextOptions())
    yield made
    await made.close()


@pytest.fixture
def drive(context: ChromiumContext, site: Site) -> Driving:
    return Driving(context, site)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody signed, in one file."""
    return self_signed(tmp_path_factory.mktemp("tls"))
