"""What pool and sessions need of a store of states, of the fake in memory and of the real one on a
disk and at an address.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from agent_browser.errors import CheckpointNotFound
from agent_browser.ids import is_checkpoint_id, new_session_id
from agent_browser.models.checkpoints import Part, State
from agent_browser.session.checkpoints import Checkpoints
from agent_browser.settings import Settings
from agent_browser.store.checkpoints import CheckpointStore
from tests.fakes.checkpoints import FakeCheckpoints
from tests.store.states import LOSS, large, same, state

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["fake", "disk", "address"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Checkpoints]:
    if request.param == "fake":
        yield FakeCheckpoints(keep=3)
        return
    url = SecretStr("memory://contract") if request.param == "address" else None
    async with CheckpointStore(Settings(data_dir=tmp_path, state_url=url)) as made:
        yield made
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def key() -> str:
    return new_session_id()


async def test_what_is_saved_is_loaded(store: Checkpoints, key: str) -> None:
    whole = State(state(big=large(), empty=[], text="ü ✓ \udc80").parts, (LOSS,))
    checkpoint = await store.save(key, whole, cause="demand")
    assert same(await store.load(key), whole)
    assert same(await store.load(key, checkpoint.id), whole)
    assert is_checkpoint_id(checkpoint.id)
    assert (checkpoint.cause, checkpoint.size, checkpoint.losses) == ("demand", whole.size, [LOSS])
    assert checkpoint.written > 0


async def test_a_state_of_nothing_is_one_too(store: Checkpoints, key: str) -> None:
    await store.save(key, State(), cause="activity")
    assert same(await store.load(key), State())


async def test_the_newest_is_loaded_unless_another_is_asked_for(
    store: Checkpoints, key: str
) -> None:
    made = [await store.save(key, state(n=n), cause="activity") for n in range(3)]
    assert (await store.load(key)).value("n") == 2
    for n, checkpoint in enumerate(made):
        assert (await store.load(key, checkpoint.id)).value("n") == n
    assert await store.listed(key) == made[::-1]


async def test_so_many_are_kept_and_the_oldest_go(store: Checkpoints, key: str) -> None:
    made = [await store.save(key, state(n=n), cause="activity") for n in range(6)]
    assert [one.id for one in await store.listed(key)] == [one.id for one in made[:2:-1]]
    with pytest.raises(CheckpointNotFound):
        await store.load(key, made[2].id)
    await store.save(key, state(n=6), cause="activity", keep=2)
    assert len(await store.listed(key)) == 2
    await store.save(key, state(n=7), cause="activity", keep=10)
    assert len(await store.listed(key)) == 3


async def test_the_one_before_is_always_kept(store: Checkpoints, key: str) -> None:
    for n in range(4):
        await store.save(key, state(n=n), cause="activity", keep=1)
    newest, before = await store.listed(key)
    assert (await store.load(key, newest.id)).value("n") == 3
    assert (await store.load(key, before.id)).value("n") == 2


async def test_what_has_not_changed_is_not_written_again(store: Checkpoints, key: str) -> None:
    first = await store.save(key, state(n=1, big=large()), cause="activity")
    again = await store.save(key, state(n=1, big=large()), cause="hibernation")
    assert (again.id, again.written) == (first.id, 0)
    assert await store.listed(key) == [first]
    small = await store.save(key, state(n=2, big=large()), cause="activity")
    assert small.id != first.id
    assert 0 < small.written < first.written / 2
    lost = await store.save(key, State(state(n=2, big=large()).parts, (LOSS,)), cause="activity")
    assert lost.id != small.id


async def test_a_part_that_is_gone_is_gone(store: Checkpoints, key: str) -> None:
    await store.save(key, state(n=1, big=large()), cause="activity")
    await store.save(key, state(n=1), cause="activity")
    assert set((await store.load(key)).parts) == set(state(n=1).parts)


async def test_what_was_comes_back(store: Checkpoints, key: str) -> None:
    one, other = state(big=large(1)), state(big=large(2))
    for wanted in (one, other, one, other, one):
        await store.save(key, wanted, cause="activity")
        assert same(await store.load(key), wanted)


async def test_keys_are_those_that_there_is_something_of(store: Checkpoints, key: str) -> None:
    assert list(await store.keys()) == []
    assert await store.listed(key) == []
    await store.save(key, state(), cause="activity")
    await store.save("profile-x", state(), cause="import", keep=2)
    assert sorted(await store.keys()) == sorted([key, "profile-x"])


async def test_of_what_is_erased_nothing_is_left(store: Checkpoints, key: str) -> None:
    others = [new_session_id() for _ in range(3)]
    for one in (key, *others):
        await store.save(one, state(big=large()), cause="activity")
    await store.erase(*others, new_session_id())
    assert list(await store.keys()) == [key]
    with pytest.raises(CheckpointNotFound):
        await store.load(others[0])
    assert same(await store.load(key), state(big=large()))
    await store.save(others[0], state(n=2), cause="activity")
    assert len(await store.listed(others[0])) == 1


async def test_what_was_never_made_is_not_found(store: Checkpoints, key: str) -> None:
    with pytest.raises(CheckpointNotFound):
        await store.load(key)
    checkpoint = await store.save(key, state(), cause="activity")
    for unknown in ("ckp_AAAAAAAAAAAAAAAAAAAAAA", "../../etc/passwd", "", "x" * 10_000):
        with pytest.raises(CheckpointNotFound):
            await store.load(key, unknown)
    with pytest.raises(CheckpointNotFound):
        await store.load(new_session_id(), checkpoint.id)


@pytest.mark.parametrize("bad", ["../x", "", ".", "a/b", "a b"])
async def test_what_is_no_key_is_refused(store: Checkpoints, bad: str) -> None:
    for call in (
        lambda: store.save(bad, state(), cause="activity"),
        lambda: store.load(bad),
        lambda: store.listed(bad),
        lambda: store.erase(bad),
    ):
        with pytest.raises(ValueError, match="not a key"):
            await call()


async def test_saves_of_one_key_are_made_in_their_order(store: Checkpoints, key: str) -> None:
    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(_save, store, key, n)
            await anyio.lowlevel.checkpoint()
    assert (await store.load(key)).value("n") == 19
    listed = [(await store.load(key, one.id)).value("n") for one in await store.listed(key)]
    assert listed == [19, 18, 17]


async def _save(store: Checkpoints, key: str, n: int) -> None:
    await store.save(key, state(n=n), cause="activity")


async def test_many_keys_are_saved_at_once(store: Checkpoints) -> None:
    keys = [new_session_id() for _ in range(30)]
    async with anyio.create_task_group() as tasks:
        for n, key in enumerate(keys):
            tasks.start_soon(_save, store, key, n)
    for n, key in enumerate(keys):
        assert (await store.load(key)).value("n") == n


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_sizes = st.sampled_from([0, 10, 15_000, 20_000, 40_000])
_parts = st.dictionaries(st.text(max_size=12), st.tuples(_values, _sizes), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_parts, min_size=1, max_size=5), st.integers(1, 4))
async def test_any_states_one_after_another_are_given_back(
    store: Checkpoints, series: list[dict[str, tuple[object, int]]], keep: int
) -> None:
    key = new_session_id()
    states = [
        State({n: Part.of(n, [v, large(size, size)]) for n, (v, size) in one.items()})
        for one in series
    ]
    wanted: dict[str, State] = {}
    for one in states:
        checkpoint = await store.save(key, one, cause="activity", keep=keep)
        wanted[checkpoint.id] = one
        assert same(await store.load(key), one)
    listed = await store.listed(key)
    assert 1 <= len(listed) <= max(keep, 2)
    for checkpoint in listed:
        assert same(await store.load(key, checkpoint.id), wanted[checkpoint.id])
