"""Recordings: the videos of sessions."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Artifacts, Caller, Recordings
from agent_browser.api.described.about import ARTIFACT, SESSION
from agent_browser.api.files import FileAnswer
from agent_browser.api.openapi import failing
from agent_browser.models.artifacts import Recording, RecordingList

RecordingId = Annotated[
    str, Path(max_length=256, description="The recording's id.", examples=[ARTIFACT["id"]])
]
_RECORDING: dict[str, Any] = {
    **ARTIFACT,
    "content_type": "video/webm",
    "filename": f"{ARTIFACT['id']}.webm",
    "session_id": SESSION,
    "width": 1280,
    "height": 720,
    "duration": 12.48,
}
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

router = APIRouter(prefix="/v1/recordings", tags=["artifacts"])


@router.get(
    "",
    operation_id="list_recordings",
    summary="List recordings",
    response_model=RecordingList,
    responses={
        200: {
            "description": "A page of them",
            "content": example({"items": [_RECORDING], "next_cursor": None}),
        },
        **failing(),
    },
)
async def list_recordings(
    library: Recordings,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=200, description="Most recordings in a page.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next_cursor` of the page before.")
    ] = None,
) -> Response:
    """The caller's videos, newest first."""
    return json_answer(await library.list(caller, limit=limit, cursor=cursor))


@router.get(
    "/{recording_id}",
    operation_id="get_recording",
    summary="Look a recording up",
    response_model=Recording,
    responses={
        200: {
            "description": "What is known of it, or the video",
            "content": {**example(_RECORDING), "video/webm": _FILE},
        },
        **failing(errors.ArtifactNotFound, errors.RangeNotSatisfiable),
    },
)
async def get_recording(
    request: Request,
    recording_id: RecordingId,
    library: Recordings,
    store: Artifacts,
    caller: Caller,
) -> Response:
    """Size, duration and the `url` of the file; with `Accept: video/*` the file itself."""
    recording = await library.get(caller, recording_id)
    if _is_video_wanted(request.headers.get("accept", "")):
        return FileAnswer(await store.find(caller.scope, recording.id))
    return json_answer(recording)


@router.delete(
    "/{recording_id}",
    operation_id="delete_recording",
    summary="Delete a recording",
    status_code=204,
    response_class=Response,
    responses=failing(errors.ArtifactNotFound),
)
async def delete_recording(
    recording_id: RecordingId, library: Recordings, caller: Caller
) -> Response:
    """Erases the video, at once."""
    await library.delete(caller, recording_id)
    return Response(status_code=204)


def _is_video_wanted(accept: str) -> bool:
    ranges = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "application/json" not in ranges and any(kind.startswith("video/") for kind in ranges)
