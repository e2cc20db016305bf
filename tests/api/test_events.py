"""Event streams over a real server: what they carry, how they end, what they bear."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from agent_browser.api.auth import Callers
from agent_browser.hub import Hub
from agent_browser.keyring.kept import digest_of
from agent_browser.keyring.keyring import Keyring
from agent_browser.models.keys import KeyCreate, KeyMade, KeyRotate
from agent_browser.models.sessions import SessionCreate
from agent_browser.service import LOCAL, Caller
from agent_browser.settings import Settings
from tests.api.conftest import ANN_KEY, BOB_KEY, direct, keys, listening, make
from tests.api.fake import FakeService
from tests.fakes.clock import ManualClock
from tests.fakes.papers import FakePapers

pytestmark = pytest.mark.anyio

PATIENCE = 20.0


@dataclass(frozen=True)
class Frame:
    """One server-sent event, or a comment."""

    id: int = 0
    event: str = ""
    data: Any = None
    comment: str = ""


class Reader:
    """Reads a stream frame by frame."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.response = response

    async def next(self) -> Frame:
        """The next frame; StopAsyncIteration at the end."""
        said: dict[str, str] = {}
        with anyio.fail_after(PATIENCE):
            while True:
                line = await anext(self._lines)
                if line.startswith(":"):
                    said["comment"] = line[1:].strip()
                elif line:
                    name, _, value = line.partition(": ")
                    said[name] = value
                elif said:
                    break
        if "comment" in said:
            return Frame(comment=said["comment"])
        return Frame(int(said["id"]), said["event"], json.loads(said["data"]))

    async def rest(self) -> list[Frame]:
        """All frames to the end."""
        frames = []
        while True:
            try:
                frames.append(await self.next())
            except StopAsyncIteration:
                return frames


class Server:
    """A real server, its hub, and ways to follow it."""

    def __init__(self, app: FastAPI, url: str) -> None:
        self.hub: Hub = app.state.hub
        self.url = url
        self._changed = anyio.Event()
        self.hub.on_wanted(lambda session, owner: self._changed.set())

    @asynccontextmanager
    async def follow(self, path: str, **headers: str) -> AsyncIterator[Reader]:
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=PATIENCE) as client,
            client.stream("GET", path, headers=headers) as response,
        ):
            assert response.status_code == 200, await response.aread()
            yield Reader(response)

    def tell(self, session: str, count: int = 1, *, owner: str = "local") -> list[int]:
        """So many console lines; their ids."""
        ids = []
        for number in range(count):
            self.hub.publish("console", session, owner, {"n": number})
            ids.append(self.hub.last)
        return ids

    async def until_followed(self, count: int) -> None:
        """Come back when so many subscribe."""
        with anyio.fail_after(PATIENCE):
            while self.hub.statistics().subscribers != count:
                self._changed = anyio.Event()
                await self._changed.wait()


@asynccontextmanager
async def serving(
    settings: Settings, service: FakeService, **changes: object
) -> AsyncIterator[Server]:
    app = make(settings, service, **changes)
    async with listening(app, settings) as url:
        yield Server(app, url)
        app.state.hub.close()


@pytest.fixture
async def server(settings: Settings, service: FakeService) -> AsyncIterator[Server]:
    async with serving(settings, service) as made:
        yield made


async def made(service: FakeService) -> str:
    return (await service.create(LOCAL, SessionCreate())).id


