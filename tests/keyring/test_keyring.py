"""Keys made, found, rotated, revoked, and kept over the server's end."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_browser.errors import Conflict, Forbidden, InvalidTimeout, KeyNotFound, StorageFull
from agent_browser.keyring import form
from agent_browser.keyring.kept import KIND, digest_of
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate, KeyMade, KeyRotate
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings
from agent_browser.store.database import Database
from agent_browser.store.papers import Papers
from agent_browser.store.writer import Writer
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio

DAY = 86_400.0


def written_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class Rig:
    """A keyring on papers in memory, and a clock that stands still."""

    def __init__(self) -> None:
        self.papers, self.clock = FakePapers(), ManualClock()
        self.ring = Keyring(self.papers, clock=self.clock)

    async def make(self, name: str = "root", **fields: object) -> KeyMade:
        given = {"name": name, "role": "admin"} | fields
        return await self.ring.create(LOCAL, KeyCreate.model_validate(given))

    def caller(self, key: str) -> Caller | None:
        return self.ring.find(digest_of(key))

    async def again(self) -> Keyring:
        """Another server on the same papers."""
        ring = Keyring(self.papers, clock=self.clock)
        await ring.load()
        return ring


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_whoever_has_the_key_is_its_owner_with_its_rights(rig: Rig) -> None:
    await rig.make()
    made = await rig.make("bot", owner="qa", role="operator", without=["execute"])
    caller = rig.caller(made.key)
    assert caller is not None
    assert (caller.owner, caller.name, caller.key) == ("qa", "bot", made.id)
    assert caller.rights == {"watch", "drive", "recordings", "state", "secrets"}
    assert form.is_key(made.key)


async def test_what_is_kept_and_shown_has_no_key_in_it(rig: Rig) -> None:
    made = await rig.make()
    secret = made.key[16:]
    kept = json.dumps(await rig.papers.all(KIND))
    shown = rig.ring.list().model_dump_json() + rig.ring.get(made.id).model_dump_json()
    for text in (kept, shown, repr(rig.ring), repr(vars(rig.ring))):
        assert secret not in text
    assert digest_of(made.key).hex() in kept
    assert digest_of(made.key).hex() not in shown


async def test_a_key_that_is_a_little_otherwise_is_nobody_s(rig: Rig) -> None:
    made = await rig.make()
    for key in ("", made.key[:-1], made.key + "0", made.id, made.prefix, made.key.lower()):
        assert rig.caller(key) is None


async def test_a_revoked_key_is_refused_at_once_and_after_a_restart(rig: Rig) -> None:
    made = await rig.make()
    revoked = await rig.ring.revoke(made.id)
    assert not revoked.usable
    assert rig.caller(made.key) is None
    assert (await rig.again()).find(digest_of(made.key)) is None
    assert (await rig.ring.revoke(made.id)).revoked_at == revoked.revoked_at


async def test_a_key_ends_at_its_time(rig: Rig) -> None:
    made = await rig.make(expires="1h")
    rig.clock.advance(3_599.9)
    assert rig.caller(made.key) is not None
    rig.clock.advance(0.1)
    assert rig.caller(made.key) is None
    assert not rig.ring.has_usable


async def test_the_end_of_the_last_key_does_not_open_the_server(rig: Rig) -> None:
    assert rig.ring.is_empty
    made = await rig.make(expires="1h")
    assert not rig.ring.is_empty
    await rig.ring.revoke(made.id)
    rig.clock.advance(400 * DAY)
    again = await rig.again()
    assert not again.is_empty
    assert not again.has_usable


async def test_the_old_key_goes_on_for_the_grace(rig: Rig) -> None:
    await rig.make()
    old = await rig.make("bot", owner="qa", role="operator", without=["state"])
    new = await rig.ring.rotate(LOCAL, old.id, KeyRotate(grace=3_600))
    assert (new.name, new.owner, new.role, new.without) == ("bot", "qa", "operator", ["state"])
    assert rig.ring.get(old.id).replaced_by == new.id
    for ring in (rig.ring, await rig.again()):
        assert ring.find(digest_of(old.key)) is not None
    rig.clock.advance(3_600)
    assert rig.caller(old.key) is None
    assert rig.caller(new.key) is not None


async def test_without_grace_the_old_key_ends_at_once(rig: Rig) -> None:
    old = await rig.make()
    new = await rig.ring.rotate(LOCAL, old.id, KeyRotate())
    assert rig.caller(old.key) is None
    assert rig.caller(new.key) is not None


async def test_a_rotated_key_lives_as_long_as_the_old_one_did_from_its_beginning(rig: Rig) -> None:
    old = await rig.make(expires="10d")
    rig.clock.advance(9 * DAY)
    new = await rig.ring.rotate(LOCAL, old.id, KeyRotate(grace=30 * DAY))
    assert new.expires_at is not None
    assert (new.expires_at - new.created_at).days == 10
    assert rig.ring.get(old.id).expires_at == old.expires_at  # a grace makes nothing longer


async def test_what_has_ended_or_was_replaced_is_not_rotated(rig: Rig) -> None:
    old = await rig.make()
    new = await rig.ring.rotate(LOCAL, old.id, KeyRotate(grace=60))
    with pytest.raises(Conflict, match=new.id):
        await rig.ring.rotate(LOCAL, old.id, KeyRotate())
    await rig.ring.revoke(new.id)
    with pytest.raises(Conflict, match="ended"):
        await rig.ring.rotate(LOCAL, new.id, KeyRotate())


async def test_of_two_rotations_at_once_one_makes_a_key(rig: Rig) -> None:
    old, outcomes = await rig.make(), []
    held = anyio.Event()

    async def slowly() -> None:
        await held.wait()

    rig.papers.flush = slowly  # type: ignore[method-assign]

    async def rotate() -> None:
        try:
            await rig.ring.rotate(LOCAL, old.id, KeyRotate())
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rotate)
        tasks.start_soon(rotate)
        await anyio.wait_all_tasks_blocked()
        held.set()
    assert sorted(outcomes) == ["made", "refused"]
    assert len(rig.ring.list().items) == 2


async def test_a_key_that_could_not_be_written_is_none(rig: Rig) -> None:
    rig.papers.failure = StorageFull("no space")
    with pytest.raises(StorageFull):
        await rig.make()
    assert rig.ring.is_empty
    rig.papers.failure = None
    old = await rig.make()
    rig.papers.failure = StorageFull("no space")
    with pytest.raises(StorageFull):
        await rig.ring.rotate(LOCAL, old.id, KeyRotate())
    assert rig.caller(old.key) is not None
    assert rig.ring.get(old.id).replaced_by is None
    assert len(rig.ring.list().items) == 1


async def test_a_revocation_that_could_not_be_written_is_in_force_all_the_same(rig: Rig) -> None:
    made = await rig.make()
    rig.papers.failure = StorageFull("no space")
    with pytest.raises(StorageFull):
        await rig.ring.revoke(made.id)
    assert rig.caller(made.key) is None


async def test_nobody_gives_rights_that_they_have_not(rig: Rig) -> None:
    weak = await rig.make("weak", without=["execute"])
    caller = rig.caller(weak.key)
    assert caller is not None
    for fields in ({"role": "admin"}, {"role": "operator"}):
        with pytest.raises(Forbidden, match="execute"):
            await rig.ring.create(caller, KeyCreate.model_validate({"name": "x"} | fields))
    strong = await rig.make("strong")
    with pytest.raises(Forbidden, match="execute"):
        await rig.ring.rotate(caller, strong.id, KeyRotate(grace=60))
    assert rig.caller(strong.key) is not None
    await rig.ring.create(caller, KeyCreate(name="x", role="viewer"))


async def test_the_first_key_of_an_open_server_is_an_admin_s(rig: Rig) -> None:
    refused: tuple[dict[str, Any], ...] = (
        {"role": "operator"}, {"role": "viewer"}, {"without": ["admin"]},
    )  # fmt: skip
    for fields in refused:
        with pytest.raises(Conflict, match="admin"):
            await rig.make(**fields)
    await rig.make()
    await rig.make("bot", role="operator")


async def test_a_use_is_noted_to_the_minute_and_written_once_in_it(rig: Rig) -> None:
    made = await rig.make()
    before = rig.papers.puts[KIND]
    for _ in range(100):
        rig.caller(made.key)
        rig.clock.advance(0.5)
    used = rig.ring.get(made.id).last_used_at
    assert used is not None
    assert (used.second, used.microsecond) == (0, 0)
    assert rig.papers.puts[KIND] == before + 1
    rig.clock.advance(60)
    rig.caller(made.key)
    assert rig.papers.puts[KIND] == before + 2
    assert (await rig.again()).get(made.id).last_used_at == rig.ring.get(made.id).last_used_at


async def test_keys_that_ended_long_ago_are_forgotten(rig: Rig) -> None:
    gone, stays = await rig.make("gone", expires="1h"), await rig.make("stays")
    rig.clock.advance(89 * DAY)
    assert {key.id for key in (await rig.again()).list().items} == {gone.id, stays.id}
    rig.clock.advance(2 * DAY)
    assert {key.id for key in (await rig.again()).list().items} == {stays.id}


@pytest.mark.parametrize("fields", [{"expires": 0}, {"expires": 1e12}])
async def test_a_life_out_of_range_is_refused(rig: Rig, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidTimeout):
        await rig.make(**fields)


async def test_what_is_not_there_is_not_found(rig: Rig) -> None:
    made = await rig.make()
    with pytest.raises(InvalidTimeout):
        await rig.ring.rotate(LOCAL, made.id, KeyRotate(grace=31 * DAY))
    for call in (rig.ring.revoke("key_x"), rig.ring.rotate(LOCAL, "key_x", KeyRotate())):
        with pytest.raises(KeyNotFound):
            await call
    with pytest.raises(KeyNotFound):
        rig.ring.get("key_x")


async def test_keys_are_in_the_database_when_the_answer_is_there(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with Database(settings) as database, Writer(database, settings, pause=60) as writer:
        ring = Keyring(Papers(database, writer))
        await ring.load()
        made = await ring.create(LOCAL, KeyCreate(name="root", role="admin"))
        # Another that reads the file, as after a crash of this one: nothing waits to be written.
        async with Database(settings) as other, Writer(other, settings) as unused:
            again = Keyring(Papers(other, unused))
            await again.load()
            found = again.find(digest_of(made.key))
            assert found is not None
            assert found.rights == LOCAL.rights
    assert made.key.encode() not in written_below(tmp_path)
