"""The parts of the server put together: database, store, browsers, pool, hub and HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread
from fastapi import FastAPI

from agent_browser.api import listen
from agent_browser.api.app import create_app
from agent_browser.api.auth import Callers
from agent_browser.api.first_launch import FirstLaunch
from agent_browser.api.links import Signer
from agent_browser.api.listen import StartFailed
from agent_browser.api.metrics import Metrics
from agent_browser.clock import SystemClock
from agent_browser.egress.made import made
from agent_browser.egress.outbound import Outbound
from agent_browser.egress.own import Own
from agent_browser.egress.ports import Egress
from agent_browser.errors import AgentBrowserError
from agent_browser.hub import Hub
from agent_browser.keyring.keyring import Keyring
from agent_browser.pool.pool import Pool
from agent_browser.quotas.quotas import Quotas
from agent_browser.recording.library import Library
from agent_browser.recording.sweeper import sweep_by_the_hour
from agent_browser.running.operations import Operations
from agent_browser.settings import Settings, SettingsError
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.claim import Claim, InUse
from agent_browser.store.database import Database
from agent_browser.store.link_keys import link_keys
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
async def assembled(settings: Settings, *, port: int = 0) -> AsyncIterator[Assembly]:
    """Everything behind HTTP, running; `port` is the one that HTTP listens on, which no session
    reaches. StartFailed where a part of it does not start.
    """
    # Here, so that the API can be imported without Playwright.
    from agent_browser.browser.chromium import Chromium

    with _start_failures() as start:
        async with AsyncExitStack() as parts:
            # Before anything in the data folder is touched, and until all else is over.
            parts.enter_context(Claim(settings))
            # What comes first goes last: the database takes what is told to the very end.
            checkpoints = await parts.enter_async_context(CheckpointStore(settings))
            database = await parts.enter_async_context(Database(settings))
            writer = await parts.enter_async_context(Writer(database, settings))
            hub, metrics = Hub(history=settings.event_history), Metrics()
            parts.callback(hub.close)
            papers = Papers(database, writer)
            quotas = await parts.enter_async_context(Quotas(settings, papers))
            store = await parts.enter_async_context(ArtifactStore(settings, quotas=quotas))
            trail = AuditLog(database, writer, settings)
            signer = Signer(
                await anyio.to_thread.run_sync(link_keys, settings, SystemClock().now())
            )
            egress = await parts.enter_async_context(_egress(settings, port))
            outbound = Outbound(egress.policy, resolve=egress.resolve)
            keyring = Keyring(papers)
            await keyring.load()
            callers = await parts.enter_async_context(_callers(settings, keyring))
            listen.check_callers(settings, has_callers=callers.has_usable)
            hooks = await parts.enter_async_context(Webhooks(hub, papers, outbound, settings))
            engine = FirstLaunch(Chromium(settings, egress))
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
                    quotas=quotas,
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
                callers=callers,
                keyring=keyring,
                outbound=outbound,
                quotas=quotas,
                trail=trail,
                signer=signer,
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sweep_by_the_hour, store)
                tasks.start_soon(sweep_by_the_hour, trail)
                tasks.start_soon(quotas.keep)
                start.is_over = True
                yield Assembly(app, pool, hub, operations)
                tasks.cancel_scope.cancel()


def _egress(settings: Settings, port: int) -> Egress:
    """What sessions send through. StartFailed where a setting of its can't be used."""
    own = Own()
    own.add(port)
    try:
        return made(settings, exposed=listen.is_exposed(settings), own=own)
    except SettingsError as exc:
        raise StartFailed(str(exc)) from exc


def _callers(settings: Settings, keyring: Keyring) -> Callers:
    """StartFailed where a setting of theirs can't be used."""
    try:
        for url in filter(None, (settings.jwt_jwks_url, settings.auth_url)):
            Outbound(exposed=False).check(url)
        return Callers(settings, keyring)
    except ValueError as exc:
        raise StartFailed(str(exc)) from exc


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
        if start.is_over or not isinstance(cause, _Curable):
            raise
        raise StartFailed(_said(cause)) from exc


_Curable = AgentBrowserError | OSError | InUse | StartFailed


def _said(cause: _Curable) -> str:
    if isinstance(cause, InUse | StartFailed):
        return str(cause)
    if isinstance(cause, AgentBrowserError):
        return cause.detail
    where = cause.filename or "the data folder"
    return f"{where}: {cause.strerror or cause}. DATA_DIR and RECORDINGS_DIR choose other folders."
