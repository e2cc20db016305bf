"""The stages of a browser's and of the pool's life, and the moves between them."""

from enum import Enum


class HostStage(Enum):
    """Where one browser process is in its life."""

    STARTING = "starting"
    UP = "up"
    """It takes sessions."""
    DRAINING = "draining"
    """It takes no more; it goes when its last session ends."""
    GONE = "gone"


HOST_MOVES: dict[HostStage, frozenset[HostStage]] = {
    HostStage.STARTING: frozenset({HostStage.UP, HostStage.GONE}),
    HostStage.UP: frozenset({HostStage.DRAINING, HostStage.GONE}),
    HostStage.DRAINING: frozenset({HostStage.GONE}),
    HostStage.GONE: frozenset(),
}


class PoolStage(Enum):
    """Where the pool is in its life."""

    NEW = "new"
    OPEN = "open"
    DRAINING = "draining"
    """It takes no new sessions; those there are being ended."""
    CLOSED = "closed"


POOL_MOVES: dict[PoolStage, frozenset[PoolStage]] = {
    PoolStage.NEW: frozenset({PoolStage.OPEN}),
    PoolStage.OPEN: frozenset({PoolStage.DRAINING}),
    PoolStage.DRAINING: frozenset({PoolStage.CLOSED}),
    PoolStage.CLOSED: frozenset(),
}
