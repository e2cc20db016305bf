"""The pool in numbers, as of one moment."""

from dataclasses import dataclass

from agent_browser.models.sessions import Health
from agent_browser.pool.housing import Housing
from agent_browser.pool.register import Register
from agent_browser.pool.stages import PoolStage


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
    """Sessions in memory that ended of late."""
    capacity: int
    warm: int
    browsers: tuple[BrowserStatistics, ...]
    hibernated: int = 0


def take_stock(housing: Housing, register: Register) -> PoolStatistics:
    """The numbers as of now; memory as of half a minute ago at most."""
    ledger = housing.ledger
    hosts = housing.browsers.hosts
    return PoolStatistics(
        live=len(register.live),
        opening=ledger.opening,
        waiting=ledger.waiting,
        hibernated=len(register.hibernated),
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


def health(stage: PoolStage, housing: Housing, now: PoolStatistics) -> Health:
    """What callers see of them."""
    is_open = stage is PoolStage.OPEN and not housing.holds_off
    has_browser, room = housing.ledger.has_browser, housing.ledger.room
    short = "memory" if housing.pressure.is_short() else "none" if room else "sessions"
    return Health(
        status="draining" if not is_open else "ok" if has_browser else "unavailable",
        live=now.live,
        opening=now.opening,
        waiting=now.waiting,
        hibernated=now.hibernated,
        ended=now.ended,
        capacity=now.capacity,
        warm=now.warm,
        browsers=len(now.browsers),
        pressure=short if is_open else "draining",
    )
