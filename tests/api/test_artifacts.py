"""Files as they are served, and attacks on how they are."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from agent_browser.ids import new_session_id
from agent_browser.models.artifacts import Artifact, Recording
from agent_browser.settings import Settings
from agent_browser.store.artifacts import ArtifactStore
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, listening, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 4


async def _put(
    store: ArtifactStore, content_type: str = "image/png", owner: str = "local", name: str = "x.png"
) -> Artifact:
    return await store.put(
        DATA, owner=owner, session_id=new_session_id(), content_type=content_type, filename=name
    )


async def _record(store: ArtifactStore, data: bytes = b"video") -> Recording:
    session_id = new_session_id()
    path = store.recording_folder(session_id, owner="local") / "x.webm"
    path.write_bytes(data)
    return await store.adopt(path, owner="local", session_id=session_id, width=640, height=480)


async def test_a_picture_is_shown_in_place_and_never_asked_for_again(
    client: httpx.AsyncClient, store: ArtifactStore
) -> None:
    artifact = await _put(store)
    response = await client.get(artifact.url)
    assert response.status_code == 200
    assert response.content == DATA
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == 'inline; filename="x.png"'
    assert response.headers["etag"] == f'"{artifact.sha256}"'
    assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = await client.get(artifact.url, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/html; x=image/png"]
)
async def test_what_could_hold_a_script_is_a_sandboxed_attachment(
    client: httpx.AsyncClient, store: ArtifactStore, kind: str
) -> None:
    artifact = await _put(store, kind, name='a"\r\nX: y.html')
    response = await client.get(artifact.url)
    assert response.headers["content-disposition"].startswith("attachment; ")
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert policy == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert response.headers["content-type"] == "application/octet-stream"
    assert "x" not in response.headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=1000-", 1000, 1024), ("bytes=-5", 1019, 1024),
     ("bytes=1000-99999", 1000, 1024), ("bytes=-99999", 0, 1024), ("bytes=0-0", 0, 1)],
)  # fmt: skip
async def test_a_range_is_sent_alone(
    client: httpx.AsyncClient, store: ArtifactStore, asked: str, start: int, end: int
) -> None:
    response = await client.get((await _put(store)).url, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == DATA[start:end]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
    assert response.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=-5", "bytes=0-1,5-6", "bytes=1024-"])
async def test_a_range_is_of_get_alone_and_head_tells_of_the_whole_file(
    app: FastAPI, settings: Settings, store: ArtifactStore, asked: str
) -> None:
    artifact = await _put(store)
    async with listening(app, settings) as url, httpx.AsyncClient(base_url=url) as client:
        head = await client.head(artifact.url, headers={"Range": asked})
        got = await client.get(artifact.url)  # on the same connection: no byte was sent before
    assert (head.status_code, head.content) == (200, b"")
    assert (got.status_code, got.content) == (200, DATA)
    assert "content-range" not in head.headers
    for name in (
        "content-length",
        "content-type",
        "etag",
        "accept-ranges",
        "x-content-type-options",
    ):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=9-3"])
async def test_a_range_that_is_none_gets_the_whole_file(
    client: httpx.AsyncClient, store: ArtifactStore, asked: str
) -> None:
    response = await client.get((await _put(store)).url, headers={"Range": asked})
    assert (response.status_code, response.content) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=-0", "bytes=5000-6000"])
async def test_a_range_beyond_the_end_is_416(
    client: httpx.AsyncClient, store: ArtifactStore, asked: str
) -> None:
    response = await client.get((await _put(store)).url, headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */1024"
    assert response.json()["code"] == "range_not_satisfiable"


async def test_a_range_of_another_version_gets_the_whole_file(
    client: httpx.AsyncClient, store: ArtifactStore
) -> None:
    headers = {"Range": "bytes=0-1", "If-Range": '"other"'}
    response = await client.get((await _put(store)).url, headers=headers)
    assert (response.status_code, response.content) == (200, DATA)


async def test_head_tells_all_but_the_bytes(
    app: FastAPI, settings: Settings, store: ArtifactStore
) -> None:
    artifact = await _put(store)
    async with listening(app, settings) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.head(artifact.url)
        assert response.status_code == 200
        assert response.content == b""
        assert response.headers["content-length"] == "1024"


@pytest.mark.parametrize(
    "id",
    ["../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/x", "art_%00",
     "art_../../../../../etc/pa", "art_" + "A" * 22, ".lock", "%252e%252e%252f"],
)  # fmt: skip
async def test_no_id_leads_out_of_the_store(client: httpx.AsyncClient, id: str) -> None:
    for path in (f"/v1/artifacts/{id}", f"/v1/recordings/{id}"):
        response = await client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert "root:" not in response.text


async def test_a_link_in_a_file_s_place_is_not_followed(
    client: httpx.AsyncClient, store: ArtifactStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"the secret")
    artifact = await _put(store)
    path = (await store.find("local", artifact.id)).path
    path.unlink()
    path.symlink_to(secret)
    response = await client.get(artifact.url)
    assert response.status_code == 404
    assert str(tmp_path) not in response.text


async def test_a_file_removed_by_hand_is_not_found(
    client: httpx.AsyncClient, store: ArtifactStore
) -> None:
    artifact = await _put(store)
    (await store.find("local", artifact.id)).path.unlink()
    response = await client.get(artifact.url)
    assert response.status_code == 404
    assert response.json()["code"] == "artifact_not_found"


async def test_another_owner_s_artifact_is_not_found(
    settings: Settings, service: FakeService, store: ArtifactStore
) -> None:
    artifact = await _put(store, owner="ann")
    async with direct(make(settings, service, api_keys=keys())) as client:
        mine = await client.get(artifact.url, headers={"X-API-Key": ANN_KEY})
        theirs = await client.get(artifact.url, headers={"X-API-Key": BOB_KEY})
        assert (mine.status_code, theirs.status_code) == (200, 404)


async def test_an_empty_file_is_sent(client: httpx.AsyncClient, store: ArtifactStore) -> None:
    response = await client.get((await _record(store, b"")).url)
    assert (response.status_code, response.content) == (200, b"")


async def test_a_recording_is_described_sent_listed_and_deleted(
    client: httpx.AsyncClient, store: ArtifactStore
) -> None:
    video = await _record(store)
    path = f"/v1/recordings/{video.id}"
    described = (await client.get(path)).json()
    assert described == video.model_dump(mode="json")
    assert (described["width"], described["session_id"]) == (640, video.session_id)
    assert (await client.get(described["url"])).content == b"video"
    file = await client.get(path, headers={"Accept": "video/*"})
    assert (file.content, file.headers["content-type"]) == (b"video", "video/webm")
    assert (await client.get("/v1/recordings")).json()["items"] == [described]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["code"] == "artifact_not_found"
    assert (await client.get("/v1/recordings")).json() == {"items": [], "next_cursor": None}


async def test_a_large_file_comes_whole_and_a_caller_may_leave_in_the_middle(
    app: FastAPI, settings: Settings, store: ArtifactStore
) -> None:
    data = DATA * 8_000
    video = await _record(store, data)
    async with listening(app, settings) as url, httpx.AsyncClient(base_url=url) as client:
        async with client.stream("GET", video.url) as response:
            assert len(await anext(response.aiter_bytes(1_000))) == 1_000
        assert (await client.get(video.url)).content == data
