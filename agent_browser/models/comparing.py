"""Input and output of `POST /v1/compare`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from agent_browser.models.artifacts import Artifact
from agent_browser.models.base import Duration, Input, Output, Unfit
from agent_browser.models.functions import Clip, ContextOptions, Selector, Url, WaitUntil

Aspect = Literal[
    "screenshot", "elements", "tree", "text", "status", "timing", "requests", "console"
]  # fmt: skip
ASPECTS: tuple[Aspect, ...] = (
    "screenshot", "elements", "tree", "text", "status", "timing", "requests", "console"
)  # fmt: skip


class Opening(ContextOptions):
    """How a page is opened: every option of a new session, and when it counts as there."""

    wait_until: WaitUntil = "load"


class Side(ContextOptions):
    """One of the two: a session as it is now, or an address that is opened for this. Options of
    its own go before those of both.
    """

    session: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    url: Url | None = None
    wait_until: WaitUntil | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"session": value} if value.startswith("ses_") else {"url": value}

    @model_validator(mode="after")
    def _is_one(self) -> "Side":
        if (self.session is None) == (self.url is None):
            raise Unfit("a side is a session or a url, and not both", "session", "url")
        if self.session is not None and self.model_fields_set - {"session"}:
            raise Unfit("a session is compared as it is: options go with a url", "session")
        return self


class Mask(Input):
    """A region that does not count, in both pictures."""

    selector: Selector | None = Field(
        default=None, description="A selector (of a session, also a ref): all that match."
    )
    box: Clip | None = None
    side: Literal["a", "b", "both"] = Field(
        default="both", description="On which side the selector is looked for."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"selector": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_one(self) -> "Mask":
        if (self.selector is None) == (self.box is None):
            raise Unfit("a mask is a selector or a box, and not both", "selector", "box")
        return self


class CompareInput(Input):
    """Compare two pages."""

    a: Side
    b: Side
    options: Opening = Field(
        default=Opening(), description="What both pages are opened with, where they are addresses."
    )
    what: list[Aspect] = Field(default=list(ASPECTS), min_length=1, max_length=16)
    full_page: bool = False
    tolerance: int = Field(
        default=16, ge=0, le=254, description="How far a colour may be from the other, of 255."
    )
    ignore_antialiasing: bool = Field(
        default=False, description="Smoothed edges that lie a little otherwise do not count."
    )
    masks: list[Mask] = Field(default=[], max_length=32)
    max_chars: int = Field(
        default=50_000, ge=1, le=1_000_000, description="Characters of a difference of texts."
    )
    timeout: Duration = Field(default=60.0, gt=0, le=600)

    @field_validator("what")
    @classmethod
    def _once_each(cls, value: list[Aspect]) -> list[Aspect]:
        return list(dict.fromkeys(value))


class SideReport(Output):
    """One of the two as it was found."""

    session_id: str | None = None
    """Of a session that was given."""
    url: str
    title: str
    status: int | None = None
    screenshot: Artifact | None = None
    width: int | None = None
    height: int | None = None
    """Pixels of its picture."""


class PictureDifference(Output):
    """How the pictures differ."""

    ratio: float
    """Differing pixels by all that count: masked ones don't, those that only one picture has do."""
    pixels: int
    counted: int
    width: int
    height: int
    """Of the picture of the difference, which has room for both."""
    same_size: bool
    box: Clip | None = None
    """Around all that differs."""
    picture: Artifact | None = None
    """Differing pixels red on a pale picture of b; masked ones blue; what only one has yellow. Null
    where nothing differs.
    """
    note: str | None = None


class Changed(Output):
    """An element that both have, not alike."""

    before: str
    after: str


class ElementsDifference(Output):
    """What can be acted on, by what its line says."""

    same: bool
    added: list[str] = []
    removed: list[str] = []
    changed: list[Changed] = []
    total_a: int = 0
    total_b: int = 0
    truncated: bool = False


class TextDifference(Output):
    """A unified diff, from a to b."""

    same: bool
    added: int = 0
    removed: int = 0
    """Lines."""
    diff: str = ""
    truncated: bool = False
    note: str | None = None


class StatusDifference(Output):
    """Where the two ended up. `differing` names what is not alike."""

    same: bool
    differing: list[Literal["status", "url", "title"]] = []


class Timing(Output):
    """One measure of how the page loaded, in milliseconds since its navigation began."""

    a: float | None = None
    b: float | None = None
    difference: float | None = None
    """b less a."""


class Requests(Output):
    """What one side asked of the network."""

    count: int = 0
    failed: int = 0
    bytes: int = 0
    types: dict[str, int] = {}
    hosts: dict[str, int] = {}


class RequestsDifference(Output):
    """What the two asked of the network. Addresses are compared without their query."""

    same: bool
    a: Requests
    b: Requests
    only_a: list[str] = []
    only_b: list[str] = []
    failed_a: list[str] = []
    failed_b: list[str] = []
    truncated: bool = False


class ConsoleDifference(Output):
    """Errors and warnings of the two consoles; those that only one has. `truncated`: a console has
    said more than is kept, 200 messages of a page, or lists are cut.
    """

    same: bool
    errors_a: int = 0
    errors_b: int = 0
    only_a: list[str] = []
    only_b: list[str] = []
    truncated: bool = False


class CompareOutput(Output):
    """What is different. What was not asked for is null."""

    same: bool
    """In all that was asked for, timing left out."""
    a: SideReport
    b: SideReport
    screenshot: PictureDifference | None = None
    elements: ElementsDifference | None = None
    tree: TextDifference | None = None
    text: TextDifference | None = None
    status: StatusDifference | None = None
    timing: dict[str, Timing] | None = None
    requests: RequestsDifference | None = None
    console: ConsoleDifference | None = None
    notes: list[str] = []
