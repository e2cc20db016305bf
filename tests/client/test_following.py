"""Events as the clients read them."""

import json

import httpx
import pytest

from agent_browser.client import AsyncClient, Client, following
from agent_browser.client.errors import AnswerLost, UnexpectedAnswer
from agent_browser.errors import SessionNotFound
from tests.client.wire import SESSION, Recorder, problem

AT = "2026-01-02T03:04:05Z"


def frame(id: int, kind: str = "navigated", data: object = None) -> str:
    said = data or {"id": id, "type": kind, "session_id": SESSION, "at": AT, "data": {}}
    return f": alive\n\nid: {id}\nevent: {kind}\ndata: {json.dumps(said)}\n\n"


END = frame(9, "end", {"reason": "session_ended"})


def stream(*frames: str) -> httpx.Response:
    return httpx.Response(
        200, content="".join(frames), headers={"content-type": "text/event-stream"}
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSES", (0.0, 0.0))


def test_a_stream_that_breaks_off_goes_on_where_it_was() -> None:
    answers = iter([stream(frame(1), frame(2)), problem(503, "unavailable"), stream(frame(3), END)])
    wire = Recorder(lambda _: next(answers))
    with Client("http://h", transport=wire) as client:
        assert [event.id for event in client.events(SESSION)] == [1, 2, 3]
    sent = [request.headers.get("last-event-id") for request in wire.requests]
    assert sent == [None, "2", "2"]


@pytest.mark.anyio
async def test_an_asynchronous_stream_goes_on_where_it_was() -> None:
    answers = iter([stream(frame(1)), stream(frame(2), END)])
    wire = Recorder(lambda _: next(answers))
    async with AsyncClient("http://h", transport=wire) as client:
        assert [event.id async for event in client.events(SESSION)] == [1, 2]
    assert wire.last.headers["last-event-id"] == "1"


def test_what_was_missed_is_counted_and_is_no_event() -> None:
    wire = Recorder(stream(frame(4, "missed", {"count": 7}), frame(5), END))
    with Client("http://h", transport=wire) as client:
        events = client.events(SESSION)
        assert [event.id for event in events] == [5]
    assert events.missed == 7


def test_without_following_one_answer_is_all() -> None:
    wire = Recorder(stream(frame(1)))
    with Client("http://h", transport=wire) as client:
        assert len(list(client.events(types=["navigated"], after=0, follow=False))) == 1
    assert str(wire.last.url) == "http://h/v1/events?type=navigated&after=0&follow=false"
    assert len(wire.requests) == 1


def test_a_session_that_is_not_there_is_an_error_at_once() -> None:
    wire = Recorder(problem(404, "session_not_found"))
    with Client("http://h", transport=wire) as client, pytest.raises(SessionNotFound):
        list(client.events(SESSION))
    assert len(wire.requests) == 1


def test_a_stream_that_ends_again_and_again_is_given_up() -> None:
    with Client("http://h", transport=Recorder(stream())) as client, pytest.raises(AnswerLost):
        list(client.events(SESSION))


def test_an_event_of_another_form_is_unexpected() -> None:
    wire = Recorder(stream("data: [1]\n\n"))
    with Client("http://h", transport=wire) as client, pytest.raises(UnexpectedAnswer):
        list(client.events(SESSION))
