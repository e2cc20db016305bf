"""Bodies that are wrong, too large or no bodies at all, and what answers never tell."""

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json, Refused, live, read
from tests.program import MAX_BODY, Program
from tests.site import Site

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/functions/open", {"input": {}}, "url"),
        ("/v1/functions/open", {"input": {"url": 5}}, "url"),
        ("/v1/functions/open", {"input": {"url": "http://x", "width": "wide"}}, "width"),
        ("/v1/functions/open", {"input": {"url": "http://x", "wait_until": "tea"}}, "wait_until"),
        ("/v1/functions/open", {"input": {"url": "http://x", "widht": 5}}, "widht"),
        ("/v1/functions/open", {"input": [], "session": "new"}, "input"),
        ("/v1/functions/open", {"sesion": "new", "input": {"url": "http://x"}}, "sesion"),
        ("/v1/functions/interact", {"input": {"action": "fly"}}, "action"),
        ("/v1/functions/interact", {"input": {"action": "click", "ref": 5}}, "ref"),
        ("/v1/functions/snapshot", {"input": {"limit": 0}}, "limit"),
        ("/v1/functions/execute", {"input": {"code": None}}, "code"),
        ("/v1/functions/screenshot", {"input": {"quality": 101}}, "quality"),
        ("/v1/sessions", {"name": 5}, "name"),
    ],
)
def test_a_wrong_field_is_named(http: httpx.Client, path: str, body: Json, field: str) -> None:
    with pytest.raises(Refused) as refused:
        read(http.post(path, json=body))
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    assert any(error["field"].endswith(field) for error in refused.value.problem["errors"])
    assert live(http) == 0


@pytest.mark.parametrize(
    ("function", "input"),
    [
        ("open", {"url": "about:blank"}),
        ("interact", {"action": "wait", "text": "never"}),
        ("interact", {"action": "click", "ref": "css=body"}),
        ("execute", {"code": "1"}),
        ("read", {}),
    ],
)
def test_no_time_at_all_is_no_timeout_and_nothing_is_done(
    opening: Opening, function: str, input: Json
) -> None:
    session = opening()
    with pytest.raises(Refused) as refused:
        session.call(function, **input, timeout=0)
    assert (refused.value.status, refused.value.code) == (400, "invalid_timeout")
    assert (refused.value.problem["minimum"], refused.value.problem["maximum"]) == (0.001, 86_400)
    assert session.value("1 + 1") == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"open"', b"\xff\xfe", b"{}{}"])
def test_a_body_that_is_no_json_object_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post(
        "/v1/functions/open", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_body_nested_without_end_is_refused(http: httpx.Client) -> None:
    body = b'{"input": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"
    answer = http.post(
        "/v1/functions/open", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("size", [60_000, 70_000, 500_000])
def test_a_body_within_the_bound_is_read_whole(opening: Opening, site: Site, size: int) -> None:
    session = opening(site.url("/form"))
    session.act("fill", "css=[name=notes]", text="x" * size, snapshot=False)
    assert session.value("document.querySelector('[name=notes]').value.length") == size


def test_a_huge_body_is_refused_with_the_limit(http: httpx.Client) -> None:
    body = {"session": "new", "input": {"code": "x" * MAX_BODY}}
    answer = http.post("/v1/functions/execute", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert answer.json()["limit"] == MAX_BODY


def test_an_unknown_function_is_not_found(http: httpx.Client) -> None:
    answer = http.post("/v1/functions/fly", json={"input": {}})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_answer_has_a_path_of_the_server_in_it(
    server: Program, http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/form"))
    answers = [
        http.post("/v1/functions/open", json={"input": {"url": "file:///etc/passwd"}}),
        http.post("/v1/functions/open", json={"input": {"url": site.refusing_url()}}),
        http.post(f"/v1/sessions/{session.id}/interact", json={
            "action": "upload", "ref": "css=[name=file]", "file_paths": ["/etc/passwd"],
        }),
        http.post(f"/v1/sessions/{session.id}/screenshot", json={}),
    ]  # fmt: skip
    for answer in answers:
        for path in (
            str(server.data),
            str(server.recordings),
            str(server.temporary),
            "site-packages",
        ):
            assert path not in answer.text
        assert "Traceback" not in answer.text
    assert answers[2].json()["success"] is False


@pytest.mark.parametrize("given", ["soon", -1, True, 0, 1e9])
def test_a_timeout_that_can_not_be_is_told_the_range(http: httpx.Client, given: object) -> None:
    for path, body in (
        ("/v1/sessions", {"timeouts": {"idle": given}}),
        ("/v1/functions/open", {"session_timeout": given, "input": {"url": "about:blank"}}),
    ):
        answer = http.post(path, json=body)
        assert answer.status_code == 400
        problem = answer.json()
        assert problem["code"] == "invalid_timeout"
        assert {"minimum", "maximum"} <= problem.keys()
