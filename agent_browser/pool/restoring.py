"""States brought into the contexts of sessions that are about to move in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from agent_browser.errors import DeadlineExceeded
from agent_browser.models.checkpoints import Loss, State
from agent_browser.pool.claims import Lease
from agent_browser.pool.housing import Housing

PATIENCE = 20.0
"""Seconds that a session's pages have to load when it comes back."""
GRACE = 5.0


async def restored(
    lease: Lease, state: State, *, recordings: Path | None = None
) -> tuple[Loss, ...]:
    """Bring the state into the lease's context; what is not as it was. A recording that ran goes on
    in `recordings`. BrowserLost, DeadlineExceeded.
    """
    with anyio.move_on_after(PATIENCE + GRACE):
        return await lease.context.restore(state, within=PATIENCE, recordings=recordings)
    raise DeadlineExceeded("resume", PATIENCE)


@asynccontextmanager
async def closing_if_failed(housing: Housing, lease: Lease, *, videos: bool) -> AsyncIterator[None]:
    """Whoever fails to move in leaves no context behind."""
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True):
            await housing.close_lease(lease, videos=videos)
        raise
