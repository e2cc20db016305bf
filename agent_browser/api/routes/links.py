"""Signed links: made for a file, and what they lead to."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api import links
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Artifacts, Caller, Links
from agent_browser.api.files import FileAnswer
from agent_browser.api.openapi import failing
from agent_browser.api.routes.artifacts import ArtifactId, file_responses, readable
from agent_browser.api.routes.recordings import RecordingId
from agent_browser.models.artifacts import Recording
from agent_browser.models.links import LinkInput, SignedLink

router = APIRouter(tags=["artifacts"])

_LINK: dict[str, Any] = {
    "url": "/v1/links/q0Zb3nJ1Wm8",
    "expires_at": "2026-11-20T10:30:00.000Z",
}
_BODY = Body(
    openapi_examples={"usual": {"summary": "For ten minutes", "value": {"expires_in": "10m"}}}
)
_DEFAULT = LinkInput()
_MADE: dict[int | str, dict[str, Any]] = {
    201: {"description": "The link", "content": example(_LINK)},
    **failing(errors.ArtifactNotFound),
}
_FILE = {status: told for status, told in file_responses("*/*").items() if status != 404} | failing(
    errors.LinkInvalid, errors.RangeNotSatisfiable
)
Token = Annotated[str, Path(max_length=4_096, description="What the link was made with.")]


@router.post(
    "/v1/artifacts/{artifact_id}/link",
    operation_id="link_artifact",
    summary="Make a link to a file",
    status_code=201,
    response_model=SignedLink,
    responses=_MADE,
)
async def link_artifact(
    artifact_id: ArtifactId,
    store: Artifacts,
    caller: Caller,
    signer: Links,
    request: Annotated[LinkInput, _BODY] = _DEFAULT,
) -> Response:
    """An address that leads to this one file without a key, until it is over or the file is gone.
    What it says can't be read, nor changed. It can't be taken back: choose its time.
    """
    stored = await readable(store, caller, artifact_id)
    token, expires = signer.sign("artifact", stored.owner, stored.artifact.id, request.expires_in)
    return json_answer(SignedLink(url=links.PATH + token, expires_at=expires), 201)


@router.post(
    "/v1/recordings/{recording_id}/link",
    operation_id="link_recording",
    summary="Make a link to a video",
    status_code=201,
    response_model=SignedLink,
    responses=_MADE,
)
async def link_recording(
    recording_id: RecordingId,
    store: Artifacts,
    caller: Caller,
    signer: Links,
    request: Annotated[LinkInput, _BODY] = _DEFAULT,
) -> Response:
    """As of a file."""
    if not isinstance((await store.find(caller.scope, recording_id)).artifact, Recording):
        raise errors.ArtifactNotFound(recording_id)
    return await link_artifact(recording_id, store, caller, signer, request)


@router.get(
    "/v1/links/{token}",
    operation_id="follow_link",
    summary="Fetch the file that a link leads to",
    response_class=Response,
    responses=_FILE,
    openapi_extra={"security": []},
)
@router.head("/v1/links/{token}", include_in_schema=False)
async def follow_link(token: Token, store: Artifacts, signer: Links) -> FileAnswer:
    """No key is needed. Ranges and conditions as of the file itself; nothing keeps a copy of it."""
    link = signer.read("artifact", token)
    try:
        stored = await store.find(link.owner, link.id)
    except errors.ArtifactNotFound:
        raise errors.LinkInvalid from None
    return FileAnswer(stored, cache="no-store", missing=errors.LinkInvalid())
