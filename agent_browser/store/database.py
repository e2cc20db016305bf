"""The database: a file of SQLite in the data folder, or PostgreSQL by URL; opened, brought to this
version and tried before anything is served.
"""

import contextlib
import os
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import aiosqlite
import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Insert, Table, delete, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from agent_browser.clock import Clock, SystemClock
from agent_browser.settings import Settings
from agent_browser.store import disk
from agent_browser.store.address import Address, address
from agent_browser.store.migrate import migrate
from agent_browser.store.refusals import FAILURES, translated
from agent_browser.store.tables import papers

READ_SECONDS = 30.0
"""Longer no read takes; meanwhile its caller can't break it off, which would cost a connection."""
LAST_WORD = 5.0
"""Seconds that a closed connection's thread has to end."""
_BEGIN = "begin"

log = structlog.get_logger(__name__)


class Database:
    """An async context manager. Entering raises DatabaseUnusable or StorageFull, with the cure.

    `busy_timeout` is how many seconds SQLite waits for another program's lock.
    """

    def __init__(
        self, settings: Settings, *, busy_timeout: float = 5.0, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._busy_timeout = busy_timeout
        self._clock = clock or SystemClock()
        self._address: Address | None = None
        self._engine: AsyncEngine | None = None
        self._threads: list[threading.Thread] = []

    def __repr__(self) -> str:
        return f"<Database {self._address}>"

    @property
    def engine(self) -> AsyncEngine:
        """The open engine."""
        assert self._engine is not None, "the database is not open"
        return self._engine

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """SQLite's file."""
        return self._address.file if self._address else None

    async def __aenter__(self) -> Self:
        place = self._address = address(self._settings)
        try:
            if place.file is not None:
                await anyio.to_thread.run_sync(_make_file, place.file)
            self._engine = _engine(place, self._busy_timeout, self._threads)
            async with self.writing() as connection:
                await connection.run_sync(migrate)
            await self._try_writing(self._clock.now())
        except BaseException as exc:
            await self.close()
            if isinstance(exc, FAILURES):
                raise translated(exc, place) from exc
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back all connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            with anyio.CancelScope(shield=True):
                await engine.dispose()
                # Each has a last word for this loop, which may be closed soon.
                for thread in self._threads:
                    await anyio.to_thread.run_sync(thread.join, LAST_WORD)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with, one state of the database throughout. DatabaseUnusable."""
        try:
            with anyio.fail_after(READ_SECONDS, shield=True):
                async with self.engine.connect() as connection:
                    yield connection
        except FAILURES as exc:
            log.warning("the database could not be read", error=str(exc))
            raise translated(exc) from exc

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: all of it is written, or nothing. Errors are the driver's own."""
        async with self.engine.connect() as connection:
            # From its first statement on: a reader that turns writer may find itself outrun.
            await connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            async with connection.begin():
                yield connection

    @contextlib.asynccontextmanager
    async def plainly(self) -> AsyncIterator[AsyncConnection]:
        """A connection of SQLite without a transaction, for what can't be done in one."""
        async with self.engine.connect() as connection:
            await connection.execution_options(**{_BEGIN: "", "isolation_level": "AUTOCOMMIT"})
            yield connection

    def upsert(self, table: Table, key: tuple[str, ...], replaced: tuple[str, ...]) -> Insert:
        """An INSERT that replaces these columns where a row of that key is there."""
        return _upsert(self.is_sqlite, table, key, replaced)

    async def _try_writing(self, now: datetime) -> None:
        """Write something as large as a busy second, and erase it: what can't be written to is told
        before the first session and not after it.
        """
        row = {
            "kind": "probe",
            "id": "probe",
            "owner": "",
            "data": "x" * 65_536,
            "created_at": now,
            "updated_at": now,
        }
        async with self.writing() as connection:
            await connection.execute(delete(papers).where(papers.c.kind == "probe"))
            await connection.execute(papers.insert(), row)
        async with self.writing() as connection:
            await connection.execute(delete(papers).where(papers.c.kind == "probe"))


@cache
def _upsert(
    is_sqlite: bool, table: Table, key: tuple[str, ...], replaced: tuple[str, ...]
) -> Insert:
    """Made once: that takes longer than to carry it out."""
    insert = (sqlite.insert if is_sqlite else postgresql.insert)(table)
    return insert.on_conflict_do_update(
        index_elements=list(key), set_={name: insert.excluded[name] for name in replaced}
    )


def _make_file(path: Path) -> None:
    """The file is there, for this user alone; SQLite gives its companions the same mode."""
    disk.make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with contextlib.suppress(OSError):
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o600)


def _engine(place: Address, busy_timeout: float, threads: list[threading.Thread]) -> AsyncEngine:
    """The engine; the threads that SQLite's connections run in are put into the list."""
    if place.file is None:
        arguments = dict(place.arguments)
        arguments["server_settings"] = {**arguments["server_settings"], "jit": "off"}
        return create_async_engine(
            place.url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True
        )
    # Parameters are hidden from errors, and so from logs: they hold what people typed.
    engine = create_async_engine(
        place.url, connect_args={"timeout": busy_timeout}, hide_parameters=True
    )

    async def connected(*arguments: Any, **options: Any) -> aiosqlite.Connection:
        connection = aiosqlite.connect(*arguments, **options)
        thread = connection._thread
        thread.daemon = True  # as the dialect has it
        threads[:] = [thread, *(other for other in threads if other.is_alive())]
        return await connection

    def connecting(_: object, __: object, ___: object, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = connected

    event.listen(engine.sync_engine, "do_connect", connecting)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "temp_store = MEMORY",
        "cache_size = -16000",
        "journal_size_limit = 16777216",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    how = connection.get_execution_options().get(_BEGIN, "BEGIN")
    if how:
        connection.exec_driver_sql(how)
