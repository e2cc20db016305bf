"""What callers may do and reach: admins everybody's by id, the rest what their rights say."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_browser.comparing.compare import compare
from agent_browser.errors import AgentBrowserError, Forbidden, PoolFull, SessionNotFound
from agent_browser.hub import Hub
from agent_browser.models.catalogue import INPUTS
from agent_browser.models.comparing import CompareInput
from agent_browser.models.control import ControlInput
from agent_browser.models.functions import CloseInput, OpenInput, OpenOutput, ScreenshotInput
from agent_browser.models.profiles import ProfileInput
from agent_browser.models.rights import ROLES
from agent_browser.models.running import RunInput
from agent_browser.models.scraping import ScrapeInput
from agent_browser.models.sessions import ForkInput, SessionCreate, SessionPatch, SessionQuery
from agent_browser.running.operations import Operations
from agent_browser.scraping.scrape import Line, Scrape
from agent_browser.service import Caller
from tests.pool.rig import URL, Rig, quiesce, running

pytestmark = pytest.mark.anyio

ANN, BOB = Caller("ann"), Caller("bob")
ROOT = Caller("root", rights=ROLES["admin"])
TAME = Caller("ann", rights=ROLES["operator"] - {"execute", "state"})
Call = Callable[[Rig, Caller, str], Awaitable[object]]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def opened(rig: Rig, caller: Caller = ANN) -> str:
    output = await rig.pool.call(caller, "open", OpenInput(url=URL), session="new")
    assert isinstance(output, OpenOutput)
    return output.session_id


async def called(
    rig: Rig, caller: Caller, session: str | None, function: str, /, **given: Any
) -> Any:
    input = INPUTS[function].model_validate(given)
    return await rig.pool.call(caller, function, input, session=session)


async def test_whose_things_an_admin_reaches_is_noted(rig: Rig) -> None:
    session, own = await opened(rig), await opened(rig, ROOT)
    for is_in_memory in (True, False):
        root = replace(ROOT, reached=set())
        await rig.pool.get(root, own)
        assert root.reached == set()
        await rig.pool.get(root, session)
        assert root.reached == {"ann"}
        if is_in_memory:
            root = replace(ROOT, reached=set())
            await called(rig, root, session, "snapshot")
            assert root.reached == {"ann"}
            await rig.pool.hibernate(ANN, session)
    bob = replace(BOB, reached=set())
    with pytest.raises(SessionNotFound):
        await rig.pool.get(bob, session)
    assert bob.reached == set()


class Owners:
    """Whose sessions was told of."""

    def __init__(self) -> None:
        self.owners: set[str] = set()

    def publish(self, kind: str, session_id: str, owner: str, data: dict[str, Any]) -> None:
        self.owners.add(owner)


CALLS: dict[str, Call] = {
    "get": lambda rig, who, id: rig.pool.get(who, id),
    "update": lambda rig, who, id: rig.pool.update(who, id, SessionPatch(name="x")),
    "renew": lambda rig, who, id: rig.pool.renew(who, id),
    "heartbeat": lambda rig, who, id: rig.pool.heartbeat(who, id),
    "actions": lambda rig, who, id: rig.pool.actions(who, id, limit=5, cursor=None),
    "control": lambda rig, who, id: rig.pool.control(who, id),
    "uploads": lambda rig, who, id: rig.pool.uploads(who, id),
    "snapshot": lambda rig, who, id: called(rig, who, id, "snapshot"),
    "execute": lambda rig, who, id: called(rig, who, id, "execute", code="1+1"),
    "capture": lambda rig, who, id: rig.pool.capture(who, id, ScreenshotInput()),
    "checkpoint": lambda rig, who, id: rig.pool.checkpoint(who, id),
    "checkpoints": lambda rig, who, id: rig.pool.checkpoints(who, id),
    "state": lambda rig, who, id: rig.pool.state(who, id),
    "hibernate": lambda rig, who, id: rig.pool.hibernate(who, id),
    "resume": lambda rig, who, id: rig.pool.resume(who, id),
    "purge": lambda rig, who, id: rig.pool.end(who, id, purge=True),
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_admin_reaches_another_s_session_and_another_operator_does_not(
    rig: Rig, name: str
) -> None:
    session = await opened(rig)
    with pytest.raises(SessionNotFound):
        await CALLS[name](rig, BOB, session)
    await CALLS[name](rig, ROOT, session)


@pytest.mark.parametrize("name", ["get", "update", "actions", "state", "snapshot", "purge"])
async def test_the_same_of_one_that_is_only_on_record(rig: Rig, name: str) -> None:
    session = await opened(rig)
    await rig.pool.hibernate(ANN, session)
    with pytest.raises(SessionNotFound):
        await CALLS[name](rig, BOB, session)
    await CALLS[name](rig, ROOT, session)


async def test_a_session_that_an_admin_acts_on_stays_its_owner_s(rig: Rig) -> None:
    session = await opened(rig)
    told = Owners()
    rig.published.publish = told.publish  # type: ignore[method-assign]
    granted = await rig.pool.take_control(ROOT, session, ControlInput())
    await rig.pool.give_up_control(replace(ROOT, control=granted.token), session)
    await rig.pool.update(ROOT, session, SessionPatch(name="x"))
    assert told.owners == {"ann"}
    fork = await rig.pool.fork(ROOT, session, ForkInput())
    assert fork.owner == "ann"
    assert (await rig.pool.get(ANN, fork.id)).id == fork.id
    await called(rig, ROOT, session, "close")
    assert (await rig.pool.get(ANN, session)).end_reason == "closed"
    own = await rig.pool.create(ROOT, SessionCreate())
    assert own.owner == "root"


async def test_a_list_is_of_one_s_own_unless_an_admin_asks_for_others(rig: Rig) -> None:
    of_ann, of_bob = await opened(rig, ANN), await opened(rig, BOB)

    async def listed(caller: Caller, owner: str | None) -> set[str]:
        return {one.id for one in (await rig.pool.list(caller, SessionQuery(owner=owner))).items}

    assert await listed(ROOT, None) == set()
    assert await listed(ROOT, "*") == {of_ann, of_bob}
    assert await listed(ROOT, "bob") == {of_bob}
    assert await listed(ANN, "ann") == {of_ann}
    for owner in ("bob", "*", "nobody"):
        with pytest.raises(Forbidden, match="admin"):
            await listed(ANN, owner)


async def test_profiles_are_found_by_name_and_stay_one_s_own(rig: Rig) -> None:
    session = await opened(rig)
    await rig.pool.put_profile(ROOT, "shop", ProfileInput(session_id=session))
    assert (await rig.pool.profiles(ANN)).items == []
    assert (await rig.pool.profiles(ROOT)).items[0].name == "shop"


@pytest.mark.parametrize(
    ("function", "given", "lacking"),
    [
        ("execute", {"code": "1"}, "execute"),
        ("interact", {"action": "wait", "function": "true"}, "execute"),
        ("route", {"rules": [{"action": "fulfil", "body": "<script>"}]}, "execute"),
        ("cookies", {}, "state"),
        ("storage", {}, "state"),
    ],
)
async def test_the_pool_asks_for_the_right_that_an_input_needs(
    rig: Rig, function: str, given: dict[str, Any], lacking: str
) -> None:
    session = await opened(rig)
    for named in (session, "new", None):
        with pytest.raises(Forbidden) as refused:
            await called(rig, TAME, named, function, **given)
        assert refused.value.fields["right"] == lacking
    assert rig.pool.statistics().live == 1
    await called(rig, TAME, session, "snapshot")


async def test_a_viewer_drives_nothing_whatever_way_it_comes(rig: Rig) -> None:
    session = await opened(rig)
    viewer = replace(ANN, rights=ROLES["viewer"])
    for function in ("snapshot", "read", "close"):
        with pytest.raises(Forbidden, match="drive"):
            await called(rig, viewer, session, function)
    with pytest.raises(Forbidden, match="drive"):
        await rig.pool.call(viewer, "close", CloseInput(), session=None)
    assert (await rig.pool.get(viewer, session)).state == "live"


async def test_a_run_with_a_step_that_may_not_be_done_does_not_begin(rig: Rig) -> None:
    session = await opened(rig)
    async with Operations(rig.pool, rig.papers, rig.settings, hub=Hub()) as operations:
        steps = [{"function": "snapshot"}, {"function": "execute", "input": {"code": "1+1"}}]
        request = RunInput.model_validate({"steps": steps})
        with pytest.raises(Forbidden, match="execute"):
            await operations.start(TAME, session, request)
        page = {"status": None, "session_id": None, "limit": 5, "cursor": None}
        assert (await operations.list(TAME, **page)).items == []  # type: ignore[arg-type]
        brief, _ = await operations.start(ANN, session, request)
        await quiesce()
        assert (await operations.get(ROOT, brief.id)).status == "succeeded"
        with pytest.raises(AgentBrowserError, match="not found"):
            await operations.get(BOB, brief.id)


async def test_a_scrape_is_refused_as_a_whole_and_reads_robots_by_itself(rig: Rig) -> None:
    reading = {"function": "execute", "input": {"code": "1"}}
    asked = {"urls": [URL], "read": [reading], "retries": {"attempts": 1}}
    with pytest.raises(Forbidden, match="execute"):
        await Scrape(rig.pool, TAME, ScrapeInput.model_validate(asked)).check()
    given: list[Line] = []

    async def give(line: Line) -> None:
        given.append(line)

    session = await opened(rig)
    plain = {"urls": [URL], "read": [{"function": "snapshot"}], "robots": True, "session": session}
    work = Scrape(rig.pool, TAME, ScrapeInput.model_validate(plain))
    await work.check()
    await work.run(give)
    assert "forbidden" not in "".join(line.model_dump_json() for line in given)


async def test_pages_are_compared_with_the_server_s_own_code(rig: Rig) -> None:
    output = await compare(
        rig.pool, rig.keeping, TAME, CompareInput.model_validate({"a": URL, "b": URL})
    )
    assert output.same
    one = await opened(rig)
    output = await compare(
        rig.pool, rig.keeping, TAME, CompareInput.model_validate({"a": one, "b": URL})
    )
    assert output.timing is not None


async def test_while_it_holds_off_a_pool_takes_no_sessions_and_those_that_live_go_on(
    rig: Rig,
) -> None:
    session, asleep = await opened(rig), await opened(rig)
    await rig.pool.hibernate(ANN, asleep)
    rig.pool.hold_off()
    for call in (opened(rig), called(rig, ANN, asleep, "snapshot"),
                 rig.pool.fork(ANN, session, ForkInput())):  # fmt: skip
        with pytest.raises(AgentBrowserError) as refused:
            await call
        assert refused.value.fields.get("reason") == "draining" or "draining" in str(refused.value)
    await called(rig, ANN, session, "snapshot")
    assert (await rig.pool.health(ANN)).status == "draining"
    assert not (await rig.pool.readiness()).ready
    rig.pool.take_again()
    await called(rig, ANN, asleep, "snapshot")
    await opened(rig)
    assert (await rig.pool.health(ANN)).status == "ok"
    assert (await rig.pool.readiness()).ready


async def test_what_drains_for_good_takes_nothing_again(rig: Rig) -> None:
    await rig.pool.drain()
    rig.pool.take_again()
    with pytest.raises(PoolFull):
        await opened(rig)
