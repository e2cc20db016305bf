"""Readiness: a real command to each browser, each within a bound."""

import anyio

from agent_browser.errors import AgentBrowserError
from agent_browser.pool.browsers import Browsers
from agent_browser.pool.host import Host
from agent_browser.service import Readiness

BOUND = 3.0
"""Seconds that a browser has to answer."""


async def readiness(browsers: Browsers, warnings: tuple[str, ...], *, starting: bool) -> Readiness:
    """Ready if a browser answered. `starting`: one is on its way."""
    hosts = list(browsers.hosts.values())
    answers: list[str] = []
    faults: list[str] = []
    async with anyio.create_task_group() as tasks:
        for host in hosts:
            tasks.start_soon(_probe, host, answers, faults)
    if answers:
        detail = f"{len(answers)} of {len(hosts)} browsers answered"
    elif faults:
        detail = faults[0]
    elif starting:
        detail = "the browsers are starting"
    else:
        detail = browsers.failure().detail
    return Readiness(
        ready=bool(answers),
        detail=detail,
        browser=answers[0] if answers else "",
        warnings=warnings + tuple(faults if answers else ()),
    )


async def _probe(host: Host, answers: list[str], faults: list[str]) -> None:
    with anyio.move_on_after(BOUND) as scope:
        try:
            answers.append(await host.browser.probe())
        except AgentBrowserError as exc:
            faults.append(f"browser {host.id}: {exc.detail}")
    if scope.cancelled_caught:
        faults.append(f"browser {host.id} did not answer within {BOUND:g} s")
