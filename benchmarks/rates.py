"""How many whole cycles a second, so many at a time, and the processor time that each takes."""

import time
from dataclasses import dataclass

import anyio

from benchmarks.plan import Plan
from benchmarks.raw import Raw
from benchmarks.results import Result, at_least
from benchmarks.sides import Side, at_rest, cycle

AT_ONCE = (1, 4, 8)
GOAL_FROM = 4
"""At one at a time the goal is the latency's, in `speed`."""


@dataclass
class Spent:
    """Cycles done, and what they took; processor time of client and server, or of raw's whole."""

    cycles: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Cycles a second."""
        return self.cycles / self.seconds

    def as_json(self) -> dict[str, float]:
        return {
            "cycles_per_second": round(self.rate, 2),
            "cpu_ms_per_cycle": round(self.processor_seconds / self.cycles * 1000, 1),
            "cycles": self.cycles,
        }


async def rates(ours: Side, raw: Raw, plan: Plan) -> list[Result]:
    """Cycles a second at 1, 4 and 8 at a time; raw on one browser and on all, the better counts."""
    return [await _rate(ours, raw, plan, at_once) for at_once in AT_ONCE]


async def _rate(ours: Side, raw: Raw, plan: Plan, at_once: int) -> Result:
    widths = range(1, raw.width + 1)
    mine, others = Spent(), {width: Spent() for width in widths}
    for number in range(plan.rate_rounds):
        turns = [0, *widths]  # 0 is ours
        for width in turns if number % 2 else reversed(turns):
            await at_rest(ours, raw)
            if width:
                raw.width = width
                await _round(raw, plan.rate_cycles, at_once, others[width])
            else:
                await _round(ours, plan.rate_cycles, at_once, mine)
    raw.width = max(widths)
    best = max(others.values(), key=lambda spent: spent.rate)
    goal = None
    if at_once >= GOAL_FROM:
        goal = at_least(mine.rate / best.rate, 1.1, "≥ 1.1 of raw")
    details: dict[str, object] = {"ours": mine.as_json()}
    details |= {f"raw_{width}_browsers": spent.as_json() for width, spent in others.items()}
    words = f"cycles a second, {at_once} at a time"
    return Result(f"rate_{at_once}", words, "/s", mine.rate, best.rate, goal, details)


async def _round(side: Side, cycles: int, at_once: int, spent: Spent) -> None:
    remaining = iter(range(cycles * at_once))

    async def work() -> None:
        for _ in remaining:
            await cycle(side)

    client, others = time.process_time(), side.tree.processor_seconds()
    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(work)
    spent.seconds += time.perf_counter() - began
    spent.processor_seconds += time.process_time() - client
    await at_rest(side)  # what a side puts off is on its bill
    spent.processor_seconds += side.tree.processor_seconds() - others
    spent.cycles += cycles * at_once
