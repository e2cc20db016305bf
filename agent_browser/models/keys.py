"""API keys as callers see them, and who a caller is."""

from typing import Annotated, Any

from pydantic import Field

from agent_browser.models.base import Duration, Input, Output, Timestamp
from agent_browser.models.rights import Right, Role

MAX_GRACE = 2_592_000.0
"""Seconds for which a key may go on after it was replaced: thirty days."""
MAX_LIFE = 3_153_600_000.0
"""Seconds after which a key may end at most: a hundred years."""
SHORTEST_LIFE = 1.0

_LINE = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=_LINE)]


class KeyCreate(Input):
    """The body of `POST /v1/keys`."""

    name: Label = Field(description="What people call it: the program, or the person.")
    owner: Label | None = Field(
        default=None,
        description="Whose what it makes is; the caller's own if absent. Keys of one owner share.",
    )
    role: Role = Field(
        default="operator",
        description="viewer reads; operator drives; admin also has what is everybody's.",
    )
    without: Annotated[list[Right], Field(max_length=16)] = Field(
        default=[], description="Rights of the role that it does not have, such as execute."
    )
    expires: Duration | None = Field(
        default=None,
        description="How long it is good for, such as 30d; without an end if absent.",
    )


class KeyRotate(Input):
    """The body of `POST /v1/keys/{id}/rotate`."""

    grace: Duration = Field(
        default=0.0, description="How long the old one goes on, such as 1h; 0: not at all."
    )


class Key(Output):
    """A key as it is listed: what it is known by, and never the key."""

    id: str
    prefix: str
    """What the key begins with."""
    name: str
    owner: str
    role: Role
    without: list[Right] = []
    created_at: Timestamp
    expires_at: Timestamp | None = None
    last_used_at: Timestamp | None = None
    """To the minute."""
    revoked_at: Timestamp | None = None
    replaced_by: str | None = None
    """The key that was made in its place."""
    usable: bool = True
    """false once it is revoked or has expired."""


class KeyMade(Key):
    """A new key; `key` is shown here and never again."""

    key: str


class KeyList(Output):
    """Oldest first. Those that have ended are listed for 90 days."""

    items: list[Key]
    next_cursor: str | None = None


class WhoAmI(Output):
    """Who the caller is to this server."""

    owner: str
    """What is made belongs to it."""
    name: str | None = None
    role: Role
    rights: list[Right]
    key: str | None = None
    """The id of the key, or the subject of the token; null without one."""
    expires_at: Timestamp | None = None
    metadata: dict[str, Any] = {}
    """What the resolver said beside."""


class Drain(Output):
    """Whether the server takes no new sessions, and what still goes on."""

    draining: bool
    live: int
    """Sessions that are live."""
    opening: int
    """Sessions that are being opened."""
