"""What sessions need of a store of states: checkpoints outlive the browser and the server."""

from collections.abc import Collection
from typing import Protocol

from agent_browser.models.checkpoints import Cause, Checkpoint, State


class Checkpoints(Protocol):
    """States by key, each key's newest last. A key is a session's id, or that of a profile. The
    store's is one; the tests' fake another.

    Every method raises StorageFull where nothing can be written, StateLocked where the key that
    a state was encrypted with is not the server's, and CheckpointUnusable for a damaged, foreign or
    newer one.
    """

    async def save(
        self, key: str, state: State, *, cause: Cause, keep: int | None = None
    ) -> Checkpoint:
        """Keep a state: it is on the disk, whole, when this returns, and what was there before is
        kept until then. `keep` how many of that key stay; the server's number if None.
        """
        ...

    async def load(self, key: str, checkpoint_id: str | None = None) -> State:
        """A state: the newest that can be read, or that one. CheckpointNotFound."""
        ...

    async def listed(self, key: str) -> list[Checkpoint]:
        """Newest first."""
        ...

    async def keys(self) -> Collection[str]:
        """All that there is something of."""
        ...

    async def erase(self, *keys: str) -> None:
        """Leave nothing of them, at once; a success where there was nothing."""
        ...
