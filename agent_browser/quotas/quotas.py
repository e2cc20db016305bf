"""The quotas of all owners: what each may have and use, what it used, and refusals.

What there is of sessions and bytes is counted by who has them, and asked for when it is needed:
nothing that could drift is kept here. What was spent of a day is kept here, and over a restart.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio
import structlog

from agent_browser.clock import Clock, SystemClock
from agent_browser.errors import QuotaExceeded, RateLimited
from agent_browser.models.usage import QUOTAS, UNITS, WINDOWS, Quota, QuotaName, QuotasInput, Usage
from agent_browser.papers import Papers
from agent_browser.quotas.days import Spent, day_of, end_of
from agent_browser.quotas.headers import Header, Left, headers
from agent_browser.quotas.limits import Limits
from agent_browser.quotas.meter import Meter
from agent_browser.quotas.rate import Rate
from agent_browser.settings import Settings

GIVEN, SPENT = "quota", "spent"
"""Kinds of papers."""
TOGETHER = 10.0
"""Seconds in which what is spent comes together before it is written; a crash loses that."""
MOST_RATES = 10_000
"""Owners whose calls are counted; of those beyond, who called least recently begins anew."""
_OF_A_DAY: tuple[QuotaName, ...] = ("recording", "traffic")

log = structlog.get_logger(__name__)


class Quotas:
    """An async context manager; `keep` is its task. All of it is used from one loop."""

    def __init__(
        self, settings: Settings, papers: Papers | None = None, *, clock: Clock | None = None
    ) -> None:
        self._papers = papers
        self._clock = clock or SystemClock()
        self._common = Limits.of(settings)
        self._given: dict[str, dict[QuotaName, int]] = {}
        self._own: dict[str, Limits] = {}
        self._rates: OrderedDict[str, Rate] = OrderedDict()
        self._spent: dict[str, Spent] = {}
        self._unkept: set[str] = set()
        self._work = anyio.Event()
        self._meters: dict[str, Meter] = {}
        self._counts: dict[QuotaName, Callable[[str], int]] = {"traffic": self._passed}
        self._stores: dict[str, Callable[[str], int]] = {}
        self.on_spent: Callable[[str], None] = _idly
        """Told of an owner whose traffic is over, from wherever that shows."""

    def __repr__(self) -> str:
        return f"<Quotas {self._common}, {len(self._given)} owners with their own>"

    async def __aenter__(self) -> Self:
        """Have again what was given, and what was spent today."""
        if self._papers is None:
            return self
        for data in await self._papers.all(GIVEN):
            self._give(data["owner"], data["limits"])
        today = day_of(self._clock.now())
        for data in await self._papers.all(SPENT):
            spent = _read(data)
            if spent.day >= today:
                self._spent[data["owner"]] = spent
            else:
                self._papers.drop(SPENT, _id(data["owner"]))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What was spent is put; who keeps the papers writes them after this."""
        self._put_spent()

    def counts(self, name: QuotaName, count: Callable[[str], int]) -> None:
        """Who knows how many of these an owner has."""
        self._counts[name] = count

    def stores(self, what: str, count: Callable[[str], int]) -> None:
        """Who knows how many bytes of these an owner has."""
        self._stores[what] = count

    def limits(self, owner: str) -> Limits:
        """Those in force for that owner."""
        return self._own.get(owner, self._common)

    def given(self, owner: str) -> Mapping[QuotaName, int]:
        """Those given for that owner."""
        return self._given.get(owner, {})

    async def give(self, owner: str, request: QuotasInput) -> None:
        """Other limits for that owner from now on; they are kept when this returns. StorageFull,
        DatabaseUnusable: those before are in force.
        """
        before = self._given.get(owner, {})
        asked = {name: getattr(request, name) for name in QUOTAS}
        self._give(owner, {name: limit for name, limit in asked.items() if limit is not None})
        if self._papers is None:
            return
        try:
            self._keep_given(owner)
            await self._papers.flush()
        except BaseException:
            self._give(owner, before)
            self._keep_given(owner)
            raise

    def call(self, owner: str) -> None:
        """A call is there, and counts. RateLimited where it is one too many: then it doesn't."""
        limit = self.limits(owner).calls
        wait = self._rate(owner).take(self._clock.monotonic(), limit)
        if wait:
            raise RateLimited(
                f"more than {limit} calls within a minute", retry_after=max(wait, 0.001)
            )

    def check(self, name: QuotaName, owner: str, more: float = 1) -> None:
        """QuotaExceeded where `more` would be too many."""
        limit = self.limits(owner)[name]
        if limit and self.used(name, owner) + more > limit:
            raise self.refusal(name, owner)

    def refusal(self, name: QuotaName, owner: str) -> QuotaExceeded:
        """What to tell who has no more of it."""
        wait = self._resets_in(name, owner) if name in _OF_A_DAY else None
        return QuotaExceeded(
            name, self.limits(owner)[name], int(self.used(name, owner)), retry_after=wait
        )

    def left(self, name: QuotaName, owner: str) -> float:
        """How much there is still; inf without a limit."""
        limit = self.limits(owner)[name]
        return max(0.0, limit - self.used(name, owner)) if limit else math.inf

    def used(self, name: QuotaName, owner: str) -> float:
        """What it has, or used."""
        if name == "calls":
            rate = self._rates.get(owner)
            return rate.used(self._clock.monotonic()) if rate else 0
        if name == "bytes":
            return sum(self.stored(owner).values())
        counted = self._counts[name](owner) if name in self._counts else 0
        if name in _OF_A_DAY:
            spent: float = getattr(self._today(owner), name)
            return spent + counted
        return counted

    def stored(self, owner: str) -> dict[str, int]:
        """The bytes that it has, by what they are."""
        return {what: count(owner) for what, count in self._stores.items()}

    def recorded(self, owner: str, seconds: float, *, at: datetime | None = None) -> None:
        """So much video was made, now or then: that of a day that is over counts no more."""
        if at is not None and day_of(at) < self._today(owner).day:
            return
        self._today(owner).recording += seconds
        self._note(owner)

    def meter(self, owner: str) -> Meter:
        """What counts the bytes of its sessions as they pass, all of them together."""
        meter = self._meters.get(owner)
        if meter is None:
            meter = self._meters[owner] = Meter(
                partial(self._settled, owner),
                partial(self._note, owner),
                lambda: self.on_spent(owner),
            )
            meter.renew()
        return meter

    def usage(self, owner: str) -> Usage:
        """All of it, for people."""
        quotas = [self._quota(name, owner) for name in QUOTAS]
        return Usage(owner=owner, quotas=quotas, stored=self.stored(owner))

    def headers(self, owner: str) -> list[Header]:
        """What its answers tell of it; none where it has no limits."""
        limits = self.limits(owner)
        if not limits.are_any:
            return []
        left = [self._left(name, owner, limits[name]) for name in QUOTAS if limits[name]]
        return headers(limits, left)

    async def keep(self) -> None:
        """Put what is spent, many calls' together, until cancelled."""
        while True:
            await self._work.wait()
            await anyio.sleep(TOGETHER)
            self._put_spent()

    def _left(self, name: QuotaName, owner: str, limit: int) -> Left:
        reset = self._resets_in(name, owner)
        remaining = max(0, limit - math.ceil(self.used(name, owner)))
        return Left(name, limit, remaining, None if reset is None else math.ceil(reset))

    def _quota(self, name: QuotaName, owner: str) -> Quota:
        limit, used = self.limits(owner)[name], math.ceil(self.used(name, owner))
        wait = self._resets_in(name, owner)
        return Quota(
            name=name,
            unit=UNITS[name],
            limit=limit or None,
            used=used,
            remaining=max(0, limit - used) if limit else None,
            window=WINDOWS.get(name),
            resets_at=None if wait is None else _after(self._clock, wait),
        )

    def _resets_in(self, name: QuotaName, owner: str) -> float | None:
        """Seconds until what was used counts no more; None for what there is."""
        if name == "calls":
            rate = self._rates.get(owner)
            return rate.empty_in(self._clock.monotonic()) if rate else 0.0
        if name in _OF_A_DAY:
            now = self._clock.now()
            return max(1.0, (end_of(now) - now).total_seconds())
        return None

    def _rate(self, owner: str) -> Rate:
        rate = self._rates.get(owner)
        if rate is None:
            rate = self._rates[owner] = Rate()
            if len(self._rates) > MOST_RATES:
                self._rates.popitem(last=False)
        else:
            self._rates.move_to_end(owner)
        return rate

    def _today(self, owner: str) -> Spent:
        today = day_of(self._clock.now())
        spent = self._spent[owner] = self._spent.get(owner, Spent(today)).on(today)
        return spent

    def _note(self, owner: str) -> None:
        self._unkept.add(owner)
        self._work.set()

    def _put_spent(self) -> None:
        self._work = anyio.Event()
        unkept, self._unkept = self._unkept, set()
        today = day_of(self._clock.now())
        for owner in unkept:
            self._settled(owner)
            if self._papers is not None:
                self._papers.put(SPENT, _id(owner), owner, _written(owner, self._today(owner)))
        for owner in [owner for owner, meter in self._meters.items() if not meter.is_used]:
            del self._meters[owner]
        over = [owner for owner, spent in self._spent.items() if spent.day < today]
        for owner in over:
            del self._spent[owner]
            if self._papers is not None:
                self._papers.drop(SPENT, _id(owner))

    def _passed(self, owner: str) -> int:
        meter = self._meters.get(owner)
        return meter.passed if meter else 0

    def _settled(self, owner: str) -> float:
        """How much traffic is left once what its meter counted is on the account of today."""
        meter = self._meters.get(owner)
        if meter is not None:
            self._today(owner).traffic += meter.settle()
        return self.left("traffic", owner)

    def _give(self, owner: str, given: Mapping[QuotaName, int]) -> None:
        if given:
            self._given[owner] = dict(given)
            self._own[owner] = self._common.with_given(given)
        else:
            self._given.pop(owner, None)
            self._own.pop(owner, None)
        if owner in self._meters:
            self._meters[owner].renew()

    def _keep_given(self, owner: str) -> None:
        assert self._papers is not None
        given = self._given.get(owner)
        if given:
            data: dict[str, Any] = {"owner": owner, "limits": given}
            self._papers.put(GIVEN, _id(owner), owner, data)
        else:
            self._papers.drop(GIVEN, _id(owner))


def _idly(owner: str) -> None:
    """Nobody is there who could do something."""


def _id(owner: str) -> str:
    """An owner's name may be longer than an id."""
    return hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()


def _written(owner: str, spent: Spent) -> dict[str, Any]:
    return {
        "owner": owner,
        "day": spent.day.isoformat(),
        "recording": spent.recording,
        "traffic": spent.traffic,
    }


def _read(data: dict[str, Any]) -> Spent:
    return Spent(date.fromisoformat(data["day"]), float(data["recording"]), int(data["traffic"]))


def _after(clock: Clock, seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
