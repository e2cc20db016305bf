"""How long it takes to see what is on a page: fresh, large, with nothing changed."""

import time
from collections.abc import Callable
from functools import partial

import httpx

from benchmarks.ours import Ours, OurVisit
from benchmarks.page import BIG
from benchmarks.plan import Plan
from benchmarks.raw import Raw, RawVisit
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import at_rest


async def looks(ours: Ours, raw: Raw, plan: Plan) -> list[Result]:
    """Elements and tree of a fresh document, each beside Playwright's ai snapshot of one."""
    mine, other = await ours.open(), await raw.open()
    elements, tree, large = (Samples(), Samples()), (Samples(), Samples()), (Samples(), Samples())
    with ours.plain_client() as client:
        pair = partial(_pair, mine, other, client)
        for number in range(plan.looks):
            await pair("", elements, number, tree=False)
            await pair("", tree, number, tree=True)
        for number in range(plan.large_looks):
            await pair(BIG, large, number, tree=False)
        delta = await _delta(ours, mine, client, plan)
    await mine.close()
    await other.close()
    return [
        _row("elements", "elements of a fresh page, p50", elements, 0.5),
        _row("elements_tree", "the same with the tree, p50", tree, 1.2),
        _row("elements_large", "elements of a fresh page of 50,000 nodes, p50", large, 0.5),
        delta,
    ]


async def _pair(
    mine: OurVisit,
    other: RawVisit,
    client: httpx.Client,
    path: str,
    samples: tuple[Samples, Samples],
    number: int,
    *,
    tree: bool,
) -> None:
    """One sample of each side; neither is always the first. Coming to the page is not timed."""
    for is_ours in (True, False) if number % 2 else (False, True):
        if is_ours:
            await mine.move(path)
            samples[0].add(_timed(mine.look, client, tree=tree))
        else:
            await other.move(path)
            began = time.perf_counter()
            await other.look()
            samples[1].add(time.perf_counter() - began)


async def _delta(ours: Ours, visit: OurVisit, client: httpx.Client, plan: Plan) -> Result:
    """A delta where nothing changed, beside `execute` in the same page."""
    deltas, executes = Samples(), Samples()
    await visit.move("")
    visit.look(client)
    await at_rest(ours)
    for _ in range(plan.deltas):
        executes.add(_timed(visit.execute_in_line, client))
        deltas.add(_timed(visit.unchanged, client))
    above = deltas.p50 - executes.p50
    return Result(
        "delta", "delta of an unchanged page above our execute, p50", "ms", above, None,
        at_most(above, 3.0, "≤ 3 ms"),
        {"delta": deltas.as_json(), "execute": executes.as_json()},
    )  # fmt: skip


def _timed(work: Callable[..., None], *arguments: object, **more: object) -> float:
    began = time.perf_counter()
    work(*arguments, **more)
    return time.perf_counter() - began


def _row(name: str, words: str, samples: tuple[Samples, Samples], bound: float) -> Result:
    mine, other = samples[0].p50, samples[1].p50
    goal = at_most(mine / other, bound, f"≤ {bound} of raw")
    details = {"ours": samples[0].as_json(), "raw": samples[1].as_json()}
    return Result(name, words, "ms", mine, other, goal, details)
