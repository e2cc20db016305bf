"""Profiles: saved states that sessions start from, with their options and timeouts."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from agent_browser.models.base import Input, Output, ProfileName, Timestamp, Unfit
from agent_browser.models.checkpoints import Loss
from agent_browser.models.functions import ContextOptions
from agent_browser.models.sessions import TimeoutsInput
from agent_browser.models.state import StateDocument

MOST_COOKIES_TEXT = 4_000_000
"""Characters of a file of cookies."""

_NO_OPTIONS = ("storage_state", "passkeys", "profile")


class ProfileInput(Input):
    """The body of `PUT /v1/profiles/{name}`: where its state comes from, one of them at most, and
    what sessions that start from it have unless they are asked for something else. What is absent
    stays as it was; null takes a description, timeouts or options away.
    """

    session_id: Annotated[str, Field(max_length=64)] | None = None
    """The state of that session as it is now."""
    checkpoint: Annotated[str, Field(max_length=64)] | None = None
    """With `session_id`: as it was at that checkpoint."""
    storage_state: StateDocument | None = Field(default=None, repr=False)
    """Playwright's storage_state format, or what an export of a profile or a session gave."""
    cookies: Annotated[str, Field(max_length=MOST_COOKIES_TEXT)] | None = Field(
        default=None, repr=False
    )
    """A cookies.txt of curl's or Netscape's form."""
    description: Annotated[str, Field(max_length=500)] | None = None
    timeouts: TimeoutsInput | None = None
    options: ContextOptions | None = None
    """All that it is to have; those of the session, if they are absent with `session_id`."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "ProfileInput":
        sources = [
            name
            for name in ("session_id", "storage_state", "cookies")
            if getattr(self, name) is not None
        ]
        if len(sources) > 1:
            raise Unfit("a profile's state has one source", *sources)
        if self.checkpoint is not None and self.session_id is None:
            raise Unfit("a checkpoint is one of a session's", "checkpoint")
        held = [name for name in _NO_OPTIONS if getattr(self.options, name, None) is not None]
        if held:
            raise Unfit("a profile holds that in its state", *(f"options.{name}" for name in held))
        return self


class Profile(Output):
    """A profile, without what it holds: that is exported by `GET /v1/profiles/{name}/state`."""

    name: ProfileName
    description: str | None = None
    created_at: Timestamp
    updated_at: Timestamp
    timeouts: dict[str, Any] = {}
    """Those that it has."""
    options: dict[str, Any] = {}
    """Those that it has, secrets masked."""
    cookies: int = 0
    """How many it holds."""
    origins: list[str] = []
    """Those that it has something stored of."""
    passkeys: int = 0
    """How many it holds."""
    size: int = 0
    """Bytes of its state."""
    losses: list[Loss] = []
    """What of its session could not be saved."""


class ProfileList(Output):
    """By name."""

    items: list[Profile]
    next_cursor: str | None = None
