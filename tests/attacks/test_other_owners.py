"""Another owner's things, by every operation that the description has: each answer is that of a
name that never was.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import OWNER
from tests.attacks.operations import Operation, Pointer, Unclassified, put
from tests.attacks.possessions import (
    IDEMPOTENCY_KEY,
    SECRET,
    WORD,
    Possessions,
    acquired,
    looked_at,
    never_was,
)
from tests.end_to_end.remote import call, read
from tests.site import Site

pytestmark = pytest.mark.browser

Callers = dict[str, httpx.Client]
FILLED = {"area": "local", "key": "a", "token": "a" * 60}
"""Parameters of paths that have no owner."""
NOT_404 = {
    ("list_operations", "session_id"): 200,  # a filter that nothing fits
    ("list_sessions", "id_prefix"): 200,
    ("session_open", "profile"): 409,  # only a new session starts from one
    ("session_run", "profile"): 409,
    ("session_emulate", "profile"): 409,
    ("call_emulate", "profile"): 409,
    ("put_profile", "profile"): 400,  # one is not made of another
    ("scrape", "profile"): 200,  # its lines tell
    ("put_secret", ""): 200,  # one of her own under that name
}
"""What is answered to a name that never was, where it is not that there is none."""
FOR_ADMINS = re.compile(r"/v1/(keys|quotas|audit|drain)")
_ITS_OWN = re.compile(
    r'("(?:request_id|side|at|took|seconds|duration|ms|(?:created|updated|started|ended)_at)": ?)'
    r'("[^"]*"|[0-9.e-]+)|(?<="detail": ")[ab](?=: )'
)
"""What is of the request and not of what it names."""


@pytest.fixture(scope="module")
def annes(callers: Callers, site: Site) -> Possessions:
    return acquired(callers["ann"], site, owner=OWNER, admin=callers["dan"])


@pytest.fixture(scope="module")
def own(callers: Callers, site: Site) -> dict[str, str]:
    """What the attacker herself has, to name in the same request."""
    return {"session": call(callers["cyd"], "open", url=site.url("/form"))["session_id"]}


@dataclass(frozen=True)
class Attack:
    """A request, once with names of somebody else's and once with such as never were."""

    operation: Operation
    said: str
    path: str
    query: dict[str, str]
    body: Any
    names: tuple[str, ...]
    named: str = ""
    """The field or query parameter that names it; empty where the path does."""

    @property
    def expected(self) -> int:
        """The status that a name that never was is answered with."""
        if self.named == "owner" or FOR_ADMINS.match(self.path):
            return 403
        return NOT_404.get((self.operation.id, self.named), 404)

    def sent(self, http: httpx.Client) -> tuple[int, dict[str, str], str]:
        """What came of it, with placeholders for the names: status, headers, body."""
        how: dict[str, Any] = {"params": {**self.query, **_no_stream(self.operation)}}
        if self.operation.takes_json:
            how["json"] = self.body if self.body is not None else {}
        elif self.operation.id == "upload_files":
            how["files"] = {"file": ("x.txt", b"x", "text/plain")}
        answer = http.request(self.operation.method, self.path, **how)
        text = answer.text
        for number, name in enumerate(self.names):
            text = text.replace(name, f"<{number}>")
        text = _ITS_OWN.sub(r"\1", text)
        told = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("date", "x-request-id") and "ratelimit" not in name
        }
        return answer.status_code, told, text


def _no_stream(operation: Operation) -> dict[str, str]:
    named = {parameter["name"] for parameter in operation.about.get("parameters", [])}
    return {"follow": "false"} if "follow" in named else {}


def attacks(operation: Operation, of: Possessions, own: dict[str, str]) -> Iterator[list[Attack]]:
    """Pairs: with names of somebody else's, with names that never were."""
    owned = operation.owned
    for which in range(max((len(of.names[kind]) for kind in owned.values()), default=0)):
        chosen = {name: of.names[kind][which % len(of.names[kind])] for name, kind in owned.items()}
        yield [_with_path(operation, chosen), _with_path(operation, _other(chosen))]
    if len(owned) > 1:  # the attacker's own session, and in it what is somebody else's
        for name, kind in owned.items():
            if kind in own:
                theirs = {other: of[owned[other]] for other in owned if other != name}
                hers = {name: own[kind]}
                yield [
                    _with_path(operation, hers | theirs),
                    _with_path(operation, hers | _other(theirs)),
                ]
    mine = {name: own[kind] for name, kind in owned.items() if kind in own}
    if len(mine) < len(owned) and (operation.queries or operation.fields):
        mine |= {name: "annex" for name in owned if name not in mine}  # a name that is free
    for name, kind in operation.queries.items():
        yield [
            _with_path(operation, mine, query={name: value}, names=(value,), named=name)
            for value in (of[kind], never_was(of[kind]))
        ]
    for at, kind in operation.fields.items():
        body = _fitted(operation, at, of, own["session"])
        yield [
            _with_path(
                operation, mine, body=put(body, at, value), names=(value,), named=str(at[-1])
            )
            for value in (of[kind], never_was(of[kind]))
        ]


