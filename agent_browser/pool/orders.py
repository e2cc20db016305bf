"""What the ledger decides is to be done. Whoever carries orders out decides nothing."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

RefusalReason = Literal["sessions", "browser", "draining", "quota"]
"""No slot to be had, no browser to hope for, the pool is closing, or its owner has enough."""


class HostId(NamedTuple):
    """One browser process: a seat in the pool, and which process has it, counted from 1.

    A replaced browser's seat goes to the next generation; loans of the old one stay with it.
    """

    seat: int
    generation: int

    def __str__(self) -> str:
        return f"{self.seat}.{self.generation}"


@dataclass(frozen=True)
class Grant:
    """Room for this ticket on that host; with `warm`, one of its warm contexts."""

    ticket: int
    host: HostId
    warm: bool


@dataclass(frozen=True)
class Refuse:
    """This ticket gets no room."""

    ticket: int
    reason: RefusalReason


@dataclass(frozen=True)
class Void:
    """The host that held this ticket's context is lost, and the context with it."""

    ticket: int
    host: HostId


@dataclass(frozen=True)
class Launch:
    """Start this browser process."""

    host: HostId


@dataclass(frozen=True)
class Warm:
    """Make one context for this host's warm set."""

    host: HostId


@dataclass(frozen=True)
class Chill:
    """Close so many of this host's warm contexts."""

    host: HostId
    count: int


@dataclass(frozen=True)
class Retire:
    """Nothing is left in this host, and nothing will come: end its process."""

    host: HostId


Order = Grant | Refuse | Void | Launch | Warm | Chill | Retire
