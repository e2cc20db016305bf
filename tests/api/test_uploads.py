"""Files in a form: read as they arrive, within their own bounds, under plain names."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api import multipart
from agent_browser.service import FileHead
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, listening, make
from tests.api.fake import FakeService

pytestmark = pytest.mark.anyio
FORM = "multipart/form-data; boundary=B"
HEAD = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'


async def new(client: httpx.AsyncClient) -> str:
    """Where a new session's files are."""
    made = await client.post("/v1/sessions", json={})
    return f"/v1/sessions/{made.json()['id']}/uploads"


async def test_files_are_put_in_listed_and_erased(client: httpx.AsyncClient) -> None:
    place = await new(client)
    sent = await client.post(
        place,
        files=[("a", ("x/a.txt", b"hello", "text/plain")), ("b", ("ü.bin", b"\x00\x01"))],
    )
    assert sent.status_code == 201
    assert [(one["name"], one["size"]) for one in sent.json()["items"]] == [
        ("a.txt", 5),
        ("ü.bin", 2),
    ]
    assert (await client.get(place)).json() == sent.json()
    assert (await client.delete(f"{place}/a.txt")).status_code == 204
    assert [one["name"] for one in (await client.get(place)).json()["items"]] == ["ü.bin"]
    gone = await client.delete(f"{place}/a.txt")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_an_owners_files_are_not_anothers(settings: Settings, service: FakeService) -> None:
    app = make(settings, service, api_keys=keys())
    async with direct(app, headers={"X-API-Key": ANN_KEY}) as ann:
        place = await new(ann)
        await ann.post(place, files={"f": ("a.txt", b"hello")})
    async with direct(app, headers={"X-API-Key": BOB_KEY}) as bob:
        for answer in (
            await bob.get(place),
            await bob.post(place, files={"f": ("b.txt", b"")}),
            await bob.delete(f"{place}/a.txt"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("application/json", b"{}", "no boundary"),
        ("multipart/form-data", b"", "boundary"),
        (FORM, b"", "not complete"),
        (FORM, HEAD + b"half", "not complete"),
        (FORM, b"no form at all, and no boundary in it", "can't be read"),
        (FORM, b"--B--\r\n", "no file"),
        (FORM, HEAD.replace(b'filename="a.txt"', b'filename=""') + b"\r\n--B--\r\n", "no file"),
        (FORM, HEAD.replace(b'filename="a.txt"', b'filename=""') + b"x\r\n--B--\r\n", "no name"),
        (FORM, HEAD.replace(b'; filename="a.txt"', b"") + b"x\r\n--B--\r\n", "'f' is no file"),
        (FORM, b"--B\r\nX-Long: " + b"y" * 9_000, "can't be read"),
    ],
)
async def test_what_is_no_form_of_files_is_an_invalid_request(
    client: httpx.AsyncClient, content_type: str, body: bytes, said: str
) -> None:
    place = await new(client)
    sent = await client.post(place, content=body, headers={"Content-Type": content_type})
    assert (sent.status_code, sent.json()["code"]) == (400, "invalid_request")
    assert said in sent.json()["detail"] or content_type == "application/json"
    assert (await client.get(place)).json()["items"] == []


async def test_a_form_is_taken_for_files_only(client: httpx.AsyncClient) -> None:
    refused = await client.post("/v1/sessions", files={"f": ("a.txt", b"hello")})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


async def test_more_bytes_than_a_session_may_hold_are_refused(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    place = await new(client)
    service.most = 15_000  # more than a JSON body may have in these tests
    assert (await client.post(place, files={"f": ("a", b"x" * 12_000)})).status_code == 201
    refused = await client.post(place, files={"f": ("b", b"x" * 5_000)})
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert [one["name"] for one in (await client.get(place)).json()["items"]] == ["a"]


async def test_a_body_that_says_it_is_larger_is_refused_before_it_is_read(
    settings: Settings, service: FakeService
) -> None:
    async with direct(make(settings, service, max_upload=2_000)) as client:
        place = await new(client)
        headers = {"Content-Type": FORM, "Content-Length": "3000000"}
        refused = await client.post(place, content=HEAD, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")


async def test_an_idempotency_key_keeps_no_files(client: httpx.AsyncClient) -> None:
    place = await new(client)
    for _ in range(2):
        sent = await client.post(
            place, files={"f": ("a.txt", b"hello")}, headers={"Idempotency-Key": "k"}
        )
        assert sent.status_code == 201
        assert "idempotency-replayed" not in sent.headers
    assert len((await client.get(place)).json()["items"]) == 1


async def test_an_upload_that_is_broken_off_leaves_nothing(
    app: FastAPI, settings: Settings, service: FakeService
) -> None:
    sending = anyio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield HEAD + b"half a file"
        sending.set()
        await anyio.sleep_forever()

    async with listening(app, settings) as url, httpx.AsyncClient(base_url=url) as client:
        place = await new(client)
        async with anyio.create_task_group() as group:

            async def send() -> None:
                await client.post(place, content=half(), headers={"Content-Type": FORM})

            group.start_soon(send)
            await sending.wait()
            group.cancel_scope.cancel()
        assert (await client.get(place)).json()["items"] == []
        sent = await client.post(place, files={"f": ("a.txt", b"x" * 20_000)})
        assert sent.status_code == 201  # no byte of the half file counts


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_pieces_of_any_size_make_the_same_files(size: int) -> None:
    body = HEAD + b"one\r\n--B-\r\n" + b"\r\n" + HEAD + b"two" + b"\r\n--B--\r\n"
    form = multipart._Form(b"B")
    found = [piece for at in range(0, len(body), size) for piece in form.feed(body[at : at + size])]
    form.end()
    heads = [piece for piece in found if not isinstance(piece, bytes)]
    assert [head.name for head in heads] == ["a.txt", "a.txt"]
    data = b"|".join(b"".join(part) for part in _split(found))
    assert data == b"|one\r\n--B-\r\n|two"


def _split(found: list[FileHead | bytes]) -> list[list[bytes]]:
    parts: list[list[bytes]] = [[]]
    for piece in found:
        if isinstance(piece, bytes):
            parts[-1].append(piece)
        else:
            parts.append([])
    return parts
