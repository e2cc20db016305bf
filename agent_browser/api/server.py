"""The server: what is assembled, served, and taken down in stages."""

import gc
import socket
import sys
from collections.abc import Callable
from contextlib import closing

import anyio
import structlog

from agent_browser.api import listen, logs, signals
from agent_browser.api.assembly import Assembly, assembled
from agent_browser.api.listen import StartFailed
from agent_browser.api.web import HttpServer
from agent_browser.settings import Settings

FAILED = 1

log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, ready: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0, or 1 where it failed. What keeps it from
    starting is one line on stderr that names the cure. `ready` is told the URL once it answers.
    """
    logs.configure(settings)
    try:
        with closing(listen.listener(settings)) as listening, signals.caught() as stop:
            port = int(listening.getsockname()[1])
            async with assembled(settings, port=port) as parts:
                await _run(parts, listening, stop, settings, ready)
    except StartFailed as exc:
        sys.stderr.write(f"agent-browser: {exc}\n")
        return FAILED
    except Exception:
        log.exception("the server failed")
        return FAILED
    log.info("stopped")
    return 0


async def _run(
    parts: Assembly,
    listening: socket.socket,
    stop: signals.Stop,
    settings: Settings,
    ready: Callable[[str], None] | None,
) -> None:
    server = HttpServer(parts.app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listening])
        await server.listens.wait()
        url = listen.url_of(listening)
        # What is there by now stays: the collector need not walk it again, which is an eighth of
        # the processor time that this process takes for an open.
        gc.collect()
        gc.freeze()
        log.info("ready", url=url)
        if ready is not None:
            ready(url)
        await stop.first.wait()
        parts.app.state.draining = True
        await _drain(parts, server, stop, settings)
        server.should_exit = True


async def _drain(
    parts: Assembly, server: HttpServer, stop: signals.Stop, settings: Settings
) -> None:
    """Stage one: no new sessions and steps, calls under way end, sessions end, videos are final,
    those who follow are told. Stage two, of the HTTP server, comes then. A second signal skips what
    waits in both.
    """
    pool = parts.pool
    parts.operations.drain()
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
    parts.hub.close()
