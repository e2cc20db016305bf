"""Signed links, and attacks on them."""

import base64
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.api.links import Purpose, Signer, shown
from agent_browser.errors import LinkInvalid
from agent_browser.ids import new_artifact_id, new_session_id
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.artifacts import Artifact, Recording
from agent_browser.models.keys import KeyCreate
from agent_browser.models.rights import Right
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, make
from tests.api.fake import FakeService
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio
DATA = b"\x89PNG" + bytes(1_000)
ANN, BOB = {"X-API-Key": ANN_KEY}, {"X-API-Key": BOB_KEY}


@pytest.fixture
def locked(settings: Settings, service: FakeService) -> FastAPI:
    return make(settings, service, api_keys=keys())


async def _put(store: ArtifactStore, owner: str = "ann") -> Artifact:
    return await store.put(
        DATA, owner=owner, session_id=new_session_id(), content_type="image/png", filename="x.png"
    )


async def _video(store: ArtifactStore, owner: str = "ann") -> Recording:
    session_id = new_session_id()
    path = store.recording_folder(session_id, owner=owner) / "x.webm"
    path.write_bytes(b"video")
    return await store.adopt(path, owner=owner, session_id=session_id, width=1, height=1)


async def _link(client: httpx.AsyncClient, path: str, **body: object) -> str:
    made = await client.post(f"{path}/link", headers=ANN, json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["url"])


async def test_a_link_leads_to_its_file_without_a_key_and_to_no_other(
    locked: FastAPI, store: ArtifactStore
) -> None:
    artifact, other = await _put(store), await _put(store)
    async with direct(locked) as client:
        url = await _link(client, artifact.url)
        assert url.startswith("/v1/links/")
        got = await client.get(url)
        assert (got.status_code, got.content) == (200, DATA)
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["content-security-policy"].startswith(
            "sandbox allow-same-origin; default-"
        )
        assert (await client.head(url)).status_code == 200
        part = await client.get(url, headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, DATA[1:4])
        assert (await client.get(other.url)).status_code == 401
        assert (await client.get(artifact.url)).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_link_is_for_reading_alone(
    locked: FastAPI, store: ArtifactStore, method: str
) -> None:
    artifact = await _put(store)
    async with direct(locked) as client:
        url = await _link(client, artifact.url)
        assert (await client.request(method, url)).status_code in (401, 405)
        assert (await client.get(url)).status_code == 200


async def test_a_link_that_another_site_s_page_shows_is_followed_and_another_host_s_is_not(
    locked: FastAPI, store: ArtifactStore
) -> None:
    artifact = await _put(store)
    async with direct(locked) as client:
        url = await _link(client, artifact.url)
        clicked = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
        got = await client.get(url, headers=clicked)
        assert got.status_code == 200
        assert got.headers["cross-origin-resource-policy"] == "same-origin"
        rebound = await client.get(url, headers={"Host": "evil.example"})
        assert rebound.status_code == 403


async def test_nobody_links_what_is_another_s(locked: FastAPI, store: ArtifactStore) -> None:
    artifact = await _put(store)
    async with direct(locked) as client:
        theirs = await client.post(f"{artifact.url}/link", headers=BOB)
        never = await client.post(f"/v1/artifacts/{new_artifact_id()}/link", headers=BOB)
        assert theirs.status_code == never.status_code == 404
        assert theirs.json()["code"] == never.json()["code"] == "artifact_not_found"
        assert (await client.post(f"{artifact.url}/link")).status_code == 401


async def test_a_recording_has_links_too_and_a_picture_is_none(
    locked: FastAPI, store: ArtifactStore
) -> None:
    video, picture = await _video(store), await _put(store)
    async with direct(locked) as client:
        url = await _link(client, f"/v1/recordings/{video.id}")
        assert (await client.get(url)).content == b"video"
        none = await client.post(f"/v1/recordings/{picture.id}/link", headers=ANN)
        assert none.status_code == 404


async def test_what_a_link_led_to_is_gone_and_it_does_not_say_what_that_was(
    locked: FastAPI, store: ArtifactStore
) -> None:
    gone, removed = await _put(store), await _put(store)
    async with direct(locked) as client:
        links = [await _link(client, one.url) for one in (gone, removed)]
        await store.delete("ann", gone.id)
        (await store.find("ann", removed.id)).path.unlink()
        answers = [await client.get(url) for url in [*links, "/v1/links/" + "A" * 200]]
        for answer in answers:
            problem = answer.json()
            assert (answer.status_code, problem.pop("code")) == (410, "link_invalid")
            problem.pop("request_id")
            assert problem == {k: v for k, v in answers[-1].json().items() if k in problem}
            assert gone.id not in answer.text
            assert removed.id not in answer.text


