"""What routes ask for: the service, the library, the store, and who is calling."""

from typing import Annotated, cast

from fastapi import Depends, Request

from agent_browser import service
from agent_browser.recording.library import Library
from agent_browser.running.operations import Operations
from agent_browser.store.artifacts import ArtifactStore


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


# Coroutines all: FastAPI runs plain functions in a thread, which costs more than they do.
Service = Annotated[service.SessionService, Depends(_service)]
Recordings = Annotated[Library, Depends(_library)]
Artifacts = Annotated[ArtifactStore, Depends(_store)]
Runs = Annotated[Operations, Depends(_runs)]
Caller = Annotated[service.Caller, Depends(_caller)]
