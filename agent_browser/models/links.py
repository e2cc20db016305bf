"""Signed links."""

from typing import Annotated

from pydantic import Field

from agent_browser.models.base import Duration, Input, Output, Timestamp

SHORTEST, LONGEST = 1.0, 604_800.0
"""Seconds that a link may last: seven days."""


class LinkInput(Input):
    """How long a link is to last."""

    expires_in: Annotated[Duration, Field(ge=SHORTEST, le=LONGEST)] = Field(
        default=3_600.0, description="From a second to seven days; an hour if absent."
    )


class SignedLink(Output):
    """An address that leads to one file, without a key, until it is over. Whoever has it has the
    file.
    """

    url: str
    """A path on this server (absolute where it knows its own address)."""
    expires_at: Timestamp
