"""How the requests and the consoles of two pages differ."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent_browser.comparing.logs import consoles, missing, traffic
from agent_browser.comparing.looks import Look
from agent_browser.models.comparing import SideReport
from agent_browser.models.network import ConsoleOutput, Message, RequestsOutput, Traffic

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def look(*texts: str) -> Look:
    said = [Message(level="error", text=text, at=NOW, tab="t1") for text in texts]
    counts = {"error": len(said)}
    report = SideReport(url="http://a/", title="", status=200)
    console = ConsoleOutput(messages=said, total=len(said), counts=counts)
    return Look(report, "ses_x", console=console)


@pytest.mark.parametrize(("many", "cut"), [(199, False), (200, True)])
def test_a_console_that_said_more_than_is_kept_is_said_to_be_cut(many: int, cut: bool) -> None:
    found = consoles(look(*["same"] * many), look(*["same"] * many))
    assert (found.same, found.errors_a, found.truncated) == (True, many, cut)


def asked(*paths: str, **said: Any) -> Look:
    rows = [
        Traffic(id=f"r{number}", method="GET", url=f"http://{path}", type="fetch", state="done")
        for number, path in enumerate(paths, 1)
    ]
    listed = {"total": len(rows), "kept": len(rows), "dropped": 0} | said
    report = SideReport(url=f"http://{paths[0].partition('/')[0]}/", title="", status=200)
    return Look(report, "ses_x", requests=RequestsOutput(requests=rows, **listed))


def test_requests_are_alike_on_whichever_server_and_whatever_their_query() -> None:
    found = traffic(asked("one/x?n=1", "cdn/y"), asked("two/x?n=2", "cdn/y"))
    assert (found.same, found.truncated) == (True, False)
    found = traffic(asked("one/x", "cdn/y"), asked("two/x", "other/y", "two/x"))
    assert found.only_a == ["GET http://cdn/y (fetch)"]
    assert found.only_b == ["GET /x (fetch)", "GET http://other/y (fetch)"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, None),
        ({"note": "some may be missing"}, "requests: some may be missing"),
        ({"dropped": 3}, "3 requests are not compared: only the latest 1 are"),
        ({"total": 5, "dropped": 3}, "7 requests are not compared: only the latest 1 are"),
    ],
)
def test_that_requests_are_not_compared_is_told(said: dict[str, Any], told: str | None) -> None:
    look = asked("a/x", **said)
    assert missing(look) == told
    for sides in ((look, asked("a/x")), (asked("a/x"), look)):
        assert traffic(*sides).truncated is (told is not None)


def test_messages_that_only_one_has_are_listed() -> None:
    found = consoles(look("both", "one"), look("both", "http://a/x failed"))
    assert (found.only_a, found.only_b) == (["error: one"], ["error: /x failed"])
    assert not found.truncated
