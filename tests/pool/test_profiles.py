"""Profiles over stores in memory."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agent_browser.errors import (
    CheckpointNotFound,
    CheckpointUnusable,
    Conflict,
    InvalidRequest,
    InvalidTimeout,
    ProfileNotFound,
    SessionNotFound,
    StateLocked,
    StorageFull,
)
from agent_browser.models.checkpoints import Loss, Part, State
from agent_browser.models.functions import ContextOptions
from agent_browser.models.profiles import Profile, ProfileInput
from agent_browser.models.sessions import TimeoutsInput
from agent_browser.pool.profiles import KIND, Profiles
from agent_browser.service import LOCAL, Caller
from agent_browser.session.documents import to_document
from agent_browser.settings import Settings
from tests.databases import opened, settings_of
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers
from tests.fakes.profiles import Means

pytestmark = pytest.mark.anyio

SITE = "https://site.test"
COOKIE = {"name": "sid", "value": "s3cret-cookie", "domain": "site.test", "path": "/"}
ANN, BOB = Caller("ann"), Caller("bob")
STORAGE: dict[str, Any] = {
    "cookies": [COOKIE],
    "origins": [{"origin": SITE, "localStorage": [{"name": "token", "value": "s3cret-token"}]}],
}


def session_state(cookie: str = "1", **options: Any) -> State:
    """Of a session with two tabs."""
    tabs = [{"id": "t1", "url": f"{SITE}/", "title": ""}, {"id": "t2", "url": f"{SITE}/x"}]
    return State().with_parts([
        Part.of("cookies", [{**COOKIE, "value": cookie}]),
        Part.of(f"local {SITE}", [{"name": "a", "value": "b"}]),
        Part.of("tabs", {"active": "t2", "last_tab": 2, "last_ref": 7, "tabs": tabs}),
        Part.of("session t2", [{"origin": SITE, "entries": [{"name": "k", "value": "v"}]}]),
        Part.of("options", options),
        Part.of("life", {"uses": 3}),
    ])  # fmt: skip


@dataclass
class Rig:
    """Profiles, what they are kept in, and the sessions that there are."""

    settings: Settings = field(default_factory=lambda: Settings(max_profiles=3))
    clock: ManualClock = field(default_factory=ManualClock)
    checkpoints: FakeCheckpoints = field(default_factory=FakeCheckpoints)
    papers: FakePapers = field(default_factory=FakePapers)
    sessions: dict[str, State] = field(default_factory=lambda: {"ses_1": session_state()})
    held: dict[str, anyio.Event] = field(default_factory=dict)
    """Captures that wait for these."""

    def __post_init__(self) -> None:
        self.profiles = Profiles(Means(self.settings, self.clock, self.checkpoints), self.papers)

    async def capture(self, caller: Caller, session_id: str, checkpoint: str | None) -> State:
        if session_id not in self.sessions:
            raise SessionNotFound(session_id)
        if checkpoint not in (None, "chk_1"):
            raise CheckpointNotFound(checkpoint or "")
        state = session_state("old") if checkpoint else self.sessions[session_id]
        if session_id in self.held:
            await self.held[session_id].wait()
        return state

    async def put(self, name: str = "shop", *, caller: Caller = ANN, **request: Any) -> Profile:
        asked = ProfileInput.model_validate(request)
        return await self.profiles.put_profile(caller, name, asked, capture=self.capture)

    async def cookie(self, name: str = "shop", *, caller: Caller = ANN) -> str:
        """The value of the cookie that a profile holds."""
        (cookie,) = (await self.profiles.profile_state(caller, name)).cookies
        return cookie.value

    @property
    def keys(self) -> list[str]:
        return list(self.checkpoints._kept)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_profile_of_a_session_has_its_login_and_none_of_its_tabs(rig: Rig) -> None:
    rig.sessions["ses_1"] = session_state(
        locale="de-CH", user_agent="UA", record_video=True, offline=True, width=800
    )
    made = await rig.put(session_id="ses_1", description="a shop")
    assert (made.name, made.description, made.cookies, made.origins) == (
        "shop", "a shop", 1, [SITE],
    )  # fmt: skip
    assert made.options == {"locale": "de-CH", "user_agent": "UA", "width": 800}
    assert made.created_at == made.updated_at == rig.clock.now()
    start = await rig.profiles.state("ann", "shop")
    assert start.state.parts.keys() == {"cookies", f"local {SITE}", "tabs", "session t1"}
    assert [tab["url"] for tab in start.state.value("tabs")["tabs"]] == ["about:blank"]
    assert start.options == ContextOptions(locale="de-CH", user_agent="UA", width=800)
    assert start.timeouts == TimeoutsInput()
    assert made == await rig.profiles.profile(ANN, "shop")


async def test_a_profile_of_a_checkpoint_is_what_the_session_was_then(rig: Rig) -> None:
    await rig.put(session_id="ses_1", checkpoint="chk_1")
    assert await rig.cookie() == "old"
    with pytest.raises(CheckpointNotFound):
        await rig.put(session_id="ses_1", checkpoint="chk_2")
    assert await rig.cookie() == "old"


async def test_a_profile_of_a_playwright_file_gives_that_file_again(rig: Rig) -> None:
    made = await rig.put(storage_state=STORAGE, timeouts={"idle": "2h"})
    assert (made.cookies, made.origins, made.timeouts) == (1, [SITE], {"idle": 7200.0})
    document = await rig.profiles.profile_state(ANN, "shop")
    told = document.model_dump(by_alias=True, exclude_none=True)
    assert {name: told[name] for name in STORAGE} == STORAGE
    assert (await rig.profiles.state("ann", "shop")).timeouts == TimeoutsInput(idle=7200)


async def test_an_export_is_imported_again_without_loss(rig: Rig) -> None:
    await rig.put("one", session_id="ses_1")
    document = await rig.profiles.profile_state(ANN, "one")
    await rig.put("two", storage_state=document.model_dump(by_alias=True, exclude_none=True))
    one, two = [await rig.profiles.state("ann", name) for name in ("one", "two")]
    assert to_document(one.state) == to_document(two.state)
    assert "session t1" in two.state.parts


async def test_a_profile_of_a_cookie_file(rig: Rig) -> None:
    lines = ["site.test\tFALSE\t/\tFALSE\t0\tsid\t1", "site.test\tFALSE\t/\tFALSE\t0\tsid\t2"]
    await rig.put(cookies="\n".join(lines))
    assert await rig.cookie() == "2"
    with pytest.raises(InvalidRequest) as caught:
        await rig.put(cookies="s3cret nonsense")
    assert [one["field"] for one in caught.value.fields["errors"]] == ["cookies"]
    assert "s3cret" not in caught.value.detail


async def test_a_profile_without_a_source_is_options_and_timeouts_alone(rig: Rig) -> None:
    await rig.put(options={"locale": "de"}, timeouts={"idle": 60})
    start = await rig.profiles.state("ann", "shop")
    assert (start.state.parts, start.options.locale, start.timeouts.idle) == ({}, "de", 60)


async def test_what_is_absent_stays_and_null_takes_away(rig: Rig) -> None:
    await rig.put(
        session_id="ses_1", description="d", timeouts={"idle": 60}, options={"locale": "de"}
    )
    rig.clock.advance(10)
    await rig.put(storage_state=STORAGE)
    now = await rig.profiles.profile(ANN, "shop")
    assert (now.description, now.timeouts, now.options) == ("d", {"idle": 60}, {"locale": "de"})
    assert (now.updated_at - now.created_at).total_seconds() == 10
    saves = rig.checkpoints.saves
    await rig.put(description=None, timeouts=None)
    assert rig.checkpoints.saves == saves
    now = await rig.profiles.profile(ANN, "shop")
    assert (now.description, now.timeouts, now.options) == (None, {}, {"locale": "de"})
    await rig.put(options=None)
    assert (await rig.profiles.profile(ANN, "shop")).options == {}
    assert await rig.cookie() == "s3cret-cookie"


async def test_refreshed_from_a_session_it_takes_that_ones_options_unless_told_others(
    rig: Rig,
) -> None:
    await rig.put(session_id="ses_1", options={"locale": "de"})
    assert (await rig.profiles.state("ann", "shop")).options.locale == "de"
    rig.sessions["ses_1"] = session_state("2", locale="fr")
    await rig.put(session_id="ses_1")
    assert (await rig.profiles.state("ann", "shop")).options.locale == "fr"
    assert await rig.cookie() == "2"


async def test_the_same_put_twice_is_the_same_profile(rig: Rig) -> None:
    request: dict[str, Any] = {"storage_state": STORAGE, "options": {"locale": "de"}}
    first, second = await rig.put(**request), await rig.put(**request)
    assert first == second
    assert len(rig.keys) == 1
    assert len(await rig.checkpoints.listed(rig.keys[0])) == 1


async def test_owners_have_profiles_of_their_own(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE)
    await rig.put(caller=BOB, session_id="ses_1")
    assert await rig.cookie() == "s3cret-cookie"
    assert await rig.cookie(caller=BOB) == "1"
    await rig.profiles.delete_profile(BOB, "shop")
    assert (await rig.profiles.profiles(BOB)).items == []
    assert [one.name for one in (await rig.profiles.profiles(ANN)).items] == ["shop"]
    for ask in (rig.profiles.profile, rig.profiles.profile_state, rig.profiles.delete_profile):
        with pytest.raises(ProfileNotFound):
            await ask(BOB, "shop")
    with pytest.raises(ProfileNotFound):
        await rig.profiles.state("bob", "shop")


async def test_profiles_are_listed_by_name_and_bounded_for_each_owner(rig: Rig) -> None:
    for name in ("c", "a", "b"):
        await rig.put(name, storage_state=STORAGE)
    assert [one.name for one in (await rig.profiles.profiles(ANN)).items] == ["a", "b", "c"]
    with pytest.raises(Conflict, match="3 profiles"):
        await rig.put("d")
    await rig.put("a", description="changed")
    await rig.put("d", caller=BOB)
    await rig.profiles.delete_profile(ANN, "b")
    await rig.put("d")


async def test_many_first_puts_at_once_do_not_pass_the_bound(rig: Rig) -> None:
    came: list[str] = []

    async def put(name: str) -> None:
        try:
            await rig.put(name, session_id="ses_1")
        except Conflict:
            came.append("refused")
        else:
            came.append("made")

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(put, f"p{number}")
    assert sorted(came) == ["made"] * 3 + ["refused"] * 5
    assert len((await rig.profiles.profiles(ANN)).items) == len(rig.keys) == 3


async def test_puts_of_one_profile_are_done_in_the_order_in_which_they_came(rig: Rig) -> None:
    held = rig.held["ses_1"] = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def put(**request: Any) -> None:
            await rig.put(**request)

        tasks.start_soon(lambda: put(session_id="ses_1", description="first"))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(lambda: put(storage_state=STORAGE, description="second"))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ProfileNotFound):
            await rig.profiles.profile(ANN, "shop")
        await rig.put("other")  # another's are not held up
        held.set()
    assert (await rig.profiles.profile(ANN, "shop")).description == "second"
    assert await rig.cookie() == "s3cret-cookie"
    assert not rig.profiles._turns


async def test_no_secret_is_in_what_is_shown_or_in_its_record(rig: Rig) -> None:
    made = await rig.put(
        storage_state=STORAGE,
        options={
            "proxy_url": "http://me:s3cret-proxy@proxy.test:8080",
            "http_credentials": {"username": "me", "password": "s3cret-word"},
            "extra_headers": {"Authorization": "Bearer s3cret-bearer", "X-Plain": "yes"},
            "headers_by_origin": {SITE: {"X-Api-Key": "s3cret-key"}},
        },
    )
    assert "s3cret" not in made.model_dump_json()
    assert made.options["extra_headers"]["X-Plain"] == "yes"
    assert "s3cret" not in json.dumps([*rig.papers.kept.values()])
    assert "s3cret" not in repr(ProfileInput(cookies="s3cret"))
    kept = (await rig.profiles.state("ann", "shop")).options
    assert kept.proxy_url == "http://me:s3cret-proxy@proxy.test:8080"
    assert kept.extra_headers == {"Authorization": "Bearer s3cret-bearer", "X-Plain": "yes"}


async def test_a_put_that_fails_leaves_the_old_one(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE, description="old")
    rig.checkpoints.full = True
    with pytest.raises(StorageFull):
        await rig.put(session_id="ses_1", description="new")
    rig.checkpoints.full = False
    for number in range(4):  # the record can't be written: what it names must stay all the same
        rig.sessions["ses_1"] = session_state(f"try {number}")
        rig.papers.failure = StorageFull("no room")
        with pytest.raises(StorageFull):
            await rig.put(session_id="ses_1", description="new")
    rig.papers.failure = None
    with pytest.raises(SessionNotFound):
        await rig.put(session_id="ses_2", description="new")
    assert (await rig.profiles.profile(ANN, "shop")).description == "old"
    assert await rig.cookie() == "s3cret-cookie"
    rig.sessions["ses_1"] = session_state("good")
    await rig.put(session_id="ses_1")
    await rig.put(description="new")
    assert await rig.cookie() == "good"
    await rig.put(storage_state=STORAGE)
    assert len(await rig.checkpoints.listed(rig.keys[0])) == 2


async def test_a_first_put_that_fails_leaves_nothing(rig: Rig) -> None:
    with pytest.raises(SessionNotFound):
        await rig.put(session_id="ses_2")
    rig.checkpoints.full = True
    with pytest.raises(StorageFull):
        await rig.put(session_id="ses_1")
    assert rig.papers.kept == {}
    assert rig.keys == []
    rig.checkpoints.full = False
    await rig.put(session_id="ses_1")
    assert await rig.cookie() == "1"


async def test_a_first_put_that_is_cancelled_leaves_nothing(rig: Rig) -> None:
    rig.held["ses_1"] = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def put() -> None:
            await rig.put(session_id="ses_1")

        tasks.start_soon(put)
        await anyio.wait_all_tasks_blocked()
        assert rig.papers.kept
        tasks.cancel_scope.cancel()
    assert (rig.papers.kept, rig.keys, rig.profiles._turns) == ({}, [], {})


async def test_what_a_killed_server_had_begun_is_swept_and_the_rest_stays(rig: Rig) -> None:
    await rig.put("whole", session_id="ses_1")
    rig.held["ses_1"] = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def put() -> None:
            await rig.put("half", session_id="ses_1")

        tasks.start_soon(put)
        await anyio.wait_all_tasks_blocked()
        begun = dict(rig.papers.kept)
        tasks.cancel_scope.cancel()
    rig.papers.kept = begun  # as the next server finds it
    (key,) = [json.loads(found[2])["key"] for found in begun.values()
              if not json.loads(found[2])["checkpoint"]]  # fmt: skip
    await rig.checkpoints.save(key, session_state(), cause="demand")
    assert [one.name for one in (await rig.profiles.profiles(ANN)).items] == ["whole"]
    await rig.profiles.sweep()
    assert (len(rig.papers.kept), len(rig.keys)) == (1, 1)
    assert await rig.cookie("whole") == "1"


async def test_a_profile_whose_state_is_damaged_is_what_it_was_before(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE)
    await rig.put(session_id="ses_1")
    (key,) = rig.keys
    latest = (await rig.checkpoints.listed(key))[0].id
    rig.checkpoints.damage(key, latest)
    assert await rig.cookie() == "s3cret-cookie"
    rig.checkpoints.damage(key)
    with pytest.raises(CheckpointUnusable):
        await rig.cookie()
    await rig.put(session_id="ses_1")
    assert await rig.cookie() == "1"


async def test_a_profile_whose_state_is_gone_says_so_and_can_be_deleted(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE)
    await rig.checkpoints.erase(*rig.keys)
    with pytest.raises(CheckpointUnusable, match="save it again"):
        await rig.profiles.state("ann", "shop")
    await rig.profiles.delete_profile(ANN, "shop")
    assert (await rig.profiles.profiles(ANN)).items == []


async def test_what_a_session_is_asked_for_with_comes_before_what_its_profile_has(
    rig: Rig,
) -> None:
    await rig.put(session_id="ses_1", options={"locale": "de", "width": 800})
    start = await rig.profiles.state("ann", "shop")
    state, options = start.under(ContextOptions(locale="fr", profile="shop"))
    assert (options.locale, options.width, options.profile) == ("fr", 800, "shop")
    assert state is start.state
    asked = ContextOptions.model_validate({"storage_state": STORAGE})
    state, options = start.under(asked)
    assert options.storage_state is None
    assert [one["value"] for one in state.value("cookies")] == ["s3cret-cookie"]
    assert {one["name"] for one in state.value(f"local {SITE}")} == {"a", "token"}
    assert state.value("session t1") == start.state.value("session t1")
    twice = ContextOptions.model_validate({"storage_state": {"cookies": [COOKIE, COOKIE]}})
    with pytest.raises(InvalidRequest, match=r"storage_state\.cookies\.1"):
        start.under(twice)


async def test_a_lost_key_is_told_and_harms_nothing(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE)
    rig.checkpoints.locked = True
    with pytest.raises(StateLocked):
        await rig.profiles.state("ann", "shop")
    with pytest.raises(StateLocked):
        await rig.put(options={"locale": "de"})
    rig.checkpoints.locked = False
    assert await rig.cookie() == "s3cret-cookie"


async def test_options_that_can_not_be_read_are_not_left_out(rig: Rig) -> None:
    rig.sessions["ses_1"] = session_state(proxy_url="http://p:1", of_a_newer_version=1)
    with pytest.raises(CheckpointUnusable):
        await rig.put(session_id="ses_1")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"timeouts": {"idle": 1e9}}, InvalidTimeout),
        ({"timeouts": {"idle": 0}}, InvalidTimeout),
        ({"options": {"timezone": "Mars/Olympus"}}, InvalidRequest),
        ({"options": {"extra_headers": {"Host": "x"}}}, InvalidRequest),
        ({"options": {"headers_by_origin": {SITE: {"a b": "x"}}}}, InvalidRequest),
        ({"options": {"proxy_url": "ftp://x"}}, InvalidRequest),
        ({"storage_state": {"cookies": [COOKIE, COOKIE]}}, InvalidRequest),
    ],
)
async def test_what_no_session_could_have_is_refused(
    rig: Rig, request_: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await rig.put(**request_)
    assert (rig.papers.kept, rig.keys) == ({}, [])


async def test_only_losses_of_logins_are_told(rig: Rig) -> None:
    lost = (Loss(what="indexed_db", where=SITE, why="large"), Loss(what="form", why="a dialog"))
    rig.sessions["ses_1"] = State(session_state().parts, lost)
    assert [loss.what for loss in (await rig.put(session_id="ses_1")).losses] == ["indexed_db"]


async def test_deleting_leaves_nothing(rig: Rig) -> None:
    await rig.put(storage_state=STORAGE)
    await rig.profiles.delete_profile(ANN, "shop")
    assert (rig.papers.kept, rig.keys) == ({}, [])
    with pytest.raises(ProfileNotFound):
        await rig.profiles.delete_profile(ANN, "shop")


async def test_profiles_are_there_after_a_restart(rig: Rig, tmp_path: Path) -> None:
    means, settings = Means(rig.settings, rig.clock, rig.checkpoints), settings_of(tmp_path, None)
    async with opened(settings) as archive:
        rig.profiles = Profiles(means, archive.papers)
        await rig.put(storage_state=STORAGE, caller=LOCAL)
    async with opened(settings) as archive:
        again = Profiles(means, archive.papers)
        assert [one.name for one in (await again.profiles(LOCAL)).items] == ["shop"]
        (cookie,) = (await again.profile_state(LOCAL, "shop")).cookies
        assert cookie.value == "s3cret-cookie"
        assert len(await archive.papers.papers(KIND)) == 1