async def test_an_event_is_told_with_its_id_type_and_data(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    async with server.follow(f"/v1/sessions/{session}/events") as reader:
        assert reader.response.headers["content-type"].startswith("text/event-stream")
        assert reader.response.headers["x-accel-buffering"] == "no"
        assert reader.response.headers["cache-control"] == "no-store"
        await server.until_followed(1)
        (id,) = server.tell(session)
        frame = await reader.next()
    assert (frame.id, frame.event) == (id, "console")
    assert frame.data["id"] == id
    assert (frame.data["session_id"], frame.data["data"]) == (session, {"n": 0})


async def test_who_follows_a_session_keeps_it_alive_and_leaves_nothing_behind(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    async with server.follow(f"/v1/sessions/{session}/events"):
        await server.until_followed(1)
        assert service.attending == 1
    await server.until_followed(0)
    assert service.attending == 0


async def test_a_silent_stream_shows_signs_of_life(
    settings: Settings, service: FakeService
) -> None:
    async with (
        serving(settings, service, event_heartbeat=0.01) as server,
        server.follow("/v1/events") as reader,
    ):
        assert (await reader.next()).comment == "alive"
        assert (await reader.next()).comment == "alive"


async def test_who_comes_back_goes_on_where_it_was(server: Server, service: FakeService) -> None:
    session = await made(service)
    ids = server.tell(session, 5)
    path = f"/v1/sessions/{session}/events"
    async with server.follow(path, **{"Last-Event-ID": str(ids[1])}) as reader:
        assert [(await reader.next()).id for _ in range(3)] == ids[2:]
    async with server.follow(f"{path}?after={ids[3]}") as reader:
        assert (await reader.next()).id == ids[4]
    header = {"Last-Event-ID": str(ids[3])}
    async with server.follow(f"{path}?after=0", **header) as reader:
        assert (await reader.next()).id == ids[4], "the header is newer than the address"


async def test_what_the_history_let_go_is_told_as_missed(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    first, *_ = server.tell(session, 10_005)
    async with server.follow(f"/v1/events?after={first}&type=console") as reader:
        missed = await reader.next()
        assert (missed.event, missed.data) == ("missed", {"count": 4})
        following = await reader.next()
        assert following.id == missed.id + 1 == first + 5


async def test_what_is_held_can_be_had_without_waiting(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    ids = server.tell(session, 3)
    async with server.follow(f"/v1/sessions/{session}/events?follow=false") as reader:
        assert [frame.id for frame in await reader.rest()] == ids


async def test_only_what_was_asked_for_is_told(server: Server, service: FakeService) -> None:
    one, two = await made(service), await made(service)
    async with (
        server.follow("/v1/events?type=dialog&type=crashed") as of_types,
        server.follow(f"/v1/events?session={two}") as of_two,
    ):
        await server.until_followed(2)
        server.tell(one)
        server.hub.publish("crashed", one, "local", {})
        server.tell(two)
        assert (await of_types.next()).event == "crashed"
        assert (await of_two.next()).data["session_id"] == two


async def test_a_sessions_stream_ends_with_it(server: Server, service: FakeService) -> None:
    session = await made(service)
    async with server.follow(f"/v1/sessions/{session}/events?type=console") as reader:
        await server.until_followed(1)
        ids = server.tell(session)
        server.hub.publish("session.ended", session, "local", {"reason": "closed"})
        frames = await reader.rest()
    assert [frame.event for frame in frames] == ["console", "end"]
    assert frames[0].id == ids[0]
    assert frames[1].data == {"reason": "session_ended"}


def _kept_keys(clock: ManualClock) -> Keyring:
    return Keyring(FakePapers(), clock=clock)


async def _key(ring: Keyring, **fields: object) -> KeyMade:
    request = {"name": "x", "role": "admin", "owner": "local"} | fields
    return await ring.create(LOCAL, KeyCreate.model_validate(request))


@pytest.mark.parametrize("path", ["/v1/events", "/v1/sessions/{}/events"])
@pytest.mark.parametrize("how", ["revoked", "rotated", "expired"])
async def test_a_stream_ends_with_its_key(
    settings: Settings, service: FakeService, path: str, how: str
) -> None:
    clock = ManualClock()
    ring = _kept_keys(clock)
    other, key = await _key(ring), await _key(ring, expires="1h")
    session = await made(service)
    clock.advance(3_599.99)
    async with (
        serving(settings, service, keyring=ring) as server,
        server.follow(path.format(session), **{"X-API-Key": key.key}) as reader,
        server.follow(path.format(session), **{"X-API-Key": other.key}) as stays,
    ):
        await server.until_followed(2)
        server.tell(session)
        assert (await reader.next()).event == (await stays.next()).event == "console"
        if how == "revoked":
            await ring.revoke(key.id)
        elif how == "rotated":
            await ring.rotate(LOCAL, key.id, KeyRotate(grace=0))
        else:
            clock.advance(0.02)
        assert await reader.rest() == []
        await server.until_followed(1)
        assert service.attending == (1 if "sessions" in path else 0)
        server.tell(session)
        assert (await stays.next()).event == "console"


async def test_the_use_of_a_key_ends_no_stream_of_its(
    settings: Settings, service: FakeService
) -> None:
    clock = ManualClock()
    ring = _kept_keys(clock)
    key, session = await _key(ring), await made(service)
    headers = {"X-API-Key": key.key}
    async with (
        serving(settings, service, keyring=ring) as server,
        server.follow("/v1/events", **headers) as reader,
    ):
        await server.until_followed(1)
        clock.advance(120)
        assert ring.find(digest_of(key.key)) is not None  # its last use is another now
        server.tell(session)
        assert (await reader.next()).event == "console"


async def test_of_a_token_that_is_over_a_stream_ends_at_once(settings: Settings) -> None:
    clock = ManualClock()
    callers = Callers(settings, _kept_keys(clock), clock=clock)
    ended = clock.now() - timedelta(minutes=1)
    with anyio.fail_after(PATIENCE):
        await callers.until_over(Caller("ann", key="ann", expires_at=ended))
    over = anyio.Event()

    async def wait(caller: Caller) -> None:
        await callers.until_over(caller)
        over.set()

    async with anyio.create_task_group() as tasks:
        for ends in (None, clock.now()):  # within what clocks may differ by
            tasks.start_soon(wait, Caller("ann", key="ann", expires_at=ends))
        await anyio.wait_all_tasks_blocked()
        assert not over.is_set()
        tasks.cancel_scope.cancel()


async def test_who_comes_back_to_an_ended_session_is_told_not_to(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    server.tell(session)
    server.hub.publish("session.ended", session, "local", {"reason": "closed"})
    ended = {"state": "ended", "ended_at": datetime.now(UTC), "end_reason": "closed"}
    service.sessions[session] = service.sessions[session].model_copy(update=ended)
    path = f"/v1/sessions/{session}/events"
    async with server.follow(f"{path}?after=0") as reader:
        frames = await reader.rest()
    assert [frame.event for frame in frames] == ["console", "session.ended", "end"]
    async with httpx.AsyncClient(base_url=server.url) as client:
        again = await client.get(path, headers={"Last-Event-ID": str(frames[-1].id)})
    assert (again.status_code, again.content) == (204, b"")


async def test_a_session_that_is_being_ended_is_followed_to_its_end(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    ended = {"state": "ended", "ended_at": datetime.now(UTC), "end_reason": "closed"}
    service.sessions[session] = service.sessions[session].model_copy(update=ended)
    async with server.follow(f"/v1/sessions/{session}/events") as reader:
        await server.until_followed(1)
        server.hub.publish("session.ended", session, "local", {"reason": "closed"})
        assert [frame.event for frame in await reader.rest()] == ["session.ended", "end"]


async def test_a_server_that_stops_ends_its_streams_without_saying_that_all_was_told(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    async with server.follow(f"/v1/sessions/{session}/events") as reader:
        await server.until_followed(1)
        ids = server.tell(session)
        server.hub.close()
        assert [frame.id for frame in await reader.rest()] == ids


async def test_a_slow_reader_loses_the_oldest_and_holds_up_nobody(
    server: Server, service: FakeService
) -> None:
    session = await made(service)
    big, count = "x" * 10_000, 3_000
    host, port = server.url.removeprefix("http://").split(":")
    slow = socket.create_connection((host, int(port)))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    request = f"GET /v1/sessions/{session}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
    slow.sendall(request.encode())
    await server.until_followed(1)
    async with server.follow("/v1/events") as quick:
        await server.until_followed(2)
        for number in range(count):
            server.hub.publish("console", session, "local", {"n": number, "text": big})
            assert (await quick.next()).data["data"]["n"] == number
    assert server.hub.statistics().lost > 0
    slow.close()
    await server.until_followed(0)


async def test_two_hundred_followers_are_all_told(server: Server, service: FakeService) -> None:
    session = await made(service)
    count = 200
    async with httpx.AsyncClient(
        base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=count)
    ) as client:
        told: list[int] = []

        async def follow() -> None:
            async with client.stream("GET", f"/v1/sessions/{session}/events") as response:
                told.append((await Reader(response).next()).id)

        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(follow)
            await server.until_followed(count)
            (id,) = server.tell(session)
    assert told == [id] * count


async def test_there_is_a_bound_on_streams(settings: Settings, service: FakeService) -> None:
    async with serving(settings, service, max_event_streams=1) as server:
        async with server.follow("/v1/events"):
            await server.until_followed(1)
            async with httpx.AsyncClient(base_url=server.url) as client:
                refused = await client.get("/v1/events")
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
            assert refused.headers["retry-after"] == "5"
        await server.until_followed(0)
        async with server.follow("/v1/events"):
            await server.until_followed(1)


async def test_another_owners_events_are_not_told(settings: Settings, service: FakeService) -> None:
    async with serving(settings, service, api_keys=keys()) as server:
        async with server.follow("/v1/events", **{"X-API-Key": ANN_KEY}) as anns:
            await server.until_followed(1)
            server.tell("ses_of_bob", owner="bob")
            (own,) = server.tell("ses_of_ann", owner="ann")
            assert (await anns.next()).id == own
        session = await made(service)
        async with httpx.AsyncClient(base_url=server.url) as client:
            for path in (f"/v1/sessions/{session}/events", f"/v1/events?session={session}"):
                assert (await client.get(path)).status_code == 401
                other = await client.get(path, headers={"X-API-Key": BOB_KEY})
                assert (other.status_code, other.json()["code"]) == (404, "session_not_found")


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("after=-1", {}),
        ("after=x", {}),
        (f"after={2**64}", {}),
        ("type=nonsense", {}),
        ("follow=perhaps", {}),
        ("", {"Last-Event-ID": "made-up"}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    app: FastAPI, query: str, header: dict[str, str]
) -> None:
    async with direct(app) as client:
        answer = await client.get(f"/v1/events?{query}", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
