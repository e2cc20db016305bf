"""States, and how much of them each owner has: counted as they are saved and erased, and once more
from what there is when the pool starts.
"""

from collections.abc import Collection

import structlog

from agent_browser.errors import AgentBrowserError
from agent_browser.ids import is_session_id
from agent_browser.models.checkpoints import Cause, Checkpoint, State
from agent_browser.pool.register import Register
from agent_browser.quotas.held import Held
from agent_browser.quotas.quotas import Quotas
from agent_browser.session.checkpoints import Checkpoints

log = structlog.get_logger("agent_browser.pool")


class Weighed:
    """`Checkpoints`, those of sessions counted by owner. A session's weigh what its newest does:
    what it has in common with those before is there once. None is refused here: what a session is
    must not be lost for being much.
    """

    def __init__(self, checkpoints: Checkpoints, register: Register, quotas: Quotas) -> None:
        self._checkpoints = checkpoints
        self._register = register
        self._held = Held()
        quotas.stores("states", self._held.of)

    async def weigh(self) -> None:
        """Count what the server before this one left."""
        for session_id, owner in self._register.hibernated.owners().items():
            if session_id in self._held:
                continue
            try:
                listed = await self._checkpoints.listed(session_id)
            except AgentBrowserError as exc:
                log.warning("a state is not counted", session=session_id, reason=exc.detail)
                continue
            # It may be saved, or be no more, since.
            if listed and session_id not in self._held and session_id in self._register.hibernated:
                self._held.put(session_id, owner, listed[0].size)

    async def save(
        self, key: str, state: State, *, cause: Cause, keep: int | None = None
    ) -> Checkpoint:
        saved = await self._checkpoints.save(key, state, cause=cause, keep=keep)
        session = self._register.get(key) if is_session_id(key) else None
        if session is not None:
            self._held.put(key, session.owner, saved.size)
        return saved

    async def load(self, key: str, checkpoint_id: str | None = None) -> State:
        return await self._checkpoints.load(key, checkpoint_id)

    async def listed(self, key: str) -> list[Checkpoint]:
        return await self._checkpoints.listed(key)

    async def keys(self) -> Collection[str]:
        return await self._checkpoints.keys()

    async def erase(self, *keys: str) -> None:
        await self._checkpoints.erase(*keys)
        for key in keys:
            self._held.drop(key)
