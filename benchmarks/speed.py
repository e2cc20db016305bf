"""How long it takes, one at a time: opening, a whole cycle, a line of JavaScript. Sides take turns,
so that what the machine does meanwhile meets both.
"""

import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.ours import Ours
from benchmarks.plan import Plan
from benchmarks.raw import Raw
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import STEPS, Side, Visit, at_rest, cycle

EXECUTE_BLOCK = 50
"""Calls of one side in a row: so few that the machine is the same for both."""


async def opens(ours: Side, raw: Side, plan: Plan) -> list[Result]:
    """Opening a session, warm: with time between opens, and back to back."""
    spaced, together = (Samples(), Samples()), (Samples(), Samples())
    for side, samples in _turns(plan.opens, ours, raw, spaced):
        await at_rest(ours, raw)
        await _open(side, samples)
    for side, samples in _turns(plan.blocks, ours, raw, together):
        await at_rest(ours, raw)
        for _ in range(plan.block):
            await _open(side, samples)
    mine, other = spaced[0].p50, spaced[1].p50
    return [
        Result("open", "open a new session, warm, p50", "ms", mine, other,
               at_most(mine, other, "≤ raw"), _both(spaced)),
        Result("open_back_to_back", "the same back to back, p50", "ms",
               together[0].p50, together[1].p50, None, _both(together)),
    ]  # fmt: skip


async def _open(side: Side, samples: Samples) -> None:
    began = time.perf_counter()
    visit = await side.open()
    samples.add(time.perf_counter() - began)
    await visit.close()


async def cycles(ours: Side, raw: Side, plan: Plan) -> list[Result]:
    """Open, snapshot, click with the snapshot after it, jpeg, close: as a whole and by step."""
    whole = (Samples(), Samples())
    steps = tuple({step: Samples() for step in STEPS} for _ in whole)
    for side, samples in _turns(plan.cycles, ours, raw, whole):
        await at_rest(ours, raw)
        spans = await cycle(side)
        samples.add(sum(spans.values()))
        for step, seconds in spans.items():
            steps[0 if side is ours else 1][step].add(seconds)
    details = _both(whole) | {
        f"{name}_steps": {step: samples.as_json() for step, samples in of.items()}
        for name, of in zip(("ours", "raw"), steps, strict=True)
    }
    mine, other = whole[0].p50, whole[1].p50
    goal = at_most(mine / other, 0.7, "≤ 0.7 of raw")
    return [Result("cycle", "full cycle, one at a time, p50", "ms", mine, other, goal, details)]


async def executes(ours: Ours, raw: Raw, plan: Plan) -> list[Result]:
    """`1+1` in an open page. One caller needs no asynchronous client, whose own time would be most
    of what there is to see; what it takes with one stands beside it.
    """
    mine, other = await ours.open(), await raw.open()
    plain, asynchronous, theirs = Samples(), Samples(), Samples()
    with ours.plain_client() as client:
        await at_rest(ours, raw)
        for _ in range(max(1, plan.executes // EXECUTE_BLOCK)):
            for _ in range(EXECUTE_BLOCK):
                began = time.perf_counter()
                mine.execute_in_line(client)
                plain.add(time.perf_counter() - began)
            pairs: list[tuple[Visit, Samples]] = [(other, theirs), (mine, asynchronous)]
            for visit, samples in pairs:
                for _ in range(EXECUTE_BLOCK):
                    samples.add(await _timed(visit.execute))
    await mine.close()
    await other.close()
    return [
        _execute("execute", 'execute "1+1", p50', plain, theirs, has_goal=True),
        _execute("execute_async", "the same with httpx's AsyncClient", asynchronous, theirs),
    ]


def _execute(
    name: str, words: str, mine: Samples, other: Samples, *, has_goal: bool = False
) -> Result:
    above = mine.p50 - other.p50
    goal = at_most(above, 2.0, "≤ raw + 2 ms") if has_goal else None
    details = _both((mine, other)) | {"above_raw_ms": round(above, 3)}
    return Result(name, words, "ms", mine.p50, other.p50, goal, details)


async def _timed(step: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await step()
    return time.perf_counter() - began


def _turns(
    rounds: int, ours: Side, raw: Side, samples: tuple[Samples, Samples]
) -> Sequence[tuple[Side, Samples]]:
    """A B B A A B …: neither always comes right after the other."""
    pair = [(ours, samples[0]), (raw, samples[1])]
    return [turn for number in range(rounds) for turn in (pair if number % 2 else pair[::-1])]


def _both(samples: tuple[Samples, Samples]) -> dict[str, object]:
    return {"ours": samples[0].as_json(), "raw": samples[1].as_json()}
