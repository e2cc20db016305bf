"""Pages a second of one scrape, beside the loop that a user of raw Playwright writes."""

import time
from collections.abc import Awaitable

import anyio

from benchmarks.ours import Ours
from benchmarks.plan import Plan
from benchmarks.rates import Spent
from benchmarks.raw import Raw
from benchmarks.results import Result, at_least
from benchmarks.sides import Side, Wrong, at_rest

AT_ONCE = 8
TEXT = "document.body.innerText"


async def scrapes(ours: Ours, raw: Raw, plan: Plan) -> list[Result]:
    """A page's title and text, each page in a session, or context, of its own; raw on one browser
    and on all, the better counts.
    """
    widths = range(1, raw.width + 1)
    mine, others = Spent(), {width: Spent() for width in widths}
    pages = plan.scrape_pages
    for number in range(plan.scrape_rounds):
        turns = [0, *widths]  # 0 is ours
        for width in turns if number % 2 else reversed(turns):
            await at_rest(ours, raw)
            if width:
                raw.width = width
                await _timed(raw, _all(raw, pages), others[width], pages)
            else:
                work = ours.scrape(pages, at_once=AT_ONCE, code=TEXT)
                await _timed(ours, work, mine, pages)
    raw.width = max(widths)
    best = max(others.values(), key=lambda spent: spent.rate)
    goal = at_least(mine.rate / best.rate, 0.9, "≥ 0.9 of raw")
    details: dict[str, object] = {"ours": mine.as_json()}
    details |= {f"raw_{width}_browsers": spent.as_json() for width, spent in others.items()}
    words = f"scrape of {pages} pages, {AT_ONCE} at a time"
    return [Result("scrape", words, "/s", mine.rate, best.rate, goal, details)]


async def _all(raw: Raw, pages: int) -> list[str]:
    remaining = iter(range(pages))
    texts: list[str] = []

    async def work() -> None:
        texts.extend([await raw.read(TEXT) for _ in remaining])

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(work)
    return texts


async def _timed(side: Side, work: Awaitable[list[str]], spent: Spent, pages: int) -> None:
    client, others = time.process_time(), side.tree.processor_seconds()
    began = time.perf_counter()
    texts = await work
    spent.seconds += time.perf_counter() - began
    spent.processor_seconds += time.process_time() - client
    await at_rest(side)  # what a side puts off is on its bill
    spent.processor_seconds += side.tree.processor_seconds() - others
    spent.cycles += pages
    if len(texts) != pages or not all("Link 100" in text for text in texts):
        raise Wrong("a page was not read")
