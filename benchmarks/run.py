"""One run: what is measured, in which order, and the report that comes out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent_browser.browser.executable import find
from agent_browser.settings import load
from benchmarks import (
    auth,
    comparing,
    directory,
    egress,
    hibernation,
    life,
    looks,
    memory,
    page,
    rates,
    scraping,
    speed,
)
from benchmarks.ours import Ours, ours
from benchmarks.place import Place, facts
from benchmarks.plan import QUICK, Plan
from benchmarks.raw import Raw, raw
from benchmarks.results import Report, Result
from benchmarks.sides import cycle

TIMED: dict[str, Callable[[Ours, Raw, Plan], Any]] = {
    "open": speed.opens,
    "cycle": speed.cycles,
    "rate": rates.rates,
    "execute": speed.executes,
    "scrape": scraping.scrapes,
    "looks": looks.looks,
    "compare": comparing.compares,
}
"""Measured side by side, on one server and one set of raw browsers."""
SIZED: dict[str, Callable[[Place, Plan], Any]] = {
    "memory": memory.per_session,
    "crowd": memory.crowd,
    "life": life.life,
    "hibernation": hibernation.hibernation,
    "directory": directory.directory,
    "auth": auth.auth,
    "egress": egress.egress,
}
"""Measured one side after the other, each on processes of its own that were just started; the
directory has one side, and no process; nor has auth.
"""
NAMES = (*TIMED, *SIZED)
RAW_BROWSERS = 2

Say = Callable[[str], None]


async def run(names: Sequence[str], plan: Plan, say: Say) -> Report:
    """Measure those; `say` is told of each as it begins."""
    settings = load()
    with TemporaryDirectory(prefix="benchmark-") as folder, page.served() as url:
        place = Place(url, find(settings).path, Path(folder), settings.warm)
        async with ours(place) as side:
            browser, sandbox = await side.about()
        found = facts(browser, sandbox=sandbox)
        place = Place(url, place.executable, place.folder, place.warm, sandbox)
        rows = await _timed([name for name in names if name in TIMED], place, plan, say)
        for name in names:
            if name in SIZED:
                say(name)
                rows += await SIZED[name](place, plan)
    return Report(found.as_json(), rows, plan is QUICK)


async def _timed(names: Sequence[str], place: Place, plan: Plan, say: Say) -> list[Result]:
    rows: list[Result] = []
    if not names:
        return rows
    async with ours(place) as mine, raw(place, browsers=RAW_BROWSERS) as other:
        say("warming up")
        for _ in range(plan.warmup):
            await cycle(mine)
            await cycle(other)
        for name in names:
            say(name)
            rows += await TIMED[name](mine, other, plan)
    return rows