def _other(names: dict[str, str]) -> dict[str, str]:
    return {parameter: never_was(name) for parameter, name in names.items()}


def _with_path(
    operation: Operation,
    chosen: dict[str, str],
    *,
    query: dict[str, str] | None = None,
    body: Any = None,
    names: tuple[str, ...] = (),
    named: str = "",
) -> Attack:
    path = operation.path
    for name, value in {**FILLED, **chosen}.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, path
    said = f"{operation.method} {operation.path}"
    shown = operation.body if body is None else body
    return Attack(operation, said, path, query or {}, shown, (*chosen.values(), *names), named)


def _fitted(operation: Operation, at: Pointer, of: Possessions, mine: str) -> Any:
    """A body in which that place may be filled, and all else is right."""
    body = operation.body
    if operation.id == "compare":
        blank: Any = {"a": {"url": "about:blank"}, "b": {"url": "about:blank"}}
        return put(blank, at[:-1], {}) if at[-1] == "session" else blank
    if operation.id == "put_profile":
        return {"session_id": of["session"]} if at == ("checkpoint",) else {}
    if at[-1] == "secret" and operation.id in ("session_interact", "call_interact"):
        typing = {"action": "fill", "ref": "css=[name=name]"}
        return typing if operation.id == "session_interact" else {"session": mine, "input": typing}
    if operation.id == "session_run":
        return {"url": "about:blank"}
    if operation.id == "scrape":
        return {"urls": ["http://127.0.0.1:9/"], "retries": {"attempts": 1}}
    return body


def test_every_operation_takes_anothers_name_for_one_that_never_was(
    callers: Callers, known: list[Operation], annes: Possessions, own: dict[str, str]
) -> None:
    before = looked_at(callers["ann"], annes)
    wrong, tried = [], 0
    for operation in known:
        for theirs, nobodys in attacks(operation, annes, own):
            got, expected = theirs.sent(callers["cyd"]), nobodys.sent(callers["cyd"])
            tried += 1
            if got != expected:
                wrong.append(f"{theirs.said} {theirs.query} {theirs.body}: {got} is not {expected}")
            elif got[0] != theirs.expected:
                wrong.append(f"{theirs.said} {theirs.query} {theirs.body}: {got[0]} {got[2][:200]}")
            elif operation.method == "PUT" and got[0] < 300:  # hers now, under the same name
                for made in (theirs, nobodys):
                    callers["cyd"].delete(made.path).raise_for_status()
    assert not wrong, "\n".join(wrong)
    assert tried > len(known)
    after = looked_at(callers["ann"], annes)
    assert {path: seen for path, seen in after.items() if seen != before[path]} == {}


def test_the_owner_is_answered_by_the_same_requests(
    callers: Callers, known: list[Operation], annes: Possessions, own: dict[str, str]
) -> None:
    reached = set()
    for operation in known:
        if operation.changes or not operation.owned:
            continue
        theirs, _ = next(iter(attacks(operation, annes, own)))
        status, _, text = theirs.sent(callers["ann"])
        if theirs.expected == 403:
            assert status == 403
        elif status < 400:
            reached |= set(operation.owned.values())
        else:
            assert operation.path.startswith("/v1/sessions/{session_id}/storage"), text
    # Those that have no route of their own to be read by, and those that are an admin's to read.
    assert reached == set(annes.names) - {"checkpoint", "upload", "key", "owner"}
    read(callers["ann"].post(f"/v1/sessions/{annes['session']}/heartbeat"))


def test_every_list_of_who_has_nothing_is_empty(callers: Callers, known: list[Operation]) -> None:
    lists = [one for one in known if one.lists and not one.owned and not one.changes]
    assert {"/v1/sessions", "/v1/operations", "/v1/profiles"} <= {one.path for one in lists}
    for operation in lists:
        answer = callers["eve"].get(operation.path)
        assert answer.status_code == 403 or answer.json()["items"] == [], operation.path


