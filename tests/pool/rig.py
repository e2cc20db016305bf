"""A pool on the fake engine, with all that a test wants to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anyio.lowlevel import checkpoint

from agent_browser.hub import Hub
from agent_browser.models.base import Input
from agent_browser.models.functions import FunctionOutput, OpenInput, OpenOutput
from agent_browser.pool.machine import Machine
from agent_browser.pool.pool import Pool
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings
from tests.fakes.archive import FakeArchive
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import ManualClock
from tests.fakes.engine import FakeEngine
from tests.fakes.keeping import FakeKeeping
from tests.fakes.observer import Noted
from tests.fakes.papers import FakePapers
from tests.fakes.publisher import Published

GB = 2**30
URL = "http://test/form"
OTHER = Caller(owner="other")
ROOMY = Machine(24 * GB, "the test's memory", 20 * GB, 2.0, "the test's processors")
T = TypeVar("T", bound=FunctionOutput)


@dataclass
class Rig:
    """The parts, and the calls that most tests make."""

    engine: FakeEngine
    keeping: FakeKeeping
    clock: ManualClock
    noted: Noted
    archive: FakeArchive
    checkpoints: FakeCheckpoints
    papers: FakePapers
    published: Published
    settings: Settings
    pool: Pool
    machine: list[Machine]
    """The last is what the pool reads."""

    async def open(self, session: str | None = "new", **options: object) -> OpenOutput:
        """`open`, of a new session unless one is named."""
        output = await self.pool.call(
            LOCAL, "open", OpenInput.model_validate({"url": URL} | options), session=session
        )
        assert isinstance(output, OpenOutput)
        return output

    async def call(self, function: str, input: Input, session: str | None, kind: type[T]) -> T:
        """Any function, and its output as what it must be."""
        output = await self.pool.call(LOCAL, function, input, session=session)
        assert isinstance(output, kind)
        return output

    async def settle(self) -> None:
        """Let all tasks go as far as they can, and look whether all is in order."""
        await quiesce()
        self.pool._check()

    async def pass_time(self, seconds: float) -> None:
        """So much time goes by, and what is due is done."""
        self.clock.advance(seconds)
        await self.settle()

    @property
    def leased(self) -> int:
        """Contexts that belong to sessions."""
        return len(self.engine.contexts) - self.pool.statistics().warm


def settings_for(folder: Path, **overrides: object) -> Settings:
    """One browser, ten sessions, nothing warm, unless a test says otherwise."""
    chosen: dict[str, object] = {
        "data_dir": folder,
        "recordings_dir": folder / "recordings",
        "browsers": 1,
        "max_sessions": 10,
        "warm": 0,
        "shutdown_timeout": 0.05,
        "wait_timeout": 5.0,
        "on_idle": "end",
    }
    return Settings.model_validate(chosen | overrides)


async def quiesce() -> None:
    """Let every task of the fakes go as far as it can: none waits for anything but events, so a
    round of the loop takes each a step further.
    """
    for _ in range(100):
        await checkpoint()


@asynccontextmanager
async def running(
    folder: Path,
    archive: FakeArchive | None = None,
    hub: Hub | None = None,
    checkpoints: FakeCheckpoints | None = None,
    **overrides: object,
) -> AsyncIterator[Rig]:
    """An open pool. After it nothing of it is left but what archive and checkpoints have. With a
    hub, that is told of sessions in the place of `published`.
    """
    engine, clock, noted = FakeEngine(), ManualClock(), Noted()
    archive, published = archive or FakeArchive(), Published()
    checkpoints, papers = checkpoints or FakeCheckpoints(), FakePapers()
    machine = [ROOMY]
    settings = settings_for(folder, **overrides)
    keeping = FakeKeeping(folder)
    pool = Pool(
        engine,
        settings,
        keeping,
        archive,
        checkpoints,
        papers,
        publisher=hub or published,
        audience=hub,
        clock=clock,
        observer=noted,
        machine=lambda: machine[-1],
    )
    clock.watch(pool._sweep.nudge)
    async with pool:
        await quiesce()
        yield Rig(
            engine, keeping, clock, noted, archive, checkpoints, papers, published, settings, pool,
            machine,
        )  # fmt: skip
        pool._check()
    assert engine.entered == 0
    assert not engine.alive, "a browser was left"
    assert not engine.contexts, "a context was left"
