"""A compare of two pages beside Playwright's opening of both, with and without their pictures."""

import time

import anyio

from benchmarks.ours import Ours
from benchmarks.page import FEWER
from benchmarks.plan import Plan
from benchmarks.raw import Raw
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import at_rest

PATHS = ("", FEWER)


async def compares(ours: Ours, raw: Raw, plan: Plan) -> list[Result]:
    """One request that opens two pages, compares them in all ways and closes them."""
    mine, pictured, bare = Samples(), Samples(), Samples()
    for _ in range(plan.compares):
        await at_rest(ours, raw)
        began = time.perf_counter()
        await ours.compare(*PATHS)
        mine.add(time.perf_counter() - began)
        for samples in (pictured, bare):
            await at_rest(ours, raw)
            began = time.perf_counter()
            await _both(raw, picture=samples is pictured)
            samples.add(time.perf_counter() - began)
    goal = at_most(mine.p50 / pictured.p50, 1.5, "≤ 1.5 of raw")
    details: dict[str, object] = {"ours": mine.as_json(), "raw": pictured.as_json()}
    return [
        Result(
            "compare", "compare of two pages; raw opens both, takes both pictures, p50", "ms",
            mine.p50, pictured.p50, goal, details,
        ),
        Result(
            "compare_bare", "the same; raw opens both, p50", "ms", mine.p50, bare.p50, None,
            {"raw": bare.as_json()},
        ),
    ]  # fmt: skip


async def _both(raw: Raw, *, picture: bool) -> None:
    async def one(path: str) -> None:
        visit = await raw.open(path)
        if picture:
            await visit.picture()
        await visit.close()

    async with anyio.create_task_group() as group:
        for path in PATHS:
            group.start_soon(one, path)