@pytest.mark.parametrize("seconds", [0, 0.5, 604_801, "8d", "x", -1, True, None])
async def test_how_long_it_lasts_is_bounded(
    locked: FastAPI, store: ArtifactStore, seconds: object
) -> None:
    artifact = await _put(store)
    async with direct(locked) as client:
        asked = {"expires_in": seconds}
        made = await client.post(f"{artifact.url}/link", headers=ANN, json=asked)
        assert made.status_code == 400


def test_a_link_is_over_at_its_time_and_not_before() -> None:
    clock = ManualClock()
    signer = Signer([bytes(32)], clock=clock)
    token, expires = signer.sign("artifact", "ann", "art_x", 60)
    assert expires == clock.now() + timedelta(seconds=60)
    clock.advance(59.9)
    assert signer.read("artifact", token).id == "art_x"
    clock.advance(0.1)
    with pytest.raises(LinkInvalid):
        signer.read("artifact", token)


def test_a_link_of_another_purpose_or_key_is_none_and_one_of_an_older_key_is() -> None:
    old, new = b"o" * 32, b"n" * 32
    token, _ = Signer([old]).sign("live", "ann", "ses_x", 60)
    assert Signer([new, old]).read("live", token).owner == "ann"
    for signer, purpose in ((Signer([old]), "artifact"), (Signer([new]), "live")):
        with pytest.raises(LinkInvalid):
            signer.read(purpose, token)  # type: ignore[arg-type]


def test_whose_and_what_it_is_can_not_be_read_nor_how_long_the_name_is() -> None:
    signer = Signer([bytes(32)])
    short, _ = signer.sign("artifact", "a", "art_0123456789abcdefghijkl", 60)
    long, _ = signer.sign("artifact", "somebody-with-a-long-name", "art_0123456789abcdefghijkl", 60)
    assert len(short) == len(long)
    raw = base64.urlsafe_b64decode(long + "==")
    assert b"somebody" not in raw
    assert b"art_" not in raw
    again, _ = signer.sign("artifact", "a", "art_0123456789abcdefghijkl", 60)
    assert again != short


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_link_that_was_changed_anywhere_is_none(at: int, by: int) -> None:
    signer = Signer([bytes(32)])
    purpose: Purpose = "artifact"
    token, _ = signer.sign(purpose, "ann", "art_x", 60)
    raw = bytearray(base64.urlsafe_b64decode(token + "=="))
    raw[at % len(raw)] ^= by
    changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(LinkInvalid):
        signer.read(purpose, changed)


@given(st.text(max_size=300))
def test_what_is_no_link_at_all_is_told_alike(text: str) -> None:
    with pytest.raises(LinkInvalid):
        Signer([bytes(32)]).read("artifact", text)


async def test_a_link_is_in_no_log(
    locked: FastAPI, store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = await _put(store)
    async with direct(locked) as client:
        url = await _link(client, artifact.url)
        await client.get(url, headers={"Host": "evil.example"})
        await client.get(url + "x")
    assert url.removeprefix("/v1/links/")[:40] not in "".join(capsys.readouterr())
    assert shown(url) == "/v1/links/***"
    assert shown("/v1/sessions") == "/v1/sessions"


async def test_the_key_of_links_is_not_in_what_the_signer_says_of_itself(tmp_path: Path) -> None:
    assert repr(Signer([b"k" * 32])) == "<Signer 1 keys>"


@pytest.mark.parametrize(
    ("role", "without", "right", "may"),
    [
        ("viewer", [], "state", False),
        ("viewer", [], "watch", True),
        ("viewer", [], "recordings", True),
        ("viewer", ["recordings"], "recordings", False),
        ("operator", [], "state", True),
        ("operator", ["state"], "state", False),
        ("admin", ["state"], "state", False),
    ],
)
async def test_a_file_and_a_link_to_it_are_for_who_has_its_right(
    settings: Settings,
    service: FakeService,
    store: ArtifactStore,
    role: str,
    without: list[str],
    right: Right,
    may: bool,
) -> None:
    ring = Keyring(FakePapers())
    given = {"name": "x", "owner": "ann"}
    await ring.create(LOCAL, KeyCreate.model_validate(given | {"role": "admin"}))
    less = given | {"role": role, "without": without}
    key = {"X-API-Key": (await ring.create(LOCAL, KeyCreate.model_validate(less))).key}
    kept = await store.put(
        DATA, owner="ann", session_id=new_session_id(), content_type="application/zip",
        filename="trace.zip", right=right,
    )  # fmt: skip
    async with direct(make(settings, service, keyring=ring), headers=key) as client:
        for answer in (
            await client.get(kept.url),
            await client.head(kept.url),
            await client.post(f"{kept.url}/link", json={}),
        ):
            assert answer.is_success is may, answer.text
            if not may and answer.request.method != "HEAD":
                assert (answer.status_code, answer.json()["right"]) == (403, right)
