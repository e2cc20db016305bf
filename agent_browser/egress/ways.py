"""What a port is told: where all goes, and what bounds it. Pure."""

from dataclasses import dataclass

from agent_browser.egress.policy import Policy
from agent_browser.egress.upstream import Upstream


@dataclass(frozen=True)
class Bounds:
    """Seconds, but for `connections`."""

    connections: int = 512
    """Of one port at each side; more are ended as they come, or not made."""
    head: float = 30.0
    """For a request's head, once it began."""
    idle: float = 310.0
    """Without a request; a browser gives up before."""
    half: float = 60.0
    """Without a byte of a tunnel's other side, once one has ended."""
    stall: float = 100.0
    """Without a byte taken by who has more to take than is kept for it."""
    drain: float = 10.0
    """Without a byte taken by a site that nobody waits for any more."""


@dataclass(frozen=True)
class Way:
    """How what a session sends goes out. Rates are in bytes a second; None for no bound."""

    policy: Policy
    upstream: Upstream | None = None
    download_rate: int | None = None
    upload_rate: int | None = None
