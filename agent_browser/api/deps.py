"""What routes ask for: the service, the library, the store, and who is calling."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request

from agent_browser import service
from agent_browser.api.auth import Callers
from agent_browser.api.links import Signer
from agent_browser.quotas.quotas import Quotas
from agent_browser.recording.library import Library
from agent_browser.running.operations import Operations
from agent_browser.store.artifacts import ArtifactStore
from agent_browser.store.audit import AuditLog


def service_of(request: Request) -> service.SessionService:
    """The service behind this app."""
    return cast("service.SessionService", request.app.state.service)


def caller_of(request: Request) -> service.Caller:
    """Who is calling, as the gate found out."""
    return cast("service.Caller", request.state.caller)


async def _service(request: Request) -> service.SessionService:
    return service_of(request)


async def _library(request: Request) -> Library:
    return cast("Library", request.app.state.library)


async def _store(request: Request) -> ArtifactStore:
    return cast("ArtifactStore", request.app.state.store)


async def _runs(request: Request) -> Operations:
    return cast("Operations", request.app.state.operations)


async def _caller(request: Request) -> service.Caller:
    return caller_of(request)


async def _until_over(request: Request) -> Callable[[], Awaitable[None]]:
    callers = cast("Callers", request.app.state.callers)
    return partial(callers.until_over, caller_of(request))


async def _quotas(request: Request) -> Quotas:
    return cast("Quotas", request.app.state.quotas)


async def _signer(request: Request) -> Signer:
    return cast("Signer", request.app.state.signer)


async def _audit(request: Request) -> AuditLog:
    return cast("AuditLog", request.app.state.audit)


# Coroutines all: FastAPI runs plain functions in a thread, which costs more than they do.
Service = Annotated[service.SessionService, Depends(_service)]
Recordings = Annotated[Library, Depends(_library)]
Artifacts = Annotated[ArtifactStore, Depends(_store)]
Runs = Annotated[Operations, Depends(_runs)]
AllQuotas = Annotated[Quotas, Depends(_quotas)]
Links = Annotated[Signer, Depends(_signer)]
AuditTrail = Annotated[AuditLog, Depends(_audit)]
Caller = Annotated[service.Caller, Depends(_caller)]
UntilOver = Annotated[Callable[[], Awaitable[None]], Depends(_until_over)]
