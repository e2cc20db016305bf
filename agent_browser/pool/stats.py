"""The pool in numbers, as of one moment."""

from dataclasses import dataclass

from agent_browser.pool.housing import Housing
from agent_browser.pool.register import Register


@dataclass(frozen=True)
class BrowserStatistics:
    """One browser process."""

    seat: int
    generation: int
    stage: str
    pid: int | None
    served: int
    """Contexts begun on it so far."""
    live: int
    """Sessions in it, those being opened too."""
    warm: int
    memory: int
    """Bytes of its process tree when last looked at; 0 before that."""


@dataclass(frozen=True)
class PoolStatistics:
    """All of them."""

    live: int
    opening: int
    waiting: int
    ended: int
    """Ended sessions that are remembered."""
    capacity: int
    warm: int
    browsers: tuple[BrowserStatistics, ...]


def take_stock(housing: Housing, register: Register) -> PoolStatistics:
    """The numbers as of now; memory as of half a minute ago at most."""
    ledger = housing.ledger
    hosts = housing.browsers.hosts
    return PoolStatistics(
        live=len(register.live),
        opening=ledger.opening,
        waiting=ledger.waiting,
        ended=len(register.ended),
        capacity=ledger.capacity,
        warm=ledger.warm,
        browsers=tuple(
            BrowserStatistics(
                seat=host_id.seat,
                generation=host_id.generation,
                stage=row.stage.value,
                pid=hosts[host_id].browser.pid if host_id in hosts else None,
                served=row.served,
                live=len(row.loans),
                warm=row.warm,
                memory=hosts[host_id].memory if host_id in hosts else 0,
            )
            for host_id, row in ledger.rows.items()
        ),
    )
