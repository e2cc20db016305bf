"""Random walks of a pool whose sessions fall asleep, come back, lose their browsers and end: what
must always hold does, and no session is lost that was saved.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_browser.errors import AgentBrowserError
from agent_browser.models.functions import CloseInput, CloseOutput, SnapshotInput, SnapshotOutput
from agent_browser.models.sessions import ForkInput, SessionPatch, TimeoutsInput
from agent_browser.service import LOCAL, FileHead
from tests.pool.rig import ROOMY, URL, Rig, running

STEPS = (
    "open", "call", "call", "store", "hibernate", "resume", "fork", "rewind", "close", "purge",
    "rename", "beat", "upload", "lose", "pass", "pass", "pass_long", "at_once", "cancelled",
    "full", "roomy", "short", "plenty",
)  # fmt: skip
ROOM = 3


@dataclass
class Walk:
    """What the walker knows. A session that it was given the id of is one of these."""

    rig: Rig
    dice: random.Random
    known: list[str] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    @property
    def some(self) -> str | None:
        there = [one for one in self.known if one not in self.closed]
        return self.dice.choice(there) if there else None

    async def step(self, name: str) -> None:
        """Do it; whatever is refused is refused in the project's own words."""
        await self.in_time(lambda: self.quietly(name))

    async def in_time(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it while time goes by, so that what waits for a timer gets on."""
        over = anyio.Event()

        async def run() -> None:
            try:
                await work()
            finally:
                over.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await self.rig.settle()
            for _ in range(20):
                if over.is_set():
                    return
                await self.rig.pass_time(2)
            with anyio.fail_after(20):  # who waits for room that nobody can make is refused
                await over.wait()

    async def open(self) -> None:
        session = (await self.rig.open()).session_id
        self.known.append(session)

    async def on_one(self, work: Callable[[str], Awaitable[object]]) -> None:
        session = self.some
        if session is not None:
            await work(session)

    async def look(self, session: str) -> None:
        seen = await self.rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert seen.url == URL, "it goes on, with success, on another page"

    async def call(self) -> None:
        await self.on_one(self.look)

    async def store(self) -> None:
        for context in self.rig.engine.contexts:
            if context.used:
                context.store("n", str(self.dice.random()))

    async def hibernate(self) -> None:
        await self.on_one(lambda session: self.rig.pool.hibernate(LOCAL, session))

    async def resume(self) -> None:
        await self.on_one(lambda session: self.rig.pool.resume(LOCAL, session))

    async def fork(self) -> None:
        async def work(session: str) -> None:
            self.known.append((await self.rig.pool.fork(LOCAL, session, ForkInput())).id)

        await self.on_one(work)

    async def rewind(self) -> None:
        async def work(session: str) -> None:
            made = await self.rig.pool.checkpoint(LOCAL, session)
            await self.rig.pool.rewind(LOCAL, session, made.id)

        await self.on_one(work)

    async def close(self) -> None:
        async def work(session: str) -> None:
            self.closed.add(session)
            await self.rig.call("close", CloseInput(), session, CloseOutput)

        await self.on_one(work)

    async def purge(self) -> None:
        async def work(session: str) -> None:
            self.closed.add(session)
            await self.rig.pool.end(LOCAL, session, purge=True)

        await self.on_one(work)

    async def lose(self) -> None:
        if self.rig.engine.alive:
            self.dice.choice(self.rig.engine.alive).lose(unheard=self.dice.random() < 0.3)

    async def pass_(self) -> None:
        await self.rig.pass_time(self.dice.random() * 3)

    async def pass_long(self) -> None:
        await self.rig.pass_time(self.dice.random() * 200)

    async def at_once(self) -> None:
        """Several of anything, at the same time."""
        async with anyio.create_task_group() as tasks:
            for name in self.dice.choices(STEPS[:13], k=4):
                tasks.start_soon(self.quietly, name)
            await anyio.lowlevel.checkpoint()
            if self.dice.random() < 0.5:
                await self.lose()

    async def cancelled(self) -> None:
        """Somebody goes away in the middle."""
        async with anyio.create_task_group() as tasks:
            for name in self.dice.choices(STEPS[:13], k=2):
                tasks.start_soon(self.quietly, name)
            for _ in range(self.dice.randrange(30)):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    async def quietly(self, name: str) -> None:
        with suppress(AgentBrowserError):
            await getattr(self, name)()

    async def rename(self) -> None:
        patch = SessionPatch(name="walked", timeouts=TimeoutsInput(idle=90))
        await self.on_one(lambda session: self.rig.pool.update(LOCAL, session, patch))

    async def beat(self) -> None:
        await self.on_one(lambda session: self.rig.pool.heartbeat(LOCAL, session))

    async def upload(self) -> None:
        async def pieces() -> AsyncIterator[FileHead | bytes]:
            yield FileHead("letter.txt", None)
            await anyio.lowlevel.checkpoint()
            yield b"dear Ada"

        await self.on_one(lambda session: self.rig.pool.upload(LOCAL, session, pieces()))

    async def short(self) -> None:
        self.rig.machine.append(replace(ROOMY, available=1))

    async def plenty(self) -> None:
        self.rig.machine.append(ROOMY)

    async def full(self) -> None:
        self.rig.checkpoints.full = True

    async def roomy(self) -> None:
        self.rig.checkpoints.full = False

    async def check(self) -> None:
        """All that is known is somewhere, or has a reason for not being."""
        for session in self.known:
            if session in self.closed:
                continue
            now = await self.rig.pool.get(LOCAL, session)
            assert now.state in ("live", "hibernated", "ended")
            if now.state == "ended":
                assert now.end_reason in ("browser_lost", "max_duration"), now
            if now.state == "hibernated":
                assert session in await self.rig.checkpoints.keys(), "nothing to come back from"
        register = self.rig.pool._register
        # Files are copied in threads, which take their own time: some are on their way.
        live = len(register.live) + len(register.parting) + len(register.waking)
        # Of a browser that nobody was told is lost the contexts are gone, the sessions not yet.
        assert self.rig.leased <= live, "a context that no session has"


async def walk(folder: Path, steps: list[str], seed: int) -> None:
    options: dict[str, Any] = {"on_idle": "auto", "max_sessions": ROOM, "browsers": 2}
    async with running(folder, idle_timeout=100, wait_timeout=0.3, **options) as rig:
        walker = Walk(rig, random.Random(seed))
        for name in steps:
            await walker.step("pass_" if name == "pass" else name)
            await walker.check()
        rig.checkpoints.full = False
        rig.machine.append(ROOMY)
        for _ in range(4):  # what waits for a browser, or out a crash loop, has its time
            await rig.pass_time(40)
        await walker.check()
        for session in walker.known:
            if session in walker.closed:
                continue
            if (await rig.pool.get(LOCAL, session)).state != "ended":
                await rig.pass_time(2)  # so that one of the others has rested
                await walker.in_time(partial(walker.look, session))


@pytest.mark.timeout(300)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=30), st.integers(0, 2**32))
def test_no_saved_session_is_lost_whatever_happens(
    tmp_path: Path, steps: list[str], seed: int
) -> None:
    anyio.run(walk, tmp_path, ["open", *steps], seed)
