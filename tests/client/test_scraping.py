"""Scrapes as clients read them, on a transport in memory."""

import json
from typing import Any

import httpx
import pytest

from agent_browser.client import AnswerLost, AsyncClient, Client, UnexpectedAnswer
from agent_browser.errors import InvalidRequest, SessionNotFound
from tests.client.wire import ARTIFACT, Recorder, problem

pytestmark = pytest.mark.anyio

RESULT = {
    "type": "result", "index": 0, "id": None, "url": "a", "final_url": "https://a/", "status": 200,
    "title": "A", "ok": True, "error": None, "attempts": 1, "seconds": 0.1, "session_id": "ses_x",
    "videos": [], "screenshot": {"screenshot": ARTIFACT, "width": 1, "height": 1},
}  # fmt: skip
SUMMARY = {
    "type": "summary", "total": 1, "ok": 1, "failed": 0, "attempts": 1, "codes": {},
    "seconds": 0.1, "timed_out": False,
}  # fmt: skip


def said(*lines: Any) -> httpx.Response:
    body = "".join(json.dumps(line) + "\n" for line in lines)
    return httpx.Response(200, content=body, headers={"content-type": "application/x-ndjson"})


async def test_both_clients_send_the_same_and_read_the_same() -> None:
    blocking, awaiting = Recorder(said(RESULT, SUMMARY)), Recorder(said(RESULT, SUMMARY))
    options: dict[str, Any] = {"read": ["screenshot"], "concurrency": 8}
    with Client(transport=blocking) as client:
        pages = client.scrape(["a", {"url": "b", "id": "second"}], **options)
        one = list(pages)
    async with AsyncClient(transport=awaiting) as asynchronous:
        others = asynchronous.scrape(["a", {"url": "b", "id": "second"}], **options)
        other = [page async for page in others]
    assert one == other
    assert pages.summary == others.summary
    assert pages.summary is not None
    assert blocking.sent == awaiting.sent
    assert blocking.sent == {
        "urls": ["a", {"url": "b", "id": "second"}],
        "read": [{"function": "screenshot"}],
        "concurrency": 8,
    }
    url = one[0].readings["screenshot"]["screenshot"]["url"]
    assert url.startswith("http://127.0.0.1:7070/"), "addresses of artifacts are absolute"


async def test_an_answer_that_ends_early_is_lost() -> None:
    with Client(transport=Recorder(said(RESULT))) as client:
        pages = client.scrape(["a"])
        with pytest.raises(AnswerLost, match="summary"):
            list(pages)
    async with AsyncClient(transport=Recorder(said())) as asynchronous:
        with pytest.raises(AnswerLost):
            _ = [page async for page in asynchronous.scrape(["a"])]


@pytest.mark.parametrize("line", ["nonsense", [], {"type": "result"}])
def test_a_line_of_another_form_is_no_result(line: Any) -> None:
    with Client(transport=Recorder(said(line))) as client, pytest.raises(UnexpectedAnswer):
        list(client.scrape(["a"]))


def test_what_is_wrong_as_a_whole_raises_its_class() -> None:
    refusal = Recorder(problem(404, "session_not_found"))
    with Client(transport=refusal) as client:
        with pytest.raises(SessionNotFound):
            list(client.scrape(["a"], session="ses_x"))
        with pytest.raises(InvalidRequest, match="at least 1 item"):
            client.scrape([])
        with pytest.raises(InvalidRequest, match="no function 'nope'"):
            client.scrape(["a"], read=["nope"])
