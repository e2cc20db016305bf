"""How much memory sessions take, how fast many are opened, what is left when they are closed."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio
import httpx

from benchmarks.ours import Server, ours
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.raw import raw
from benchmarks.results import Goal, Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import Side, Visit, Wrong, at_rest, close_many, open_many

AT_ONCE = 8
MB = 2**20
GB = 2**30
LOOK_EVERY = 0.5


async def per_session(place: Place, plan: Plan) -> list[Result]:
    """Memory of open sessions beyond what the side takes without them, each on processes of
    its own: first ours, then raw's.
    """
    async with ours(place) as side:
        mine = await _each(side, plan)
    async with raw(place, browsers=1) as side_of_raw:
        first = await side_of_raw.open()  # ours keeps pages ready too
        other = await _each(side_of_raw, plan)
        await first.close()
    details: dict[str, object] = {"ours_by_process": mine, "raw_by_process": other}
    mine_mb, other_mb = sum(mine.values()), sum(other.values())
    goal = at_most(mine_mb, 22, "≤ 22 MB")
    words = f"memory (PSS) of a session, {plan.sessions} open"
    return [Result("memory", words, "MB", mine_mb, other_mb, goal, details)]


async def _each(side: Side, plan: Plan) -> dict[str, float]:
    """MB a session by kind of process."""
    await at_rest(side, calm=True)
    start = side.tree.memory()
    visits = await open_many(side, plan.sessions, at_once=4)
    await at_rest(side, calm=True)
    grown = side.tree.memory()
    await close_many(visits, at_once=4)
    kinds = {*start, *grown}
    return {kind: round((grown[kind] - start[kind]) / MB / plan.sessions, 3) for kind in kinds}


async def crowd(place: Place, plan: Plan) -> list[Result]:
    """Many opened at once, as many again, all asked, all closed: ours, then raw's first part."""
    with Server(place) as server:
        async with server.side() as side:
            results = await _crowd(side, server, plan)
        left = server.stop()
    words = "processes and temporary files left after the server's end"
    results.append(_none("left", words, left))
    async with raw(place, browsers=1) as side_of_raw:
        seconds, size, visits = await _gather(side_of_raw, plan.crowd)
        await close_many(visits, at_once=AT_ONCE)
    return _beside(results, seconds, size)


async def _crowd(side: Side, server: Server, plan: Plan) -> list[Result]:
    await at_rest(side, calm=True)
    start, processes, files = side.tree.memory(), side.tree.counts(), server.leftovers()
    seconds, size, visits = await _gather(side, plan.crowd)
    visits += await open_many(side, plan.full - plan.crowd, at_once=AT_ONCE)
    answers = await _ask(visits)
    full = side.tree.memory().total()
    await close_many(visits, at_once=AT_ONCE)
    took, after = await _return(side, start.total(), plan.return_seconds)
    await at_rest(side, calm=True)
    more = side.tree.counts() - processes
    # A browser that was replaced meanwhile has folders of other names, and not more of them.
    now = server.leftovers()
    fresh = sorted(set(now) - set(files))
    surplus = [*more.elements(), *fresh[: max(0, len(now) - len(files))]]
    return [
        _crowd_seconds(plan, seconds),
        _crowd_memory(plan, size),
        _answering(plan, answers, full),
        _returned(start, after, took),
        _none("surplus", "processes and temporary files more than at the start", surplus),
    ]


def _crowd_seconds(plan: Plan, seconds: float) -> Result:
    words = f"{plan.crowd} sessions opened {AT_ONCE} at a time"
    return Result("crowd_seconds", words, "s", seconds, None, at_most(seconds, 8, "≤ 8 s"))


def _crowd_memory(plan: Plan, size: int) -> Result:
    words = f"memory (PSS) of the whole tree, {plan.crowd} open"
    goal = at_most(size / GB, 2.4, "≤ 2.4 GB")
    return Result("crowd_memory", words, "GB", size / GB, None, goal)


def _answering(plan: Plan, answers: Samples, memory: int) -> Result:
    answered = len(answers.seconds)
    words = f"sessions that answer, of {plan.full} open at once"
    details: dict[str, Any] = {
        "execute": answers.as_json(),
        "memory_gb": round(memory / GB, 3),
    }
    return Result(
        "answering", words, "", answered, None, Goal(f"{plan.full}", answered == plan.full), details
    )


def _returned(start: Counter[str], after: Counter[str], took: float) -> Result:
    share = after.total() / start.total()
    details: dict[str, Any] = {
        "seconds": round(took, 1),
        "start_mb": _in_mb(start),
        "after_mb": _in_mb(after),
    }
    goal = at_most(share, 1.15, "≤ 1.15 within 30 s")
    words = "memory once all are closed, by the start's"
    return Result("return", words, "", round(share, 3), None, goal, details)


def _none(name: str, words: str, left: list[str]) -> Result:
    return Result(name, words, "", len(left), None, at_most(len(left), 0, "0"), {"names": left})


async def _gather(side: Side, count: int) -> tuple[float, int, list[Visit]]:
    """Seconds to open so many, bytes of memory right after, and the sessions."""
    await at_rest(side)
    began = time.perf_counter()
    visits = await open_many(side, count, at_once=AT_ONCE)
    return time.perf_counter() - began, side.tree.memory().total(), visits


async def _ask(visits: list[Visit]) -> Samples:
    """Each asked once; a sample for each that answers."""
    samples = Samples()
    remaining = iter(visits)

    async def work() -> None:
        for visit in remaining:
            began = time.perf_counter()
            with suppress(Wrong, httpx.HTTPError):
                await visit.execute()
                samples.add(time.perf_counter() - began)

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(work)
    return samples


async def _return(side: Side, start: int, within: float) -> tuple[float, Counter[str]]:
    """Seconds until memory is within 115 % of the start's, and memory then; else at the end."""
    began = time.perf_counter()
    while True:
        memory, seconds = side.tree.memory(), time.perf_counter() - began
        if memory.total() <= 1.15 * start or seconds >= within:
            return seconds, memory
        await anyio.sleep(LOOK_EVERY)


def _beside(results: list[Result], seconds: float, size: int) -> list[Result]:
    """The results with raw's numbers where it has such."""
    theirs = {"crowd_seconds": seconds, "crowd_memory": size / GB}
    return [replace(result, raw=theirs.get(result.name)) for result in results]


def _in_mb(memory: Counter[str]) -> dict[str, float]:
    return {kind: round(size / MB, 1) for kind, size in memory.items()}
