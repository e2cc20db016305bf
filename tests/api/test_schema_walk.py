"""Requests made of the description, well-formed and not, against the application."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from agent_browser.api import listen
from agent_browser.api.idempotency import STREAMS
from agent_browser.api.web import HttpServer
from agent_browser.keyring.keyring import Keyring
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog
from tests.api.conftest import ANN_KEY, keys, make
from tests.api.fake import FakeService
from tests.databases import opened, settings_of
from tests.fakes.papers import FakePapers

_KEYS = (b"authorization", b"x-api-key")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
PATIENCE = 20.0
"""Seconds after which an answer counts as none."""


def keyed(app: ASGIApp) -> ASGIApp:
    """The app, with an admin's key in every request: the walk makes keys, too, and the first one
    shuts who has none out.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        others = [pair for pair in scope.get("headers", ()) if pair[0] not in _KEYS]
        headers = [*others, (b"x-api-key", ANN_KEY.encode())]
        await app({**scope, "headers": headers}, receive, send)

    return call


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description, bound to a server of the application over a fake service."""
    folder: Path = tmp_path_factory.mktemp("walk")
    chosen = Settings(data_dir=folder / "data", recordings_dir=folder / "videos", port=0)
    started = threading.Event()
    running: list[Any] = []

    async def run() -> None:
        async with ArtifactStore(chosen) as store, opened(settings_of(folder, None)) as archive:
            app = make(
                chosen,
                FakeService(store),
                keyring=Keyring(FakePapers()),
                trail=AuditLog(archive.database, archive.writer, chosen),
                api_keys=keys(),
                admins=("ann",),
            )
            server, listening = HttpServer(keyed(app)), listen.listener(chosen)
            running.extend((server, app.openapi(), listen.url_of(listening)))
            app.state.hub.close()  # so that no stream waits for events that nobody tells
            async with (
                app.state.operations,
                app.state.webhooks,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(server.serve, [listening])
                await server.listens.wait()
                started.set()

    thread = threading.Thread(target=anyio.run, args=(run,))
    thread.start()
    assert started.wait(20)
    server, description, url = running
    schema = schemathesis.openapi.from_dict(description)
    schema.config.update(base_url=url)
    yield schema
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_keeps_to_its_description(served: Any, mode: GenerationMode) -> None:
    walked = 0
    for found in served.get_all_operations():
        operation = found.ok()
        if not _can_be_wrong(operation) and mode is GenerationMode.NEGATIVE:
            continue
        if operation.path in STREAMS and mode is GenerationMode.POSITIVE:
            continue  # a delay of an hour is as good as any, and would be waited for

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=10,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def walk(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, timeout=PATIENCE)

        walk()
        walked += 1
    assert walked > 15


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is anything in a request to it that could be."""
    return bool(operation.body or operation.query or operation.path_parameters)
