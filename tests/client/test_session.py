"""Sessions at hand."""

from typing import Any

import anyio
import httpx
import pytest

from agent_browser.client import AsyncClient, Client
from agent_browser.errors import BrowserLost, InvalidRequest, SessionEnded
from tests.client.wire import ARTIFACT, PAGE, RECORD, SESSION, Recorder, problem

VIDEO = {**ARTIFACT, "session_id": SESSION, "fps": 25.0, "chapters": [{"title": "One", "at": 0.5}]}
CLOSED = {"session_id": SESSION, "success": True, "video": VIDEO, "videos": [VIDEO]}


def server(**answers: httpx.Response) -> Recorder:
    """A server that answers each path's last part as told, and the rest well."""
    usual: dict[str, Any] = {
        "sessions": RECORD,
        SESSION: RECORD,
        "open": PAGE,
        "snapshot": PAGE,
        "interact": {"success": True, "action": "x"},
        "screenshot": {"screenshot": ARTIFACT, "width": 1, "height": 1},
        "execute": {"result": "1"},
        "close": CLOSED,
    }

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        return answers.get(last) or httpx.Response(200, json=usual[last])

    return Recorder(answer)


def paths(recorder: Recorder) -> list[str]:
    return [request.url.path.rpartition("/")[2] for request in recorder.requests]


def test_a_session_is_made_used_and_closed() -> None:
    recorder = server()
    with Client(transport=recorder) as client, client.session(record_video=True) as session:
        assert session.id == SESSION
        session.open("example.com")
        session.click("@e1")
        assert recorder.sent["input"] == {"action": "click", "ref": "@e1"}
        session.fill("@e1", "Ada")
        assert recorder.sent["input"] == {"action": "fill", "ref": "@e1", "text": "Ada"}
        session.type("Ada")
        session.press("Enter")
        session.select("@e1", ["a", "b"])
        assert recorder.sent["input"]["text"] == ["a", "b"]
        session.snapshot()
        session.screenshot()
        session.execute("1")
        session.info()
        assert session.closed is None

    assert session.closed is not None
    assert session.closed.video is not None
    assert session.closed.video.url.startswith("http://127.0.0.1:7070/")
    assert recorder.requests[0].content == b'{"record_video":true}'
    assert paths(recorder) == [
        *("sessions", "open", *["interact"] * 5, "snapshot", "screenshot", "execute"),
        *(SESSION, "close"),
    ]


def test_a_session_closed_by_hand_is_not_closed_again() -> None:
    recorder = server()
    with Client(transport=recorder) as client, client.session() as session:
        session.close()

    assert paths(recorder) == ["sessions", "close"]


def test_a_session_that_is_only_visited_is_left_open() -> None:
    recorder = server()
    with Client(transport=recorder) as client, client.session(SESSION) as session:
        session.open("example.com")

    assert paths(recorder) == ["open"]


def test_options_are_for_new_sessions() -> None:
    with Client(transport=server()) as client, pytest.raises(InvalidRequest):
        client.session(SESSION, locale="de")


def test_a_session_has_no_id_before_it_is_entered() -> None:
    with Client(transport=server()) as client, pytest.raises(InvalidRequest, match="with"):
        client.session().open("example.com")


def test_leaving_a_session_that_has_lapsed_is_no_error() -> None:
    recorder = server(close=problem(410, "session_ended"))
    with Client(transport=recorder) as client, client.session() as session:
        pass

    assert session.closed is None


def test_a_close_that_fails_otherwise_is_an_error() -> None:
    recorder = server(close=problem(503, "browser_lost"))
    with Client(transport=recorder) as client, pytest.raises(BrowserLost), client.session():
        pass


def test_the_blocks_own_error_is_the_one_that_is_raised() -> None:
    recorder = server(close=problem(503, "browser_lost"), open=problem(410, "session_ended"))
    with (
        Client(transport=recorder) as client,
        pytest.raises(SessionEnded),
        client.session() as session,
    ):
        session.open("example.com")

    assert paths(recorder)[-1] == "close"


@pytest.mark.anyio
async def test_an_asynchronous_session_is_made_used_and_closed() -> None:
    recorder = server()
    async with AsyncClient(transport=recorder) as client, client.session(name="n") as session:
        await session.open("example.com")
        await session.click("@e1")
        await session.fill("@e1", "Ada")
        await session.type("Ada")
        await session.press("Enter")
        await session.select("@e1", "a")
        await session.snapshot()
        await session.screenshot()
        await session.execute("1")
        await session.info()

    assert session.closed is not None
    assert paths(recorder) == [
        *("sessions", "open", *["interact"] * 5, "snapshot", "screenshot", "execute"),
        *(SESSION, "close"),
    ]


@pytest.mark.anyio
async def test_an_asynchronous_session_is_closed_when_its_task_is_cancelled() -> None:
    recorder = server()
    async with AsyncClient(transport=recorder) as client:
        with anyio.CancelScope() as scope:
            async with client.session() as session:
                scope.cancel()
                await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert session.closed is not None


@pytest.mark.anyio
async def test_leaving_an_asynchronous_session_that_has_lapsed_is_no_error() -> None:
    recorder = server(close=problem(410, "session_ended"))
    async with AsyncClient(transport=recorder) as client, client.session() as session:
        pass

    assert session.closed is None
