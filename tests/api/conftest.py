"""The application over a fake service, called directly or over a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from agent_browser.api import listen
from agent_browser.api.app import create_app
from agent_browser.api.auth import Callers
from agent_browser.api.metrics import Metrics
from agent_browser.api.web import HttpServer
from agent_browser.egress.outbound import Outbound
from agent_browser.hub import Hub
from agent_browser.keyring.keyring import Keyring
from agent_browser.quotas.quotas import Quotas
from agent_browser.recording.library import Library
from agent_browser.running.operations import Operations
from agent_browser.service import SessionService
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog
from agent_browser.webhooks.webhooks import Webhooks
from tests.api.fake import FakeService
from tests.fakes.papers import FakePapers

ANN_KEY, BOB_KEY = "ann-0123456789abcdef", "bob-0123456789abcdef"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        recordings_dir=tmp_path / "videos",
        max_body=10_000,
        port=0,
    )


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[ArtifactStore]:
    async with ArtifactStore(settings) as opened:
        yield opened


@pytest.fixture
def service(store: ArtifactStore) -> FakeService:
    return FakeService(store)


def keys() -> SecretStr:
    """Ann's and Bob's, as the API_KEYS setting has them."""
    return SecretStr(f"ann:{ANN_KEY},bob:{BOB_KEY}")


def make(settings: Settings, service: FakeService, **changes: object) -> FastAPI:
    """The app over the service, with some settings changed; `keyring` has the kept keys."""
    keyring = changes.pop("keyring", None)
    assert keyring is None or isinstance(keyring, Keyring)
    trail, quotas = changes.pop("trail", None), changes.pop("quotas", None)
    assert trail is None or isinstance(trail, AuditLog)
    assert quotas is None or isinstance(quotas, Quotas)
    held: SessionService = service
    changed = settings.model_copy(update=changes)
    hub, papers = Hub(), FakePapers()
    return create_app(
        changed,
        held,
        Library(service.store),
        service.store,
        operations=Operations(held, papers, changed),
        hub=hub,
        hooks=Webhooks(hub, papers, Outbound(exposed=False), changed),
        metrics=Metrics(),
        trail=trail,
        quotas=quotas,
        callers=Callers(changed, keyring),
        keyring=keyring,
    )


@pytest.fixture
def app(settings: Settings, service: FakeService) -> FastAPI:
    return make(settings, service)


@asynccontextmanager
async def direct(app: FastAPI, **options: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the app without a socket."""
    transport = httpx.ASGITransport(app)
    base = str(options.pop("base_url", "http://127.0.0.1:7070"))
    async with httpx.AsyncClient(transport=transport, base_url=base, **options) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with direct(app) as connected:
        yield connected


@asynccontextmanager
async def listening(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    """A real server on a free port of loopback; its URL."""
    server = HttpServer(app)
    sock = listen.listener(settings)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [sock])
        await server.listens.wait()
        yield listen.url_of(sock)
        server.should_exit = True
