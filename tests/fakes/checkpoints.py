"""A store of states in memory. The contract suite holds it and the real one to the same."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from agent_browser.clock import Clock
from agent_browser.errors import (
    AgentBrowserError,
    CheckpointNotFound,
    CheckpointUnusable,
    StateLocked,
    StorageFull,
)
from agent_browser.ids import new_checkpoint_id
from agent_browser.models.checkpoints import Cause, Checkpoint, State
from agent_browser.store.blobs import is_key

_WHEN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class _Kept:
    checkpoint: Checkpoint
    state: State
    damaged: bool = False


class FakeCheckpoints:
    """Keeps the `Checkpoints` protocol. With `full` there is no space, with `locked` another key;
    `damage` makes a checkpoint unusable.
    """

    def __init__(self, *, keep: int = 3, clock: Clock | None = None) -> None:
        self._keep = keep
        self._clock = clock
        self._kept: dict[str, list[_Kept]] = {}
        self.full = False
        self.locked = False
        self.saves = 0
        """How many were asked for, those with nothing new too."""

    async def save(
        self, key: str, state: State, *, cause: Cause, keep: int | None = None
    ) -> Checkpoint:
        kept = self._of(key)
        self.saves += 1
        readable = [] if self.locked else [one for one in kept if not one.damaged]
        before = readable[-1] if readable else None
        if before is not None and _is_same(before.state, state):
            return before.checkpoint.model_copy(update={"written": 0})
        if self.full:
            raise StorageFull("the server's disk is full; the state was not kept")
        known = before.state.parts if before is not None else {}
        checkpoint = Checkpoint(
            id=new_checkpoint_id(),
            created_at=self._clock.now() if self._clock is not None else _WHEN,
            cause=cause,
            size=state.size,
            written=sum(
                len(part.data)
                for name, part in state.parts.items()
                if name not in known or known[name].digest != part.digest
            )
            + 1,
            losses=list(state.losses),
        )
        most = max(self._keep if keep is None else keep, 2)
        going = readable[: max(0, len(readable) + 1 - most)]
        self._kept[key] = [one for one in kept if one not in going] + [_Kept(checkpoint, state)]
        return checkpoint

    async def load(self, key: str, checkpoint_id: str | None = None) -> State:
        if checkpoint_id is not None:
            for one in self._of(key):
                if one.checkpoint.id == checkpoint_id:
                    return self._opened(one).state
            raise CheckpointNotFound(checkpoint_id)
        problem: AgentBrowserError = CheckpointNotFound("none was made")
        for one in reversed(self._of(key)):
            try:
                state = self._opened(one).state
                is_newest = isinstance(problem, CheckpointNotFound)
                return state if is_newest else state.older()
            except (StateLocked, CheckpointUnusable) as exc:
                problem = exc if isinstance(problem, CheckpointNotFound) else problem
        raise problem

    async def listed(self, key: str) -> list[Checkpoint]:
        kept = self._of(key)[::-1]
        found = [one.checkpoint for one in kept if not (one.damaged or self.locked)]
        if kept and not found:
            self._opened(kept[0])
        return found

    async def keys(self) -> Collection[str]:
        return list(self._kept)

    async def erase(self, *keys: str) -> None:
        for key in keys:
            self._of(key)
            self._kept.pop(key, None)

    def damage(self, key: str, checkpoint_id: str | None = None) -> None:
        """Make one unusable, or all of a key."""
        for one in self._kept[key]:
            one.damaged |= checkpoint_id in (None, one.checkpoint.id)

    def _of(self, key: str) -> list[_Kept]:
        if not is_key(key):
            raise ValueError("not a key")
        return self._kept.get(key, [])

    def _opened(self, one: _Kept) -> _Kept:
        if self.locked:
            raise StateLocked("this state was encrypted with another key than the server has")
        if one.damaged:
            raise CheckpointUnusable("the checkpoint's file is damaged")
        return one


def _is_same(one: State, other: State) -> bool:
    return one.losses == other.losses and (
        {name: part.digest for name, part in one.parts.items()}
        == {name: part.digest for name, part in other.parts.items()}
    )
