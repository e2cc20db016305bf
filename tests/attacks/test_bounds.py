"""Requests that are long, deep, many or slow, and patterns that would be searched for ever: each is
answered, by a refusal or in the usual way, within the client's patience, and the server goes on.
"""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import CYD, calling
from tests.attacks.operations import Operation, put
from tests.end_to_end.remote import Session
from tests.program import MAX_BODY, Program
from tests.site import Site

pytestmark = pytest.mark.browser

PATIENCE = 20.0
"""Seconds after which an answer counts as none; a usual one takes some milliseconds."""
REFUSED = (400, 404, 409, 410, 413, 414, 422, 431)
NEVER_ENDING = ("a" * 60 + "!", "a" * 30 + "b" * 30 + "!")


@pytest.fixture
def alive(callers: dict[str, httpx.Client]) -> Iterator[httpx.Client]:
    """A client; afterwards the server still answers others."""
    yield callers["cyd"]
    with httpx.Client(base_url=callers["bob"].base_url, timeout=PATIENCE, trust_env=False) as http:
        assert http.get("/healthz").status_code == 200


def _path(operation: Operation) -> str:
    path = operation.path.replace("{area}", "local")
    return re.sub(r"\{\w+\}", "ses_aaaaaaaaaaaaaaaaaaaaaa", path)


def _deep(kind: str, depth: int) -> bytes:
    opened, closed = {"list": (b"[", b"]"), "object": (b'{"a":', b"}")}[kind]
    return opened * depth + b"1" + closed * depth


HUGE: dict[str, bytes] = {
    "lists in lists": _deep("list", 300_000),
    "objects in objects": _deep("object", 100_000),
    "a field of lists": b'{"input": ' + _deep("list", 50_000) + b"}",
    "a number of many digits": b'{"timeout": ' + b"9" * 300_000 + b"}",
    "a number of a great power": b'{"timeout": 1e999999, "limit": -1e999999}',
    "not a number": b'{"timeout": NaN, "limit": Infinity}',
    "a long list": b'{"input": [' + b"1," * 500_000 + b"1]}",
    "many fields": b"{" + b",".join(b'"f%d": 1' % n for n in range(80_000)) + b"}",
    "one field many times": b"{" + b",".join([b'"url": 1'] * 100_000) + b"}",
    "a list of wrong items": b'{"cookies": ['
    + b"1," * 500_000
    + b'1], "storage_state": {"cookies": ['
    + b"1," * 300_000
    + b"1]}}",
    "a long text": b'{"url": "' + b"x" * 1_500_000 + b'"}',
    "no UTF-8": b'{"url": "\xff\xfe\xed\xa0\x80"}',
    "half a surrogate": b'{"url": "\\ud800", "name": "\\udfff"}',
    "a zero": b'{"url": "http://x\\u0000y", "name": "\\u0000"}',
    "over the bound": b'{"url": "' + b"x" * (MAX_BODY + 1) + b'"}',
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_body_out_of_bounds_is_refused_by_every_operation(
    callers: dict[str, httpx.Client], known: list[Operation], alive: httpx.Client, kind: str
) -> None:
    sent = 0
    for operation in [one for one in known if one.takes_json]:
        answer = alive.request(
            operation.method, _path(operation), content=HUGE[kind], timeout=PATIENCE,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code in (*REFUSED, 403), (operation.id, answer.text[:300])
        assert len(answer.content) < 20_000, operation.id
        sent += 1
    assert sent > 50


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"q{n}=1" for n in range(3_000)), "&".join(["tag=x"] * 5_000), "q=" + "x" * 60_000,
        "limit=" + "9" * 5_000, "cursor=" + "A" * 50_000, "limit=1e400", "q=%00", "q=%ff%fe",
        "tag=" + "%5B" * 10_000, ";".join(["a=b"] * 5_000),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_query_out_of_bounds_is_answered(
    known: list[Operation], alive: httpx.Client, query: str
) -> None:
    for operation in [one for one in known if not one.changes]:
        stream = "&follow=false" if operation.path.endswith("/events") else ""
        url = f"{_path(operation)}?{query}{stream}"
        try:
            answer = alive.get(url, timeout=PATIENCE)
        except (httpx.RemoteProtocolError, httpx.WriteError, httpx.ReadError):
            continue  # a head over its bound ends the connection
        assert answer.status_code in (200, 403, *REFUSED), (operation.id, answer.status_code)


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{n}": "1" for n in range(2_000)}, {"X-Long": "x" * 200_000},
        {"Cookie": "a=b;" * 20_000}, {"X-Client-Name": "x" * 30_000},
        {"Idempotency-Key": "x" * 30_000}, {"X-Control-Token": "x" * 30_000},
        {"Last-Event-ID": "9" * 30_000}, {"Range": "bytes=" + "0-1," * 10_000 + "0-1"},
        {"Accept": "image/png;q=0." + "0" * 30_000}, {"Prefer": "respond-async," * 3_000},
        {"If-None-Match": '"x",' * 10_000}, {"Accept-Language": "a" * 30_000},
    ],
    ids=range(12),
)  # fmt: skip
def test_a_head_out_of_bounds_is_answered_or_ends_the_connection(
    alive: httpx.Client, headers: dict[str, str]
) -> None:
    paths = ["/v1/sessions", "/v1/events?follow=false", "/v1/artifacts/art_aaaaaaaaaaaaaaaaaaaaaa"]
    for path in paths:
        try:
            answer = alive.get(path, headers=headers, timeout=PATIENCE)
        except (httpx.RemoteProtocolError, httpx.WriteError, httpx.ReadError):
            continue
        assert answer.status_code in (200, 206, 403, *REFUSED), answer.text[:300]
    made = None
    try:
        made = alive.post("/v1/sessions", headers=headers, timeout=PATIENCE)
    except (httpx.RemoteProtocolError, httpx.WriteError, httpx.ReadError):
        return
    assert made.status_code in (201, *REFUSED)
    if made.status_code == 201:
        alive.delete(f"/v1/sessions/{made.json()['id']}?purge=true").raise_for_status()


