"""The whole of one request: so many pages at a time, results as they finish, a summary at the end.

What is read slower than it is made holds the work up: a page is not begun before the results of
those before it found a place. Cancelled, it leaves no session behind.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent_browser.egress.outbound import Outbound
from agent_browser.errors import InternalError, SessionEnded
from agent_browser.models.needs import right_of
from agent_browser.models.scraping import (
    ScrapeError,
    ScrapeInput,
    ScrapeResult,
    ScrapeSummary,
)
from agent_browser.scraping.hosts import at_a_time, host_of
from agent_browser.scraping.retries import Outcome, failed, verdict
from agent_browser.scraping.rules import HostRules, PlainReader
from agent_browser.scraping.schedule import Item, Schedule
from agent_browser.scraping.stays import Stays
from agent_browser.scraping.visit import Slow, Visits
from agent_browser.service import Caller, SessionService

LAST_WORDS = 30.0
"""Seconds that a reader has for what is left to say when the time is up."""
LONGEST_HOLD = 15.0
"""Seconds after which a pool that was full is asked again, whatever it said."""
EVERYTHING = "scrape"
"""The deadline's name for what was not done in time."""

log = structlog.get_logger(__name__)

Line = ScrapeResult | ScrapeSummary
Give = Callable[[Line], Awaitable[None]]
"""Takes one line; it may take its time, and is called once at a time."""


