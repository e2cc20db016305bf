"""What a port is told: where all goes, and what bounds it. Pure."""

from dataclasses import dataclass

from agent_browser.egress.policy import Policy
from agent_browser.egress.upstream import Upstream


@dataclass(frozen=True)
class Bounds:
    """Seconds, but for `connections`."""

    connections: int = 512
    """Of one port; more are ended as they come."""
    head: float = 30.0
    """For a request's head, once it began."""
    idle: float = 310.0
    """Without a request; a browser gives up before."""
    half: float = 60.0
    """Without a byte of a tunnel's other side, once one has ended."""


@dataclass(frozen=True)
class Way:
    """How what a session sends goes out. Rates are in bytes a second; None for no bound."""

    policy: Policy
    upstream: Upstream | None = None
    download_rate: int | None = None
    upload_rate: int | None = None
