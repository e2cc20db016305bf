"""Requests for files: what a session downloaded, what is put into it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

from agent_browser.client import requests
from agent_browser.client.requests import Request, body_of, segment
from agent_browser.errors import InvalidRequest
from agent_browser.models.files import DownloadsInput, DownloadsOutput, UploadList

PATIENCE = 900.0
"""Seconds that sending files may take."""
Parts = Sequence[tuple[str, tuple[str, BinaryIO]]]


def downloads(session: str, options: Mapping[str, Any]) -> Request[DownloadsOutput]:
    """`downloads`, with `DownloadsInput`'s fields as options."""
    body = body_of(DownloadsInput, options)
    return cast("Request[DownloadsOutput]", requests.call("downloads", body, session=session))


def upload(session: str, parts: Parts) -> Request[UploadList]:
    """Files into a session."""
    return Request(
        "POST",
        f"/v1/sessions/{segment(session)}/uploads",
        UploadList.model_validate,
        files=parts,
        patience=PATIENCE,
    )


def list_uploads(session: str) -> Request[UploadList]:
    """The files that were put into a session."""
    return Request("GET", f"/v1/sessions/{segment(session)}/uploads", UploadList.model_validate)


def delete_upload(session: str, name: str) -> Request[None]:
    """Erase one of them."""
    path = f"/v1/sessions/{segment(session)}/uploads/{segment(name)}"
    return Request("DELETE", path, lambda _: None)


@contextmanager
def opened(files: Iterable[str | PathLike[str]]) -> Iterator[Parts]:
    """The files of this machine as parts of a form, closed at the end. OSError; InvalidRequest for
    none at all.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise InvalidRequest("no file is named")
    with ExitStack() as stack:
        yield [("file", (path.name, stack.enter_context(path.open("rb")))) for path in paths]
