"""Webhooks over a real database, a real receiver, and a clock that is moved by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from agent_browser.egress.outbound import Outbound
from agent_browser.hub import Hub
from agent_browser.models.webhooks import Delivery, WebhookCreate, WebhookMade
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings
from agent_browser.webhooks.webhooks import Webhooks
from tests.databases import Opened, fresh, opened, settings_of
from tests.fakes.clock import ManualClock
from tests.webhooks.receiver import PATIENCE, Receiver, receiving

ANN = Caller(owner="ann")


class Pauses:
    """Pauses end when a test says so; the clock has moved by then."""

    def __init__(self, clock: ManualClock) -> None:
        self.asked: list[float] = []
        self._clock = clock
        self._over: list[anyio.Event] = []
        self._more = anyio.Event()
        self._ends = False

    async def __call__(self, seconds: float) -> None:
        over = anyio.Event()
        self.asked.append(seconds)
        self._over.append(over)
        self._more.set()
        if not self._ends:
            await over.wait()

    def end_all(self) -> None:
        """Let all that were asked for end, and those that will be."""
        self._ends = True
        for over in self._over:
            over.set()

    async def end(self, number: int = 1) -> None:
        """Let that pause, counted from 1, end once it was asked for."""
        with anyio.fail_after(PATIENCE):
            while len(self.asked) < number:
                self._more = anyio.Event()
                await self._more.wait()
        self._clock.advance(self.asked[number - 1])
        self._over[number - 1].set()


@dataclass
class Rig:
    """All parts of one server's webhooks."""

    opened: Opened
    hub: Hub
    clock: ManualClock
    pauses: Pauses
    webhooks: Webhooks
    receiver: Receiver
    told: int = field(default=0)

    async def make(self, caller: Caller = LOCAL, **request: object) -> WebhookMade:
        """A webhook to the receiver."""
        given = {"url": self.receiver.url, **request}
        return await self.webhooks.create(caller, WebhookCreate.model_validate(given))

    def tell(self, count: int = 1, *, session: str = "s1", owner: str = "local") -> None:
        """So many events, numbered from 1 on over all."""
        for _ in range(count):
            self.told += 1
            self.hub.publish("navigated", session, owner, {"n": self.told})

    async def log(self, webhook: WebhookMade, count: int, state: str) -> list[Delivery]:
        """Its deliveries, oldest first, once so many have come to that."""
        with anyio.fail_after(PATIENCE):
            while True:
                page = await self.webhooks.deliveries(LOCAL, webhook.id, limit=200, cursor=None)
                found = sorted(page.items, key=lambda item: item.event_id or 0)
                if sum(item.state == state for item in found) >= count:
                    return found
                await anyio.sleep(0.001)


@asynccontextmanager
async def running(made: Opened, receiver: Receiver, **options: object) -> AsyncIterator[Rig]:
    """A server's webhooks over that database."""
    clock = made.clock
    hub, pauses = Hub(clock=clock), Pauses(clock)
    settings = Settings.model_validate(
        {"data_dir": made.settings.data_dir, "max_webhooks": 3, **options}
    )
    webhooks = Webhooks(
        hub,
        made.papers,
        Outbound(exposed=False),
        settings,
        clock=clock,
        sleep=pauses,
        luck=lambda: 0.5,
    )
    async with webhooks:
        await anyio.wait_all_tasks_blocked()
        yield Rig(made, hub, clock, pauses, webhooks, receiver)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    if request.param == "sqlite":
        async with opened(settings_of(tmp_path, None)) as made:
            yield made
    else:
        async with (
            fresh(request.getfixturevalue("postgres")) as url,
            opened(settings_of(tmp_path, url)) as made,
        ):
            yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def rig(database: Opened, receiver: Receiver) -> AsyncIterator[Rig]:
    async with running(database, receiver) as made:
        yield made
