"""An operation as it goes on: its steps' lines, its end, and who follows it."""

from collections.abc import AsyncIterator
from enum import Enum

import anyio

from agent_browser.clock import Clock
from agent_browser.models.running import (
    Operation,
    OperationBrief,
    OperationReason,
    RunLine,
    RunSummary,
    StepError,
    StepResult,
)
from agent_browser.running.cutting import cut, weight
from agent_browser.session.moves import Machine

FRESH_BYTES = 33_554_432
"""Of whole lines that wait for a follower; what is over is told as it is kept."""


class Status(Enum):
    """Where an operation is. Its value is the wire's word."""

    RUNNING = "running"
    """Steps are being done, or its session is being made."""
    SUCCEEDED = "succeeded"
    """All steps were done; some may have failed, where it was to go on."""
    FAILED = "failed"
    """A step failed, or no session could be had."""
    STOPPED = "stopped"
    """What it was to stop at came."""
    ABORTED = "aborted"
    """It was ended from outside."""


_ENDS = frozenset({Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.ABORTED})
MOVES: dict[Status, frozenset[Status]] = {
    Status.RUNNING: _ENDS,
    **{end: frozenset() for end in _ENDS},
}


class Follower:
    """Somebody who reads the lines; `seen` is the number of the last one taken."""

    __slots__ = ("seen",)

    def __init__(self, seen: int) -> None:
        self.seen = seen


class Progress:
    """One operation while it runs. Lines are numbered from 1; the summary is the last."""

    def __init__(self, brief: OperationBrief, owner: str, *, clock: Clock, room: int) -> None:
        """`room`: bytes of outputs that are kept."""
        self.owner = owner
        self.brief = brief
        self.steps: list[StepResult] = []
        self.ended = anyio.Event()
        self.halt: OperationReason | None = None
        """Why no further step is to begin."""
        self.is_expected = False
        """Whether its first follower is on the way, who is to have every line whole."""
        self.is_private = False
        """Whether what its steps give stays in memory: of its session no texts are to be kept."""
        self.is_to_be_forgotten = False
        """Whether nothing of it is to be kept once it has ended: its session is forgotten."""
        self._clock = clock
        self._began = clock.monotonic()
        self._machine = Machine(f"operation {brief.id}", Status.RUNNING, MOVES)
        self._room = self._left = room
        self._fresh: dict[int, tuple[StepResult, int]] = {}
        self._followers: set[Follower] = set()
        self._changed = anyio.Event()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._machine.state is Status.RUNNING

    @property
    def weight(self) -> int:
        """Bytes of outputs that it keeps."""
        return self._room - self._left

    @property
    def followers(self) -> int:
        """How many follow it now."""
        return len(self._followers)

    def begin(self, session_id: str) -> None:
        """Its session is there."""
        self.brief.session_id = session_id
        self._change()

    def add(self, result: StepResult) -> None:
        """A step was done. Who follows gets it whole; what is kept is bounded."""
        kept = self._bounded(result)
        self.steps.append(kept)
        if kept is not result:
            self._fresh[len(self.steps)] = (result, weight(result.output))
            self._trim()
        self.brief.done += 1
        self.brief.failed += not result.ok
        self._change()

    def end(
        self,
        status: Status,
        *,
        reason: OperationReason | None = None,
        error: StepError | None = None,
    ) -> None:
        """It is over; once."""
        self._machine.move(status)
        brief = self.brief
        brief.status = status.value
        brief.reason, brief.error, brief.ended_at = reason, error, self._clock.now()
        brief.seconds = round(self._clock.monotonic() - self._began, 3)
        self.ended.set()
        self._change()

    def describe(self) -> Operation:
        """What callers see of it now."""
        return Operation(**dict(self.brief), steps=list(self.steps))

    def attach(self, after: int = 0) -> Follower:
        """Somebody follows from the line after that number on; to be given to `lines`."""
        follower = Follower(after)
        self._followers.add(follower)
        self.is_expected = False
        return follower

    def detach(self, follower: Follower) -> None:
        """They don't any more."""
        self._followers.discard(follower)
        self._trim()

    async def lines(self, follower: Follower) -> AsyncIterator[tuple[int, RunLine]]:
        """Each line with its number, those that were there already too, to the summary."""
        while True:
            changed = self._changed
            while follower.seen < len(self.steps):
                follower.seen += 1
                yield follower.seen, self._line(follower.seen)
                self._trim()
            if not self.is_running:
                yield len(self.steps) + 1, RunSummary(**dict(self.brief))
                return
            await changed.wait()

    def _line(self, number: int) -> StepResult:
        fresh = self._fresh.get(number)
        return self.steps[number - 1] if fresh is None else fresh[0]

    def _trim(self) -> None:
        """Let go of whole lines that everybody has, and of the oldest where they are too large."""
        nobody = 0 if self.is_expected else len(self.steps)
        behind = min((follower.seen for follower in self._followers), default=nobody)
        for number in [number for number in self._fresh if number <= behind]:
            del self._fresh[number]
        size = sum(size for _, size in self._fresh.values())
        for number in list(self._fresh):
            if size <= FRESH_BYTES:
                break
            size -= self._fresh.pop(number)[1]

    def _bounded(self, result: StepResult) -> StepResult:
        if result.output is None:
            return result
        output, note = cut(result.output, min(self._left, self._room // 4))
        self._left -= 0 if output is None else weight(output)
        if output is result.output:
            return result
        return result.model_copy(update={"output": output, "note": note})

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
