"""What it costs that sessions sleep: falling asleep, coming back, thousands that sleep, a server
that was killed, a checkpoint where nothing changed, calls while checkpoints are written.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx

from agent_browser import ids
from agent_browser.models.checkpoints import Part, State
from agent_browser.models.records import Record
from agent_browser.settings import Settings
from agent_browser.store.batch import write
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.database import Database
from agent_browser.store.pending import Batch
from agent_browser.store.records import Records
from agent_browser.store.writer import Writer
from benchmarks.ours import Ours, OurVisit, Server, executed_in_turns
from benchmarks.place import Place
from benchmarks.plan import Plan
from benchmarks.results import Result, at_most
from benchmarks.samples import Samples
from benchmarks.sides import Wrong, at_rest

STORED = """
localStorage.setItem('token', 'secret'.repeat(20)); sessionStorage.setItem('step', '2');
document.cookie = 'user=ada'; 1
"""
SAVED = 3.0
"""Seconds after which what was used has been saved."""
BEAT = 0.2
AT_ONCE = 8
KEPT = 3
"""Checkpoints of each."""
BATCH = 1_000
FEW = 10


async def hibernation(place: Place, plan: Plan) -> list[Result]:
    """All rows."""
    return [
        *await _round_trips(place, plan),
        *await _crowd(place, plan),
        await _killed(place, plan),
        await _slowed(place, plan),
    ]


async def _round_trips(place: Place, plan: Plan) -> list[Result]:
    """A session that falls asleep and comes back, and one that is saved again and again."""
    asleep, back = Samples(), Samples()
    with Server(place) as server:
        async with server.side() as side:
            visit = await _storing(side)
            await at_rest(side)
            for _ in range(plan.sleeps):
                asleep.add(await _timed(side, f"{visit.path}/hibernate"))
                await side.ready()
                back.add(await _timed(side, f"{visit.path}/resume"))
                await visit.execute()
    spent = await _unchanged(place, plan)
    return [
        Result(
            "hibernate", "a session is hibernated, p50", "ms", asleep.p50,
            goal=at_most(asleep.p50, 60, "≤ 60 ms"), details={"asleep": asleep.as_json()},
        ),
        Result(
            "resume", "a hibernated session is back, its page loaded, p50", "ms", back.p50,
            goal=at_most(back.p50, 150, "≤ 150 ms"), details={"back": back.as_json()},
        ),
        Result(
            "checkpoint", "processor time of a checkpoint where nothing changed", "ms", spent,
            goal=at_most(spent, 5, "≤ 5 ms"),
        ),
    ]  # fmt: skip


async def _unchanged(place: Place, plan: Plan) -> float:
    """Milliseconds of processor time, of the whole tree, for one: a server that saves after each
    sign of life, beside one that does not.
    """
    spent = []
    for after in ("100ms", "1h"):
        with Server(place, checkpoint_after=after) as server:
            async with server.side() as side:
                visit = await _storing(side)
                await _beaten(side, visit, 5)
                await at_rest(side)
                began = server.tree.processor_seconds()
                await _beaten(side, visit, plan.beats)
                spent.append(server.tree.processor_seconds() - began)
    return max(0.0, spent[0] - spent[1]) / plan.beats * 1_000


async def _beaten(side: Ours, visit: OurVisit, count: int) -> None:
    """So many signs of life, each with time for a checkpoint after it."""
    for _ in range(count):
        await side.post(f"{visit.path}/heartbeat")
        await anyio.sleep(BEAT)


async def _crowd(place: Place, plan: Plan) -> list[Result]:
    """Many that sleep: bytes of disk and memory of each, lists and resumes beside those of few."""
    few = await _sleeping(place, plan, min(FEW, plan.sleepers))
    many = await _sleeping(place, plan, plan.sleepers)
    disk = many.disk / plan.sleepers / 1_000
    lists = round(many.lists.p50 / few.lists.p50, 2)
    resumes = round(many.resumes.p50 / few.resumes.p50, 2)
    memory = max(0, many.memory - few.memory) / plan.sleepers / 1_000
    return [
        Result(
            "sleeper_disk", f"disk of each of {plan.sleepers:,} hibernated sessions", "kB", disk,
            goal=at_most(disk, 150, "≤ 150 kB"),
        ),
        Result(
            "sleeper_memory", "memory of each of them", "kB", memory,
            goal=at_most(memory, 20, "≤ 20 kB"),
            details={"few": few.memory, "many": many.memory},
        ),
        Result(
            "sleeper_list", f"{FEW} of them listed, p50, by the same of {FEW}", "",
            lists, goal=at_most(lists, 1.5, "≤ 1.5"),
            details={"few": few.lists.as_json(), "many": many.lists.as_json()},
        ),
        Result(
            "sleeper_resume", f"any of them is back, p50, by the same of {FEW}", "",
            resumes, goal=at_most(resumes, 1.25, "≤ 1.25"),
            details={"few": few.resumes.as_json(), "many": many.resumes.as_json()},
        ),
    ]  # fmt: skip


class _Sleepers:
    """What was measured of so many."""

    def __init__(self) -> None:
        self.disk = 0
        self.memory = 0
        self.lists = Samples()
        self.resumes = Samples()


async def _sleeping(place: Place, plan: Plan, count: int) -> _Sleepers:
    with Server(place) as server:
        folder = server.folder
        async with server.side() as side:
            visit = await _storing(side)
            await side.post(f"{visit.path}/hibernate")
    settings = Settings(data_dir=folder / "data")
    before = _bytes_below(folder / "data")
    made = await _copied(settings, visit.id, count)
    found = _Sleepers()
    found.disk = _bytes_below(folder / "data") - before
    with Server(place, folder=folder) as server:
        async with server.side() as side:
            await at_rest(side)
            found.memory = server.tree.memory()["python"]
            for _ in range(plan.lists):
                began = time.perf_counter()
                listed = await side.get(f"/v1/sessions?state=hibernated&limit={FEW}")
                found.lists.add(time.perf_counter() - began)
                if len(listed["items"]) < min(FEW, count):
                    raise Wrong("ours: hibernated sessions are not listed")
            step = max(1, count // plan.sleeps)
            for session in made[::step][: plan.sleeps]:
                await side.ready()
                found.resumes.add(await _timed(side, f"/v1/sessions/{session}/resume"))
    return found


async def _copied(settings: Settings, session_id: str, count: int) -> list[str]:
    """So many sessions that sleep with the state of one."""
    made: list[str] = []
    async with (
        CheckpointStore(settings) as checkpoints,
        Database(settings) as database,
        Writer(database, settings) as writer,
    ):
        record = await Records(database, writer).find(session_id)
        if record is None:
            raise Wrong("ours: the hibernated session has no record")
        state = await checkpoints.load(session_id)
        for start in range(0, count, BATCH):
            records = [_copy(record, n) for n in range(start, min(count, start + BATCH))]
            await write(database, Batch(records=records), log_actions=settings.log_actions)
            await _saved(checkpoints, records, state)
            made += [one.id for one in records]
    return made


def _copy(record: Record, number: int) -> Record:
    later = timedelta(seconds=number)
    return replace(
        record, id=ids.new_session_id(), last_activity_at=record.last_activity_at + later
    )


async def _saved(checkpoints: CheckpointStore, records: Sequence[Record], state: State) -> None:
    room = anyio.CapacityLimiter(AT_ONCE)

    async def save(key: str) -> None:
        async with room:
            for number in range(KEPT):  # which differ a little, as those of a real one do
                mark = Part.of("local http://mark", [{"name": "n", "value": str(number)}])
                await checkpoints.save(key, state.with_parts([mark]), cause="activity")

    async with anyio.create_task_group() as tasks:
        for record in records:
            tasks.start_soon(save, record.id)


def _bytes_below(folder: Path) -> int:
    """What files take on the disk, as the file system counts it."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


