"""The parts of the server put together: database, store, browsers, pool, hub and HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
from fastapi import FastAPI

from agent_browser.api import listen
from agent_browser.api.app import create_app
from agent_browser.api.first_launch import FirstLaunch
from agent_browser.api.listen import StartFailed
from agent_browser.api.metrics import Metrics
from agent_browser.egress.outbound import Outbound
from agent_browser.errors import AgentBrowserError
from agent_browser.hub import Hub
from agent_browser.pool.pool import Pool
from agent_browser.recording.library import Library
from agent_browser.recording.sweeper import sweep_by_the_hour
from agent_browser.running.operations import Operations
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.claim import Claim, InUse
from agent_browser.store.database import Database
from agent_browser.store.papers import Papers
from agent_browser.store.records import Records
from agent_browser.store.writer import Writer
from agent_browser.webhooks.webhooks import Webhooks


@dataclass(frozen=True)
class Assembly:
    """What runs behind HTTP, and the application over it."""

    app: FastAPI
    pool: Pool
    hub: Hub
    operations: Operations


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncIterator[Assembly]:
    """Everything behind HTTP, running. StartFailed where a part of it does not start."""
    # Here, so that the API can be imported without Playwright.
    from agent_browser.browser.chromium import Chromium

    with _start_failures() as start:
        async with AsyncExitStack() as parts:
            # Before anything in the data folder is touched, and until all else is over.
            parts.enter_context(Claim(settings))
            # What comes first goes last: the database takes what is told to the very end.
            store = await parts.enter_async_context(ArtifactStore(settings))
            checkpoints = await parts.enter_async_context(CheckpointStore(settings))
            database = await parts.enter_async_context(Database(settings))
            writer = await parts.enter_async_context(Writer(database, settings))
            hub, metrics = Hub(history=settings.event_history), Metrics()
            parts.callback(hub.close)
            papers = Papers(database, writer)
            outbound = Outbound(exposed=listen.is_exposed(settings))
            hooks = await parts.enter_async_context(Webhooks(hub, papers, outbound, settings))
            engine = FirstLaunch(Chromium(settings))
            records = Records(database, writer)
            pool = await parts.enter_async_context(
                Pool(
                    engine,
                    settings,
                    store,
                    records,
                    checkpoints,
                    papers,
                    publisher=hub,
                    audience=hub,
                    observer=metrics,
                )
            )
            hub.is_private = pool.is_private
            await engine.succeeded()
            metrics.watch(pool.statistics)
            metrics.watch_database(writer.statistics)
            operations = await parts.enter_async_context(
                Operations(pool, papers, settings, publisher=hub, hub=hub)
            )
            app = create_app(
                settings,
                pool,
                Library(store),
                store,
                operations=operations,
                hub=hub,
                hooks=hooks,
                metrics=metrics,
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sweep_by_the_hour, store)
                start.is_over = True
                yield Assembly(app, pool, hub, operations)
                tasks.cancel_scope.cancel()


@dataclass
class _Start:
    is_over: bool = False


@contextmanager
def _start_failures() -> Iterator[_Start]:
    """Until the start is over, StartFailed for what an operator can cure, also where it comes in a
    task group's exception group.
    """
    start = _Start()
    try:
        yield start
    except (AgentBrowserError, OSError, InUse, ExceptionGroup) as exc:
        cause: BaseException = exc
        while isinstance(cause, ExceptionGroup) and len(cause.exceptions) == 1:
            cause = cause.exceptions[0]
        if start.is_over or not isinstance(cause, AgentBrowserError | OSError | InUse):
            raise
        raise StartFailed(_said(cause)) from exc


def _said(cause: AgentBrowserError | OSError | InUse) -> str:
    if isinstance(cause, InUse):
        return str(cause)
    if isinstance(cause, AgentBrowserError):
        return cause.detail
    where = cause.filename or "the data folder"
    return f"{where}: {cause.strerror or cause}. DATA_DIR and RECORDINGS_DIR choose other folders."
