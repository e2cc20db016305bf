"""States in a store of objects: an address s3://… as STATE_URL, with the real client of it, against
a server of that protocol on this machine.
"""

import os
import secrets
import traceback
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from agent_browser.errors import StateLocked, StorageFull, Unavailable
from agent_browser.ids import new_session_id
from agent_browser.settings import Settings
from agent_browser.store.checkpoints import CheckpointStore
from agent_browser.store.rotation import census, rotate
from tests.store.states import large, same, state

pytestmark = pytest.mark.anyio
SECRET = "hunter2hunter2"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty one, as the environment says how to come to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        name = f"states-{secrets.token_hex(4)}"  # the server's buckets live as long as the process
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
        yield name
    finally:
        server.stop()


def settings_of(folder: Path, url: str) -> Settings:
    return Settings(data_dir=folder, state_url=SecretStr(url))


async def test_states_are_kept_at_an_address_of_s3(tmp_path: Path, bucket: str) -> None:
    settings = settings_of(tmp_path, f"s3://{bucket}/of/ours")
    one, other = new_session_id(), new_session_id()
    async with CheckpointStore(settings) as store:
        assert await store.keys() == []
        first = await store.save(one, state(n=1, big=large()), cause="activity")
        second = await store.save(one, state(n=2, big=large()), cause="activity")
        await store.save(other, state(n=3), cause="demand")
        assert second.written < first.written
    async with CheckpointStore(settings) as again:
        assert set(await again.keys()) == {one, other}
        assert same(await again.load(one), state(n=2, big=large()))
        assert same(await again.load(one, first.id), state(n=1, big=large()))
        assert [found.id for found in await again.listed(one)] == [second.id, first.id]
        await again.erase(one)
        assert await again.keys() == [other]
    names = fsspec.filesystem("s3", skip_instance_cache=True).find(bucket)
    assert names
    assert all(name.startswith(f"{bucket}/of/ours/") and one not in name for name in names)
    assert os.listdir(tmp_path) == ["state.key"]


async def test_their_key_is_changed_and_another_one_is_refused(tmp_path: Path, bucket: str) -> None:
    settings = settings_of(tmp_path / "one", f"s3://{bucket}")
    key = new_session_id()
    async with CheckpointStore(settings) as store:
        await store.save(key, state(n=1), cause="activity")
    done = rotate(settings, lambda files: None)
    assert done.dropped
    assert done.rewritten > 0
    found = census(settings)
    assert (found.where, found.sessions, found.older, found.locked) == ("s3", 1, 0, 0)
    with pytest.raises(StateLocked):
        async with CheckpointStore(settings_of(tmp_path / "two", f"s3://{bucket}")):
            pass
    async with CheckpointStore(settings) as store:
        assert same(await store.load(key), state(n=1))


async def test_a_bucket_that_can_not_be_is_told_without_secrets(
    tmp_path: Path, bucket: str
) -> None:
    with pytest.raises((OSError, StorageFull, Unavailable)) as caught:
        async with CheckpointStore(settings_of(tmp_path, f"s3://no bucket/{SECRET}")):
            pass
    said = "".join(traceback.format_exception_only(caught.value))
    assert SECRET not in said
