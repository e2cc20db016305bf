"""Files between a session and its caller: what it downloaded, what was put into it."""

from pydantic import Field

from agent_browser.models.artifacts import Artifact, Download
from agent_browser.models.base import Input, Output, Timeout, Timestamp
from agent_browser.models.functions import FunctionOutput


class DownloadsInput(Input):
    """What the session downloaded so far; of an ended session too."""

    zip: bool = Field(default=False, description="Also one zip file of all that are there.")
    timeout: Timeout = 60.0


class DownloadsOutput(FunctionOutput):
    """In the order in which they began."""

    downloads: list[Download] = []
    total: int = 0
    """How many there are."""
    zip: Artifact | None = None
    """Null where none is asked for, or nothing is there to be put in."""


class UploadedFile(Output):
    """A file that was put into a session, for its pages. `name` is what they see."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    content_type: str | None = None
    """What the caller said that it is."""
    created_at: Timestamp


class FilePut(Input):
    """One of `FilesPut`."""

    name: str
    size: int


class FilesPut(Input):
    """What a session's log says of files that were put into it."""

    files: list[FilePut] = []


class FileErased(Input):
    """What a session's log says of a file that was erased."""

    name: str


class UploadList(Output):
    """In the order of their arrival."""

    items: list[UploadedFile]
    next_cursor: str | None = None
