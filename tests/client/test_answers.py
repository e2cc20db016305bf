"""Answers: JSON, or the error class again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_browser import errors
from agent_browser.client import address, answers
from agent_browser.client.answers import Answer, error_of, read
from agent_browser.client.errors import UnexpectedAnswer, UnknownProblem
from agent_browser.errors import AgentBrowserError
from tests.client.wire import ARTIFACT

HERE = address.parse("http://127.0.0.1:7070")
WHEN = datetime(2026, 1, 2, tzinfo=UTC)

RAISED: list[AgentBrowserError] = [
    errors.InternalError(),
    errors.InvalidRequest("url: missing", [{"field": "url", "message": "missing"}]),
    errors.InvalidTimeout("idle", 0, 1, 86400),
    errors.InvalidUrl("file: is not allowed"),
    errors.NotOpened(),
    errors.Unauthorized(),
    errors.EgressDenied("not allowed"),
    errors.HostNotAllowed("not this host"),
    errors.SessionNotFound("ses_x"),
    errors.ArtifactNotFound("art_x"),
    errors.OptionNeedsNewSession(["locale"]),
    errors.SessionEnded("ses_x", WHEN, "idle"),
    errors.SessionExpired("ses_x", WHEN, WHEN, "idle"),
    errors.PayloadTooLarge(1024),
    errors.SessionQueueFull(32),
    errors.RateLimited("slower", retry_after=2.0),
    errors.NavigationFailed("net::ERR_CONNECTION_REFUSED"),
    errors.PoolFull("memory", retry_after=5.0),
    errors.BrowserLost(),
    errors.PageCrashed(),
    errors.DeadlineExceeded("action", 5.0),
]


def as_answer(error: AgentBrowserError, **changed: Any) -> Answer:
    """The problem that a server makes of an error."""
    body = {
        "type": "/docs/errors",
        "title": error.title,
        "status": 499,
        "detail": error.detail,
        "code": error.code,
        "retryable": error.retryable,
        "recovery": error.recovery,
        "request_id": "req_1",
        **error.fields,
        **changed,
    }
    return Answer(499, "application/problem+json; charset=utf-8", json.dumps(body).encode())


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_a_problem_becomes_the_class_that_was_raised(error: AgentBrowserError) -> None:
    again = error_of(as_answer(error), HERE)

    assert type(again) is type(error)
    assert (again.detail, str(again)) == (error.detail, error.detail)
    assert again.fields == {**error.fields, "request_id": "req_1"}
    assert (again.code, again.retryable, again.recovery) == (
        error.code,
        error.retryable,
        error.recovery,
    )


def test_every_code_of_the_tree_has_its_class() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, AgentBrowserError)
    ]
    assert len(kinds) > 20
    for kind in kinds:
        again = error_of(as_answer(errors.Conflict("x"), code=kind.code), HERE)
        assert again.code == kind.code
        assert type(again) is not errors.ActionFailed


def test_a_code_of_a_newer_server_is_kept() -> None:
    again = error_of(as_answer(errors.Conflict("busy"), code="made_later", by="Ada"), HERE)

    assert type(again) is UnknownProblem
    assert again.detail == "busy"
    assert again.fields == {
        "request_id": "req_1",
        "by": "Ada",
        "code": "made_later",
        "status": 499,
    }


def test_fields_with_the_names_of_parameters_do_no_harm() -> None:
    again = error_of(as_answer(errors.Conflict("x"), self=1, session_id=[2]), HERE)

    assert again.fields == {"request_id": "req_1", "self": 1, "session_id": [2]}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(502, "text/html", b"<h1>Bad Gateway</h1>"),
        Answer(404, "application/json", b'{"detail": "Not Found"}'),
        Answer(500, "application/problem+json", b"{"),
        Answer(500, "", b""),
        Answer(200, "text/html", b"<h1>It works!</h1>"),
        Answer(200, "application/json", b"{"),
        Answer(301, "text/html", b""),
    ],
)
def test_what_no_server_of_ours_says_is_an_unexpected_answer(answer: Answer) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"http://127\.0\.0\.1:7070"):
        read(answer, HERE, lambda data: data)


def test_json_of_another_form_is_an_unexpected_answer() -> None:
    from agent_browser.models.sessions import Session

    with pytest.raises(UnexpectedAnswer):
        read(Answer(200, "application/json", b"{}"), HERE, Session.model_validate)


def test_no_content_is_none() -> None:
    assert read(Answer(204, "", b""), HERE, lambda data: data) is None


def test_urls_of_artifacts_become_absolute_wherever_they_are() -> None:
    data = {"video": ARTIFACT, "videos": [ARTIFACT], "snapshot": {"screenshot": ARTIFACT}}

    out = answers.absolute(data, HERE)

    url = "http://127.0.0.1:7070/v1/artifacts/art_BBBBBBBBBBBBBBBBBBBBBB"
    assert out["video"]["url"] == url
    assert out["videos"][0]["url"] == url
    assert out["snapshot"]["screenshot"]["url"] == url
    assert data["video"] is ARTIFACT


def test_what_a_page_says_is_left_alone() -> None:
    data = {"value": ARTIFACT, "tabs": [{"id": "t1", "url": "/not/an/artifact"}], "url": "/x"}

    assert answers.absolute(data, HERE) == data


def test_an_absolute_url_of_an_artifact_is_kept() -> None:
    data = {**ARTIFACT, "url": "https://elsewhere.example/v1/artifacts/a"}

    assert answers.absolute(data, HERE) == data


def test_a_server_below_a_path_is_not_named_twice() -> None:
    mounted = address.parse("https://example.com/browsers/")
    for path in ("/v1/artifacts/a", "/browsers/v1/artifacts/a"):
        out = answers.absolute({**ARTIFACT, "url": path}, mounted)
        assert out["url"] == "https://example.com/browsers/v1/artifacts/a"
