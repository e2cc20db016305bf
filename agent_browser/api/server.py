"""The server: store, browsers, pool and HTTP put together, and taken down in stages."""

import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

import anyio
import structlog
from fastapi import FastAPI

from agent_browser.api import listen, logs, signals
from agent_browser.api.app import create_app
from agent_browser.api.first_launch import FirstLaunch
from agent_browser.api.listen import StartFailed
from agent_browser.api.metrics import Metrics
from agent_browser.api.web import HttpServer
from agent_browser.errors import AgentBrowserError
from agent_browser.pool.pool import Pool
from agent_browser.recording.library import Library
from agent_browser.recording.sweeper import sweep_by_the_hour
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore

FAILED = 1

log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, ready: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0, or 1 where it failed. What keeps it from
    starting is one line on stderr that names the cure. `ready` is told the URL once it answers.
    """
    logs.configure(settings)
    try:
        with closing(listen.listener(settings)) as listening, signals.caught() as stop:
            async with _assembled(settings) as (app, pool):
                await _run(app, pool, listening, stop, settings, ready)
    except StartFailed as exc:
        sys.stderr.write(f"agent-browser: {exc}\n")
        return FAILED
    except Exception:
        log.exception("the server failed")
        return FAILED
    log.info("stopped")
    return 0


@asynccontextmanager
async def _assembled(settings: Settings) -> AsyncIterator[tuple[FastAPI, Pool]]:
    """Everything behind HTTP, running. StartFailed where a part of it does not start."""
    # Here, so that the API can be imported without Playwright.
    from agent_browser.browser.chromium import Chromium

    metrics = Metrics()
    with _start_failures() as start:
        async with ArtifactStore(settings) as store:
            engine = FirstLaunch(Chromium(settings))
            async with Pool(engine, settings, store, observer=metrics) as pool:
                await engine.succeeded()
                metrics.watch(pool.statistics)
                app = create_app(settings, pool, Library(store), store, metrics=metrics)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(sweep_by_the_hour, store)
                    start.is_over = True
                    yield app, pool
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
    except (AgentBrowserError, OSError, ExceptionGroup) as exc:
        cause: BaseException = exc
        while isinstance(cause, ExceptionGroup) and len(cause.exceptions) == 1:
            cause = cause.exceptions[0]
        if start.is_over or not isinstance(cause, AgentBrowserError | OSError):
            raise
        raise StartFailed(_said(cause)) from exc


def _said(cause: AgentBrowserError | OSError) -> str:
    if isinstance(cause, AgentBrowserError):
        return cause.detail
    where = cause.filename or "the data folder"
    return f"{where}: {cause.strerror or cause}. DATA_DIR and RECORDINGS_DIR choose other folders."


async def _run(
    app: FastAPI,
    pool: Pool,
    listening: socket.socket,
    stop: signals.Stop,
    settings: Settings,
    ready: Callable[[str], None] | None,
) -> None:
    server = HttpServer(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listening])
        await server.listens.wait()
        url = listen.url_of(listening)
        log.info("ready", url=url)
        if ready is not None:
            ready(url)
        await stop.first.wait()
        app.state.draining = True
        await _drain(pool, server, stop, settings)
        server.should_exit = True


async def _drain(pool: Pool, server: HttpServer, stop: signals.Stop, settings: Settings) -> None:
    """Stage one: no new sessions, calls under way end, sessions end, videos are final. Stage two,
    of the HTTP server, follows. A second signal skips what waits in both.
    """
    log.info("shutting down; a second signal skips the waits", sessions=pool.statistics().live)

    async def hurry() -> None:
        await stop.second.wait()
        server.force_exit = True
        await pool.drain(immediately=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hurry)
        with anyio.move_on_after(settings.shutdown_timeout + 30) as scope:
            await pool.drain()
        tasks.cancel_scope.cancel()
    if scope.cancelled_caught:
        log.warning("sessions did not end in time", sessions=pool.statistics().live)
