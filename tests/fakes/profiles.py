"""What profiles work with, in memory."""

from dataclasses import dataclass, field

from agent_browser.clock import Clock
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