async def _killed(place: Place, plan: Plan) -> Result:
    """From the start of the next server until all sessions of a killed one have answered."""
    with Server(place) as server:
        async with server.side() as side:
            visits = [await _storing(side) for _ in range(plan.survivors)]
            await anyio.sleep(SAVED)
        server.kill()
        folder = server.folder
    began = time.perf_counter()
    with Server(place, folder=folder) as server:
        up = time.perf_counter() - began
        limits = httpx.Limits(max_connections=AT_ONCE)
        room = anyio.CapacityLimiter(AT_ONCE)
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60) as client:

            async def ask(visit: OurVisit) -> None:
                async with room:
                    answer = await client.post(
                        f"{visit.path}/execute", json={"code": "localStorage.token"}
                    )
                    if "secret" not in str(answer.json().get("value")):
                        raise Wrong(f"ours: a session did not come back: {answer.text[:300]}")

            async with anyio.create_task_group() as tasks:
                for visit in visits:
                    tasks.start_soon(ask, visit)
        took = time.perf_counter() - began
    return Result(
        "killed",
        f"{plan.survivors} sessions of a killed server answer again",
        "s",
        took,
        goal=at_most(took, 10, "≤ 10 s"),
        details={"server_up_s": round(up, 2)},
    )


async def _slowed(place: Place, plan: Plan) -> Result:
    """`execute` on a page that changes all the time: on a server that saves it as often as it may,
    and on one that does not, in turns.
    """
    with Server(place) as one, Server(place, checkpoint_after="1h") as two:
        async with one.side() as mine, two.side() as theirs:
            visits = [await _changing(mine), await _changing(theirs)]
            saving, other = await executed_in_turns((mine, visits[0]), (theirs, visits[1]), plan)
    added = saving.at(0.95) - other.at(0.95)
    return Result(
        "saving",
        "what checkpoints add to calls meanwhile, p95",
        "ms",
        added,
        goal=at_most(added, 5, "≤ 5 ms"),
        details={"with": saving.as_json(), "without": other.as_json()},
    )


async def _storing(side: Ours) -> OurVisit:
    """A session with something of each kind."""
    visit = await side.open()
    await visit.run(STORED)
    return visit


async def _changing(side: Ours) -> OurVisit:
    visit = await _storing(side)
    await visit.run("setInterval(() => localStorage.setItem('n', Math.random()), 200); 1")
    return visit


async def _timed(side: Ours, path: str) -> float:
    began = time.perf_counter()
    answer: dict[str, Any] = await side.post(path)
    if answer["state"] not in ("live", "hibernated"):
        raise Wrong(f"ours: {answer['state']}")
    return time.perf_counter() - began
