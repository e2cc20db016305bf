"""Files that callers put into a session, for its pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from agent_browser import errors
from agent_browser.api.answers import example, json_answer
from agent_browser.api.deps import Caller, Service
from agent_browser.api.multipart import files_of
from agent_browser.api.openapi import failing
from agent_browser.api.routes.functions import SessionId
from agent_browser.models.files import UploadList

router = APIRouter(prefix="/v1/sessions/{session_id}/uploads", tags=["sessions"])

_LIST: dict[str, Any] = {
    "items": [
        {
            "name": "photo.png",
            "size": 20145,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "content_type": "image/png",
            "created_at": "2026-11-20T09:30:00.000Z",
        }
    ],
    "next_cursor": None,
}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                    }
                },
                "required": ["file"],
            }
        }
    },
}
UploadName = Annotated[
    str, Path(max_length=255, description="The file's name, as listed.", examples=["photo.png"])
]


@router.post(
    "",
    operation_id="upload_files",
    summary="Put files into a session",
    status_code=201,
    response_model=UploadList,
    openapi_extra={"requestBody": _FORM},
    responses={
        201: {"description": "The files that are new", "content": example(_LIST)},
        **failing(errors.SessionNotFound, errors.SessionEnded, errors.SessionExpired,
                  errors.PayloadTooLarge, errors.QuotaExceeded, errors.StorageFull,
                  errors.DeadlineExceeded),
    },
)  # fmt: skip
async def upload_files(
    session_id: SessionId, request: Request, service: Service, caller: Caller
) -> Response:
    """A form of one or more files, whatever its fields are called; all of them are kept, or none.
    `interact` with `upload` gives them to the page by their names in `file_paths`. A name that is
    there already names the new file from then on.
    """
    return json_answer(await service.upload(caller, session_id, files_of(request)), 201)


@router.get(
    "",
    operation_id="list_uploads",
    summary="List the files put into a session",
    response_model=UploadList,
    responses={
        200: {"description": "All of them", "content": example(_LIST)},
        **failing(errors.SessionNotFound, errors.SessionEnded, errors.SessionExpired),
    },
)
async def list_uploads(session_id: SessionId, service: Service, caller: Caller) -> Response:
    """In the order of their arrival, those that came with a call too."""
    return json_answer(await service.uploads(caller, session_id))


@router.delete(
    "/{name}",
    operation_id="delete_upload",
    summary="Erase a file put into a session",
    status_code=204,
    response_class=Response,
    responses=failing(
        errors.SessionNotFound, errors.NotFound, errors.SessionEnded, errors.SessionExpired
    ),
)
async def delete_upload(
    session_id: SessionId, name: UploadName, service: Service, caller: Caller
) -> Response:
    """A page that was given it and has not sent it can't send it any more."""
    await service.delete_upload(caller, session_id, name)
    return Response(status_code=204)
