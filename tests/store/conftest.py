"""A store in a temporary folder, whose clock is moved by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_browser.ids import new_session_id
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.databases import Opened, fresh, opened, settings_of


class Moved:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at.timestamp()

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        recordings_dir=tmp_path / "videos",
        artifact_bytes=1_000,
        recording_bytes=0,
        artifact_retention=3_600.0,
        recording_retention=86_400.0,
    )


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def session_id() -> str:
    return new_session_id()


@pytest.fixture
async def store(settings: Settings, clock: Moved) -> AsyncIterator[ArtifactStore]:
    async with ArtifactStore(settings, clock=clock) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def archive_settings(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Of a fresh database, once of each kind."""
    if request.param == "sqlite":
        yield settings_of(tmp_path, None)
    else:
        async with fresh(request.getfixturevalue("postgres")) as url:
            yield settings_of(tmp_path, url)


@pytest.fixture
async def archive(archive_settings: Settings) -> AsyncIterator[Opened]:
    async with opened(archive_settings) as made:
        yield made
