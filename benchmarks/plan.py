"""How much is measured: the full run, and the quick one that only shows that it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Numbers of samples and of sessions."""

    warmup: int
    """Cycles of each side before anything is timed."""
    opens: int
    blocks: int
    """Blocks of `block` opens back to back."""
    block: int
    cycles: int
    rate_rounds: int
    rate_cycles: int
    """Cycles of each worker in each round, on average."""
    executes: int
    sessions: int
    """Sessions open when memory per session is measured."""
    crowd: int
    """Sessions opened eight at a time."""
    full: int
    """Sessions open at once."""
    return_seconds: float = 30.0
    scrape_rounds: int = 4
    scrape_pages: int = 100
    """Pages of each scrape."""
    looks: int = 40
    """Fresh documents that each side looks at, without and with the tree."""
    large_looks: int = 4
    deltas: int = 200
    compares: int = 20
    recorded: int = 100_000
    """Sessions in the directory."""
    lists: int = 40
    searches: int = 20
    timers: int = 10_000
    followers: int = 200
    sleeps: int = 40
    """Times that a session is hibernated and brought back."""
    sleepers: int = 10_000
    """Sessions that are hibernated at once."""
    beats: int = 100
    """Signs of life, each followed by a checkpoint."""
    survivors: int = 50
    """Sessions of a killed server."""
    auths: int = 5_000
    """Callers told from each other, of each kind."""
    tellings: int = 40
    """Events told to all followers."""
    egress_pages: int = 40
    egress_bytes: int = 1_000_000_000
    egress_ports: int = 500
    egress_decisions: int = 20_000


FULL = Plan(
    warmup=10, opens=60, blocks=4, block=10, cycles=60, rate_rounds=4, rate_cycles=5,
    executes=600, sessions=50, crowd=100, full=200,
)  # fmt: skip
QUICK = Plan(
    warmup=1, opens=2, blocks=1, block=2, cycles=2, rate_rounds=1, rate_cycles=1,
    executes=10, sessions=2, crowd=4, full=6, scrape_rounds=1, scrape_pages=8,
    looks=1, large_looks=1, deltas=2, compares=1,
    recorded=200, lists=2, searches=1, timers=20, followers=3, tellings=2,
    sleeps=2, sleepers=20, survivors=2, beats=3, auths=20,
    egress_pages=2, egress_bytes=10_000_000, egress_ports=20, egress_decisions=100,
)  # fmt: skip
