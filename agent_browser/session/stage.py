"""The stages of a session's life, and the moves between them."""

from enum import Enum

from agent_browser.models.sessions import SessionState


class Stage(Enum):
    """Where a session is in its life."""

    OPENING = "opening"
    """It waits for room, or for its context, for the first time or again. One that gets none leaves
    nothing behind but what was there.
    """
    LIVE = "live"
    """It has a context and no call under way."""
    BUSY = "busy"
    """A call is under way."""
    HIBERNATING = "hibernating"
    """It is being saved; calls that come wait, and go on where it comes back."""
    HIBERNATED = "hibernated"
    """Its context is closed, its checkpoint kept. Another one made of both takes its place."""
    ENDING = "ending"
    """Evicted: no further call gets in; its context is being closed."""
    ENDED = "ended"
    """Its context is closed; record and videos are kept."""
    EXPIRED = "expired"
    """Forgotten, but for its id and when."""


MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.OPENING: frozenset({Stage.LIVE}),
    Stage.LIVE: frozenset({Stage.BUSY, Stage.HIBERNATING, Stage.ENDING}),
    Stage.BUSY: frozenset({Stage.LIVE, Stage.HIBERNATING, Stage.ENDING}),
    Stage.HIBERNATING: frozenset({Stage.LIVE, Stage.HIBERNATED, Stage.ENDING}),
    Stage.HIBERNATED: frozenset(),
    Stage.ENDING: frozenset({Stage.ENDED}),
    Stage.ENDED: frozenset({Stage.EXPIRED}),
    Stage.EXPIRED: frozenset(),
}

WIRE: dict[Stage, SessionState] = {
    Stage.OPENING: "live",
    Stage.LIVE: "live",
    Stage.BUSY: "live",
    Stage.HIBERNATING: "live",
    Stage.HIBERNATED: "hibernated",
    Stage.ENDING: "ended",
    Stage.ENDED: "ended",
    Stage.EXPIRED: "expired",
}
"""What callers see of a stage."""
