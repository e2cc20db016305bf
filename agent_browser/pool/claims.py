"""Claims: who asked for a context and what came of it; leases: who has one."""

from dataclasses import dataclass
from pathlib import Path

import anyio

from agent_browser.browser.engine import Context, needs_own_context
from agent_browser.errors import AgentBrowserError
from agent_browser.models.functions import ContextOptions
from agent_browser.pool.orders import HostId
from agent_browser.session.options import is_plain


@dataclass(frozen=True)
class Lease:
    """A context, the slot that it takes, and the browser that it is in."""

    ticket: int
    host: HostId
    context: Context


class Claim:
    """One ask. It is granted room, then furnished with a context by the pool's own task; its asker
    may go away at any time.
    """

    def __init__(
        self, ticket: int, options: ContextOptions, recordings: Path | None, owner: str = ""
    ) -> None:
        self.ticket = ticket
        self.owner = owner
        self.options = options
        self.recordings = recordings
        self.warmable = not needs_own_context(options)
        self.plain = is_plain(options)
        self.granted = anyio.Event()
        """It has room, or was refused."""
        self.settled = anyio.Event()
        """It has its context, or its error."""
        self.host: HostId | None = None
        self.context: Context | None = None
        self.error: AgentBrowserError | None = None
        self.warm = False
        self.abandoned = False

    def settle(self, error: AgentBrowserError | None = None) -> None:
        """It is over."""
        self.error = self.error or error
        self.granted.set()
        self.settled.set()