class Scrape:
    """One request on the way. `check` first, then `run`, each once."""

    def __init__(
        self,
        service: SessionService,
        caller: Caller,
        request: ScrapeInput,
        *,
        reader: PlainReader | None = None,
        outbound: Outbound | None = None,
    ) -> None:
        self._service = service
        self._caller = caller
        self._request = request
        self._targets = request.targets()
        self._reader = reader or PlainReader(request.robots_agent, outbound=outbound)
        self._stays = Stays(service, caller, request)
        self._visits = Visits(
            service, caller, request, self._stays, HostRules(request.robots_agent), self._reader
        )
        self._schedule = self._scheduled()
        self._changed = anyio.Event()
        self._answered: set[int] = set()
        self._codes: Counter[str] = Counter()
        self._attempts = 0
        self._began = 0.0

    async def check(self) -> None:
        """Raise what makes the request senseless as a whole: a session that isn't there, a reading
        that the caller may not do.
        """
        for _, reading in self._request.readings():
            self._caller.require(right_of(reading.parsed()))
        if self._stays.makes_own:
            return
        found = await self._service.get(self._caller, self._request.session)
        if found.ended_at is not None:
            raise SessionEnded(found.id, found.ended_at, found.end_reason or "closed")

    async def run(self, give: Give) -> None:
        """Do it all. Every address gets one line, and the summary is the last."""
        self._began = anyio.current_time()
        sending, receiving = anyio.create_memory_object_stream[ScrapeResult](
            self._request.concurrency
        )
        async with self._reader, sending, receiving:
            with anyio.move_on_after(self._request.total_timeout) as time:
                await self._work(give, sending, receiving)
            with anyio.move_on_after(LAST_WORDS):
                if time.cancelled_caught:
                    await self._tell_rest(give, receiving)
                await give(self._summary(timed_out=time.cancelled_caught))

    async def _work(
        self,
        give: Give,
        sending: MemoryObjectSendStream[ScrapeResult],
        receiving: MemoryObjectReceiveStream[ScrapeResult],
    ) -> None:
        async with anyio.create_task_group() as group:
            try:
                for _ in range(self._workers()):
                    group.start_soon(self._serve, sending)
                while len(self._answered) < len(self._targets):
                    await self._tell(give, await receiving.receive())
            finally:
                # Also where this is broken off: the calls under way end with their sessions.
                await self._stays.end_all()

    def _workers(self) -> int:
        if not self._stays.makes_own:
            return 1
        return min(self._request.concurrency, len(self._targets))

    async def _serve(self, sending: MemoryObjectSendStream[ScrapeResult]) -> None:
        while (item := await self._next()) is not None:
            result = await self._try(item)
            if result is not None:
                await sending.send(result)

    async def _next(self) -> Item | None:
        """The next item, once it may begin; None where there is none to come."""
        while self._schedule.left:
            now = anyio.current_time()
            item = self._schedule.take(now)
            if item is not None:
                return item
            wait, changed = self._schedule.wait(now), self._changed
            with anyio.move_on_after(wait):
                await changed.wait()
        return None

    async def _try(self, item: Item) -> ScrapeResult | None:
        """Try it once more; its result, or None where it is to be tried again."""
        now = anyio.current_time()
        item.began = now if item.began is None else item.began
        item.attempt += 1
        url = self._targets[item.index].url

        def slow(seconds: float) -> None:
            self._schedule.slow(item.host, seconds, anyio.current_time())
            self._schedule.widen(item.host, self._at_a_time(item.host))
            self._change()

        outcome = await self._outcome(item, url, slow)
        now = anyio.current_time()
        follows = verdict(
            outcome, item.attempt, self._request.retries, own_session=self._stays.makes_own
        )
        if follows.kind == "wait" or not outcome.was_tried:
            item.attempt -= 1
        else:
            self._attempts += 1
        if follows.kind == "end":
            self._schedule.free()  # its session ended: there may be room for another
            if self._schedule.done(item):
                await self._stays.finish(item.host)
            self._change()
            return self._result(item, outcome, now)
        if follows.kind == "wait":
            self._schedule.hold(now + min(follows.seconds, LONGEST_HOLD))
        elif outcome.retry_after is not None:
            self._schedule.rest(item.host, now + outcome.retry_after)
        self._schedule.again(item, now + (follows.seconds if follows.kind == "again" else 0))
        self._change()
        return None

    async def _outcome(self, item: Item, url: str, slow: Slow) -> Outcome:
        """What came of a try; a fault of the program's own ends no other page's."""
        try:
            return await self._visits.attempt(item.host, url, slow)
        except Exception:
            log.exception("a page failed", index=item.index)
            return Outcome(error=failed(InternalError()))

    def _change(self) -> None:
        """Let all workers look again for what they may begin."""
        self._changed.set()
        self._changed = anyio.Event()

    async def _tell(self, give: Give, result: ScrapeResult) -> None:
        await give(result)
        # No await between here and the line's having been taken: it is told once.
        self._answered.add(result.index)
        if result.error is not None:
            self._codes[result.error.code] += 1

    async def _tell_rest(
        self, give: Give, receiving: MemoryObjectReceiveStream[ScrapeResult]
    ) -> None:
        """The time is up: what was finished and not told yet, then what was not finished."""
        while receiving.statistics().current_buffer_used:
            await self._tell(give, receiving.receive_nowait())
        late = ScrapeError(
            code="deadline_exceeded",
            detail=f"the {EVERYTHING} deadline of {self._request.total_timeout:g} s was exceeded",
        )
        for index in range(len(self._targets)):
            if index not in self._answered:
                outcome = Outcome(error=late)
                item = self._items[index]
                await self._tell(give, self._result(item, outcome, anyio.current_time()))

    def _result(self, item: Item, outcome: Outcome, now: float) -> ScrapeResult:
        target = self._targets[item.index]
        readings: dict[str, Any] = dict.fromkeys(name for name, _ in self._request.readings())
        return ScrapeResult(
            index=item.index,
            id=target.id,
            url=target.url,
            final_url=outcome.final_url,
            status=outcome.status,
            title=outcome.title,
            ok=outcome.error is None,
            error=outcome.error,
            attempts=item.attempt,
            seconds=0.0 if item.began is None else round(now - item.began, 3),
            session_id=outcome.session_id,
            files=outcome.files,
            videos=outcome.videos,
            **readings | outcome.readings,
        )

    def _summary(self, *, timed_out: bool) -> ScrapeSummary:
        failed = sum(self._codes.values())
        return ScrapeSummary(
            total=len(self._targets),
            ok=len(self._answered) - failed,
            failed=failed,
            attempts=self._attempts,
            codes=dict(sorted(self._codes.items())),
            seconds=round(anyio.current_time() - self._began, 3),
            timed_out=timed_out,
        )

    def _at_a_time(self, host: str) -> int:
        """Pages of the host at a time; those of one session come one after the other."""
        return 1 if self._stays.is_shared else at_a_time(host, self._request)

    def _scheduled(self) -> Schedule:
        asked = self._request.per_host
        schedule = Schedule(
            # One alone finds out what the host's robots.txt asks for.
            concurrency=lambda host: 1 if self._request.robots else self._at_a_time(host),
            delay=asked.delay,
            jitter=lambda: random.uniform(0, asked.jitter),
            most_hosts=self._request.concurrency if self._stays.is_shared else None,
        )
        self._items = [
            Item(index, host_of(target.url)) for index, target in enumerate(self._targets)
        ]
        for item in self._items:
            schedule.add(item)
        return schedule