def test_many_slow_bodies_hold_up_nobody(locked: Program, alive: httpx.Client) -> None:
    host, port = locked.base_url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/sessions HTTP/1.1\r\nHost: {host}:{port}\r\nX-API-Key: {CYD}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    held = []
    try:
        for _ in range(200):
            one = socket.create_connection((host, int(port)), timeout=PATIENCE)
            held.append(one)
            one.sendall(head.encode())
        for _ in range(5):
            assert alive.get("/v1/sessions", timeout=PATIENCE).status_code == 200
    finally:
        for one in held:
            one.close()


GLOBS = (
    "*a" * 60, "**/" * 200 + "x", "**" * 500, "{" * 200, "{a,b}" * 14,
    "{" + ",".join("ab" * 500) + "}",
    "{**,**}{**,**}{**,**}{**,**}!", "*" * 2_000, "?" * 2_000, "(a+)+$", "^(a|a)*$", "[" * 500,
    "\\" * 999, "**a**a**a**a**a**a**a**a**a**a**a!",
)  # fmt: skip


@pytest.mark.parametrize("glob", GLOBS, ids=range(len(GLOBS)))
def test_no_pattern_of_a_caller_is_searched_for_ever(
    alive: httpx.Client, site: Site, glob: str
) -> None:
    page = site.url(f"/empty?{NEVER_ENDING[0]}")
    with Session(alive, page) as session:
        asked: list[tuple[str, Any]] = [
            ("interact", {"action": "wait", "url": glob, "timeout": 0.3}),
            ("interact", {"action": "wait", "response": glob, "timeout": 0.3}),
            ("route", {"action": "add", "rules": [{"url": glob, "action": "abort"}]}),
            ("requests", {"url": glob}),
            ("open", {"url": page}),
            ("run", {"steps": [{"function": "snapshot", "input": {}}], "stop": {"url": glob}}),
        ]
        for function, body in asked:
            answer = alive.post(
                f"/v1/sessions/{session.id}/{function}", json=body, timeout=PATIENCE
            )
            assert answer.status_code < 500 or function == "open", (function, answer.text[:300])


@pytest.mark.parametrize(
    "words",
    [
        "a" * 1_000, '"' * 500, "* " * 300, "( " * 300, "NEAR(a b, 99999)", "a OR " * 200 + "a",
        "{x} : y", "a* b* c* d*", "-" * 500, "^" * 500, "' OR 1=1 --", "%" * 500, "_" * 500,
        "\\" * 500, "ä" * 500, "\u202e" * 100, "NOT " * 200, "a AND " * 200 + "b", "x:y" * 200,
    ],
    ids=range(19),
)  # fmt: skip
def test_no_search_fails_or_goes_on_for_ever(alive: httpx.Client, words: str) -> None:
    answer = alive.get("/v1/sessions", params={"q": words}, timeout=PATIENCE)
    assert answer.status_code in (200, 400), answer.text[:300]
    assert "syntax" not in answer.text


def test_a_list_that_is_too_long_is_refused_where_a_body_has_one(
    known: list[Operation], alive: httpx.Client
) -> None:
    bounded = 0
    for operation in [one for one in known if one.takes_json]:
        schema = operation.about["requestBody"]["content"]["application/json"]["schema"]
        model = operation.schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
        for name, field in model.get("properties", {}).items():
            forms = [field, *field.get("anyOf", [])]
            lists = [form for form in forms if form.get("type") == "array"]
            if not lists:
                continue
            if operation.id != "put_state":  # whose bound is that of its bytes
                assert all(form.get("maxItems") for form in lists), (operation.id, name)
            body = put(operation.body or {}, (name,), ["x"] * 20_001)
            with_list = json.dumps(body)
            if len(with_list) < MAX_BODY:
                answer = alive.request(operation.method, _path(operation), json=body)
                assert answer.status_code in (*REFUSED, 403), (operation.id, name)
                bounded += 1
    assert bounded > 5


def test_the_client_of_this_test_has_a_key(locked: Program) -> None:
    with calling(locked, CYD) as http:
        assert http.get("/v1/sessions").status_code == 200
