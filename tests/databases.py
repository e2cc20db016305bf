"""Databases of the tests' own: a fresh one for each, of SQLite or of PostgreSQL."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from agent_browser.settings import Settings
from agent_browser.store.database import Database
from agent_browser.store.papers import Papers
from agent_browser.store.records import Records
from agent_browser.store.writer import Writer
from tests.fakes.clock import ManualClock


@dataclass(frozen=True)
class Opened:
    """An archive on a real database, and what it is made of."""

    settings: Settings
    clock: ManualClock
    database: Database
    writer: Writer
    records: Records
    papers: Papers


def settings_of(folder: Path, server: str | None, **others: object) -> Settings:
    """Settings with the data folder, and with a URL where there is a server."""
    url = None if server is None else SecretStr(server)
    return Settings.model_validate({"data_dir": folder, "database_url": url, **others})


@asynccontextmanager
async def opened(settings: Settings, *, busy_timeout: float = 5.0) -> AsyncIterator[Opened]:
    """An archive while this lasts. It writes when it is read, not by itself."""
    clock = ManualClock()
    async with (
        Database(settings, busy_timeout=busy_timeout, clock=clock) as database,
        Writer(database, settings, clock=clock, pause=3_600) as writer,
    ):
        papers = Papers(database, writer, clock=clock)
        yield Opened(settings, clock, database, writer, Records(database, writer), papers)


@asynccontextmanager
async def fresh(server: str) -> AsyncIterator[str]:
    """The URL of an empty database on the server, which is dropped after this."""
    name = f"test_{uuid.uuid4().hex}"
    await execute(f"{server}/postgres", f'CREATE DATABASE "{name}"')
    try:
        yield f"{server}/{name}"
    finally:
        await execute(f"{server}/postgres", f'DROP DATABASE "{name}" WITH (FORCE)')


async def execute(url: str, statement: str) -> None:
    """Do one statement, in no transaction."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()
