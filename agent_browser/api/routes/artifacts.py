"""Artifacts: files that sessions made."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from agent_browser import errors, service
from agent_browser.api.deps import Artifacts, Caller
from agent_browser.api.described.about import ARTIFACT
from agent_browser.api.files import FileAnswer
from agent_browser.api.openapi import Responses, failing
from agent_browser.store.artifacts import ArtifactStore, StoredFile

ArtifactId = Annotated[
    str, Path(max_length=256, description="The artifact's id.", examples=[ARTIFACT["id"]])
]
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])


def file_responses(*kinds: str) -> Responses:
    """What the sending of a file answers with, in OpenAPI."""
    content = dict.fromkeys(kinds, _BINARY)
    return {
        200: {"description": "The file", "content": content},
        206: {"description": "The bytes that `Range` asks for", "content": content},
        304: {"description": "`If-None-Match` names it: it has not changed"},
        **failing(errors.ArtifactNotFound, errors.Forbidden, errors.RangeNotSatisfiable),
    }


async def readable(store: ArtifactStore, caller: service.Caller, artifact_id: str) -> StoredFile:
    """A file that the caller may read. ArtifactNotFound, Forbidden."""
    found = await store.find(caller.scope, artifact_id)
    caller.reaches(found.owner)
    caller.require(found.right)
    return found


@router.get(
    "/{artifact_id}",
    operation_id="get_artifact",
    summary="Fetch a file",
    response_class=Response,
    responses=file_responses("*/*"),
)
@router.head("/{artifact_id}", include_in_schema=False)
async def get_artifact(artifact_id: ArtifactId, store: Artifacts, caller: Caller) -> FileAnswer:
    """A screenshot, video or other file, by ranges too. Its ETag is its SHA-256, and it never
    changes. What is neither image nor video comes as an attachment. A trace needs the right
    `state`, a video and its pictures `recordings`.
    """
    return FileAnswer(await readable(store, caller, artifact_id))
