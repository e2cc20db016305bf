"""What profiles work with, in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from agent_browser.clock import Clock
from agent_browser.quotas.quotas import Quotas
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.settings import Settings
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import ManualClock


@dataclass
class Means:
    """As the pool has them."""

    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=ManualClock)
    checkpoints: Checkpoints = field(default_factory=FakeCheckpoints)
    spawned: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """Tasks that were begun: tests do them when they like."""

    def __post_init__(self) -> None:
        self.quotas = Quotas(self.settings, clock=self.clock)

    def spawn(self, work: Callable[..., Awaitable[object]], *args: object) -> None:
        self.spawned.append(partial(work, *args))
