"""Messages between windows and frames: inputs and outputs of `messages`."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent_browser.models.base import Input, Output, Timestamp, Unfit
from agent_browser.models.functions import FunctionOutput
from agent_browser.models.network import TabName

MessagesAction = Literal["start", "stop", "list", "clear"]
Source = Literal["self", "parent", "child", "opener", "other"]

MAX_KEPT = 1_000
MAX_DATA = 10_000
"""Characters of a message's JSON that are kept."""


class MessagesInput(Input):
    """What windows and frames of the session send each other with postMessage."""

    action: MessagesAction = "list"
    tab: TabName | None = Field(default=None, description="list: t2 or active; all if absent.")
    origin: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="list: only those from documents of this origin."
    )
    limit: int = Field(default=100, ge=1, le=MAX_KEPT)
    cursor: Annotated[str, Field(pattern=r"^\d{1,15}$")] | None = Field(
        default=None, description="list: the `next_cursor` of the page before."
    )

    @model_validator(mode="after")
    def _goes_together(self) -> "MessagesInput":
        given = self.model_fields_set & {"tab", "origin", "limit", "cursor"}
        if given and self.action != "list":
            name = sorted(given)[0]
            raise Unfit(f"'{name}' is for list", name)
        return self


class Posted(Output):
    """A message that a document got. Only real ones: what a page makes up itself is not told."""

    at: Timestamp
    tab: str
    frame: str
    """The address of the document that got it."""
    origin: str
    """Of the document that sent it; `null` of one without any."""
    target: str
    """The origin of the document that got it."""
    source: Source
    """Who sent it, as seen from who got it."""
    data: Any = None
    """What was sent, as JSON; of what JSON can't hold, a text that says what it is. Where
    `truncated`, the first 10,000 characters of the JSON, as a text.
    """
    truncated: bool = False


class MessagesOutput(FunctionOutput):
    """The messages that are kept, oldest first."""

    recording: bool
    messages: list[Posted] = []
    next_cursor: str | None = None
    """For those that come later: the next call with it has only those, if any."""
    kept: int = 0
    dropped: int = 0
    """Messages that are not kept any more: a session keeps the latest 1,000."""


class PostedList(Output):
    """The messages that are kept, oldest first."""

    items: list[Posted]
    next_cursor: str | None = None
    recording: bool
    dropped: int
