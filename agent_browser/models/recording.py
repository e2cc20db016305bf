"""Recordings as a verb, and traces: what they take and what they give."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent_browser.models.artifacts import Artifact, Chapter, Recording
from agent_browser.models.base import Duration, Input, Timeout, Unfit
from agent_browser.models.functions import FunctionOutput

VideoFormat = Literal["webm", "mp4"]
Size = Annotated[int, Field(ge=16, le=4_096)]
DEFAULT_FPS = 25
DEFAULT_QUALITY = 80
DEFAULT_CARD = 1.5
"""Seconds that a chapter's card is shown."""

OF_START = (
    "cursor", "show_actions", "fps", "width", "height", "format", "quality", "overlay",
)  # fmt: skip
OF_CHAPTER = ("title", "description", "card")


class RecordInput(Input):
    """Record the active tab of a live session as a video, from `start` to `stop`."""

    action: Literal["start", "stop", "restart", "chapter", "status"]
    cursor: bool | None = Field(default=None, description="Show the mouse; false if absent.")
    show_actions: bool | None = Field(
        default=None, description="Show what each action does in words; false if absent."
    )
    fps: int | None = Field(default=None, ge=1, le=60, description="Frames a second; 25 if absent.")
    width: Size | None = Field(default=None, description="px; the viewport's if absent.")
    height: Size | None = Field(default=None, description="px; the viewport's if absent.")
    format: VideoFormat | None = Field(
        default=None, description="webm (VP9) or mp4 (H.264); webm if absent."
    )
    quality: int | None = Field(default=None, ge=1, le=100, description="80 if absent.")
    overlay: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Text at the bottom of the page for as long as it is recorded."
    )
    title: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="chapter: its title."
    )
    description: Annotated[str, Field(max_length=1_000)] | None = Field(
        default=None, description="chapter: text under its title."
    )
    card: Duration | None = Field(
        default=None,
        description="chapter: how long its title is shown over the page, 10 s at most; 1.5 s if "
        "absent, 0 not at all.",
    )
    timeout: Timeout = 60.0

    @model_validator(mode="after")
    def _fits_its_action(self) -> "RecordInput":
        starts = self.action in ("start", "restart")
        given = [name for name in OF_START if getattr(self, name) is not None]
        if given and not starts:
            raise Unfit("only for start and restart", *given)
        given = [name for name in OF_CHAPTER if getattr(self, name) is not None]
        if given and self.action != "chapter":
            raise Unfit("only for chapter", *given)
        if self.action == "chapter" and not (self.title or "").strip():
            raise Unfit("'title' required for chapter", "title")
        if self.card is not None and self.card > 10:
            raise Unfit("10 seconds at most", "card")
        return self


class RecordOutput(FunctionOutput):
    """What is being recorded, and what was."""

    action: str
    recording: bool
    """Whether a recording runs now."""
    seconds: float = 0.0
    """Of the recording that runs, or that was stopped by this call."""
    tab: str | None = None
    """The tab that is recorded now."""
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    format: VideoFormat | None = None
    chapters: list[Chapter] = []
    video: Recording | None = None
    """What `stop` and `restart` finished."""
    thumbnail: Artifact | None = None
    contact_sheet: Artifact | None = None
    partial: bool = False
    """Whether the video ends before the recording was stopped; `code` and `message` say why."""
    code: Literal["storage_full", "size_limit", "encoder_failed"] | None = None
    message: str | None = None


class TraceInput(Input):
    """Record what is done in the session as a Playwright trace, from `start` to `stop`."""

    action: Literal["start", "stop", "status"]
    screenshots: bool | None = Field(
        default=None, description="start: pictures of the page; true if absent."
    )
    snapshots: bool | None = Field(
        default=None, description="start: the page's DOM at each action; true if absent."
    )
    sources: Literal[False] | None = Field(
        default=None, description="Always false: the sources of this server are not in a trace."
    )
    title: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="start: its title in the viewer."
    )
    timeout: Timeout = 60.0

    @model_validator(mode="after")
    def _fits_its_action(self) -> "TraceInput":
        given = [
            name
            for name in ("screenshots", "snapshots", "sources", "title")
            if getattr(self, name) is not None
        ]
        if given and self.action != "start":
            raise Unfit("only for start", *given)
        return self


class TraceOutput(FunctionOutput):
    """Whether a trace runs, and the one that was stopped."""

    action: str
    tracing: bool
    seconds: float = 0.0
    trace: Artifact | None = None
    partial: bool = False
    """Whether it ends before it was stopped, because it had become too large."""
    message: str | None = None
