"""What the parts of the pool that have to do with sessions work with."""

from dataclasses import dataclass

from agent_browser.clock import Clock
from agent_browser.events import Audience, Observer, Publisher
from agent_browser.pool.browsers import Spawn
from agent_browser.pool.sweep import Sweep
from agent_browser.quotas.quotas import Quotas
from agent_browser.session.archive import Archive
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.session.keeping import Keeping
from agent_browser.settings import Settings


@dataclass(frozen=True)
class Means:
    """All of it belongs to the pool, or to who made the pool."""

    settings: Settings
    clock: Clock
    keeping: Keeping
    archive: Archive
    checkpoints: Checkpoints
    observer: Observer
    publisher: Publisher
    audience: Audience
    sweep: Sweep
    spawn: Spawn
    quotas: Quotas
