"""The application: routes over the service, behind the gate."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from agent_browser import __version__
from agent_browser.api import openapi, problems
from agent_browser.api.audit import Audit
from agent_browser.api.auth import Callers
from agent_browser.api.following import Following
from agent_browser.api.gate import Gate
from agent_browser.api.idempotency import Idempotency
from agent_browser.api.links import Signer
from agent_browser.api.metrics import Metrics
from agent_browser.api.origins import Origins
from agent_browser.api.routes import (
    actions,
    artifacts,
    audit,
    compare,
    control,
    events,
    functions,
    keys,
    links,
    operations,
    profiles,
    recordings,
    runs,
    scrape,
    secrets,
    sessions,
    states,
    storage,
    traffic,
    uploads,
    usage,
    webhooks,
)
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

ROUTERS = (
    functions.router,
    runs.router,
    control.router,
    sessions.router,
    storage.router,
    states.router,
    traffic.router,
    profiles.router,
    secrets.router,
    actions.router,
    events.router,
    webhooks.router,
    uploads.router,
    artifacts.router,
    recordings.router,
    operations.router,
    runs.operations,
    keys.router,
    links.router,
    usage.router,
    audit.router,
    compare.router,
    scrape.router,
    functions.unknown,
)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    settings: Settings,
    service: SessionService,
    library: Library,
    store: ArtifactStore,
    *,
    operations: Operations,
    hub: Hub,
    hooks: Webhooks,
    metrics: Metrics,
    callers: Callers | None = None,
    keyring: Keyring | None = None,
    quotas: Quotas | None = None,
    trail: AuditLog | None = None,
    signer: Signer | None = None,
    outbound: Outbound | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The ASGI application. `app.state.draining`, set at shutdown, turns /readyz to 503. Without
    `callers` those of the settings are let in, whose keys alone need nothing that runs.
    """
    callers = callers or Callers(settings)
    routes = [route for router in ROUTERS for route in router.routes]
    app = FastAPI(
        title="agent-browser",
        version=__version__,
        routes=routes,  # an included router would be searched twice for each request
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be made of the Host header
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.service = service
    app.state.library = library
    app.state.store = store
    app.state.operations = operations
    app.state.hub = hub
    app.state.following = Following(hub, settings)
    app.state.webhooks = hooks
    app.state.metrics = metrics
    app.state.callers = callers
    app.state.keyring = keyring
    app.state.outbound = outbound
    quotas = app.state.quotas = quotas or Quotas(settings)
    app.state.audit = trail
    # A key of this app alone: links are over with it.
    app.state.signer = signer or Signer([os.urandom(32)])
    app.state.draining = False
    openapi.install(app, needs_key=lambda: callers.needs_key)
    app.state.openapi_json = lambda: json.dumps(app.openapi()).encode()
    problems.install(app, routes)
    app.add_middleware(Idempotency)
    app.add_middleware(
        Gate,
        callers=callers,
        origins=Origins(settings.host, settings.allowed_hosts),
        quotas=quotas,
        audit=None if trail is None else Audit(trail),
        max_body=settings.max_body,
        max_state=settings.max_state,
        max_upload=settings.max_upload,
    )
    return app