def test_no_answer_to_others_has_a_word_of_it(
    callers: Callers, known: list[Operation], annes: Possessions
) -> None:
    words = {*annes.words, WORD, SECRET, "ann-s-live-session", IDEMPOTENCY_KEY}
    paths = [one.path for one in known if "{" not in one.path and not one.changes]
    assert "/metrics" in paths
    queries = ["", f"?q={WORD}", "?q=ann", "?name=ann-s-live-session", "?pinned=true&state=ended"]
    for path in [*paths, *(f"/v1/sessions{query}" for query in queries)]:
        mark = "&" if "?" in path else "?"
        stream = f"{mark}follow=false&after=0" if path == "/v1/events" else ""
        text = callers["bob"].get(path + stream).text
        assert not [word for word in words if word in text], path


@pytest.mark.parametrize("given", ["0", "1", "9007199254740991"])
def test_who_comes_back_to_the_events_is_told_none_of_others(
    callers: Callers, annes: Possessions, given: str
) -> None:
    for headers, query in (({"Last-Event-ID": given}, ""), ({}, f"&after={given}")):
        path = f"/v1/events?follow=false{query}"
        told = callers["eve"].get(path, headers=headers)
        assert told.status_code == 200
        assert "ses_" not in told.text
    assert annes["session"] in callers["ann"].get("/v1/events?follow=false&after=0").text


def test_another_owners_idempotency_key_gives_no_answer_of_theirs(
    callers: Callers, annes: Possessions
) -> None:
    once = {"Idempotency-Key": IDEMPOTENCY_KEY}
    answer = callers["bob"].post("/v1/sessions", headers=once)
    made = read(answer)
    assert "idempotency-replayed" not in answer.headers
    assert (made["owner"], made["id"] in annes.names["session"]) == ("bob", False)
    callers["bob"].delete(f"/v1/sessions/{made['id']}?purge=true").raise_for_status()
    again = callers["ann"].post("/v1/sessions", headers=once)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == annes.names["session"][-1]


def test_a_token_of_control_opens_nothing_without_the_owners_key(
    callers: Callers, annes: Possessions
) -> None:
    token = {"X-Control-Token": annes.control}
    at = f"/v1/sessions/{annes['session']}"
    for method, path in (("GET", at), ("POST", f"{at}/snapshot"), ("DELETE", f"{at}/control")):
        answer = callers["cyd"].request(method, path, headers=token)
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert read(callers["ann"].post(f"{at}/snapshot", headers=token))["url"]


def test_a_cursor_of_anothers_list_leads_to_nothing_of_theirs(
    callers: Callers, annes: Possessions
) -> None:
    for path in ("/v1/sessions", "/v1/operations", "/v1/recordings"):
        cursor = read(callers["ann"].get(f"{path}?limit=1"))["next_cursor"]
        answer = callers["bob"].get(path, params={"limit": "1", "cursor": cursor or "x"})
        assert answer.status_code == 400 or answer.json()["items"] == [], path
        assert cursor is not None or path != "/v1/sessions"


def test_steps_within_a_body_reach_nothing_of_others(
    callers: Callers, annes: Possessions, own: dict[str, str]
) -> None:
    opening = {"function": "open", "input": {"url": "about:blank", "profile": annes["profile"]}}
    told = callers["cyd"].post("/v1/sessions/new/run", json={"steps": [opening]})
    assert "profile_not_found" in told.text
    inside = {"function": "snapshot", "input": {"session": annes["session"]}}
    refused = callers["cyd"].post(f"/v1/sessions/{own['session']}/run", json={"steps": [inside]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


def test_a_route_whose_parameters_nobody_classified_fails_the_walk(
    known: list[Operation],
) -> None:
    (some,) = [one for one in known if one.id == "list_sessions"]
    strange = Operation("GET", "/v1/parcels/{parcel_id}", some.about, some.schemas)
    with pytest.raises(Unclassified, match="parcel_id"):
        _ = strange.owned
    asking = {**some.about, "parameters": [{"in": "query", "name": "parcel_id"}]}
    with pytest.raises(Unclassified, match="parcel_id"):
        _ = Operation("GET", "/v1/parcels", asking, some.schemas).queries
    taking = {"properties": {"parcel_id": {"type": "string"}}}
    content = {"application/json": {"schema": taking}}
    with pytest.raises(Unclassified, match="parcel_id"):
        _ = Operation("POST", "/v1/x", {"requestBody": {"content": content}}, some.schemas).fields
