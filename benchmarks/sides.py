"""What both sides can do: the same steps, so that neither is measured on an easier road."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import anyio

from benchmarks.tree import Tree

STEPS = ("open", "snapshot", "click", "picture", "close")
"""The steps of a cycle. Our `open` has a snapshot in its answer, and one follows all the same;
`click` has the snapshot after it.
"""


class Visit(Protocol):
    """An open session, or context, on the reference page. Each step raises Wrong where what came
    back is not what it should be.
    """

    async def snapshot(self) -> None:
        """See what can be acted on; the button's ref is known from then on."""

    async def click(self) -> None:
        """Click the button by its ref, and see what the page is then."""

    async def picture(self) -> None:
        """Take a jpeg of the view."""

    async def execute(self) -> None:
        """Evaluate 1+1 in the page."""

    async def close(self) -> None:
        """End it."""


class Side(Protocol):
    """One of the two that are compared."""

    tree: Tree

    async def open(self) -> Visit:
        """A new session on the reference page, its DOM parsed."""
        ...

    async def ready(self) -> None:
        """Wait until it has what it keeps ready between opens."""

    async def calm(self) -> None:
        """Wait until it has no more than that, either."""


class Wrong(Exception):
    """What came back is not what it should be: there is nothing to measure."""


async def cycle(side: Side) -> dict[str, float]:
    """Seconds of each step of one visit."""
    laps: list[float] = [time.perf_counter()]
    visit = await side.open()
    laps.append(time.perf_counter())
    for step in (visit.snapshot, visit.click, visit.picture, visit.close):
        await step()
        laps.append(time.perf_counter())
    spans = (after - before for before, after in pairwise(laps))
    return dict(zip(STEPS, spans, strict=True))


QUIET_SPAN = 0.06
QUIET_TIME = 0.02
"""A side that used less processor time in such a span, in seconds, has nothing left to do."""
PATIENCE = 10.0
LONG_PATIENCE = 30.0


async def at_rest(*sides: Side, calm: bool = False) -> None:
    """Wait until no side has work left from before: what one leaves undone must not slow the other.
    With `calm`, until it holds nothing more than it does at rest, either. Bounded.
    """
    with anyio.move_on_after(LONG_PATIENCE if calm else PATIENCE):
        for side in sides:
            await (side.calm() if calm else side.ready())
        spent = _spent(sides)
        while True:
            await anyio.sleep(QUIET_SPAN)
            before, spent = spent, _spent(sides)
            if spent - before < QUIET_TIME:
                return


def _spent(sides: Sequence[Side]) -> float:
    return sum(side.tree.processor_seconds() for side in sides)


async def open_many(side: Side, count: int, *, at_once: int) -> list[Visit]:
    """So many open sessions, opened so many at a time."""
    visits: list[Visit] = []
    numbers = iter(range(count))

    async def work() -> None:
        visits.extend([await side.open() for _ in numbers])

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(work)
    return visits


async def close_many(visits: list[Visit], *, at_once: int) -> None:
    """Close them all, so many at a time."""
    remaining = iter(visits)

    async def work() -> None:
        for visit in remaining:
            await visit.close()

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(work)
