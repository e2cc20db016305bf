"""States as documents, and as Playwright has them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_browser.errors import CheckpointUnusable, InvalidRequest
from agent_browser.models.checkpoints import COOKIES, PASSKEYS, TABS, Loss, Part, State
from agent_browser.models.state import StateDocument, StorageState, TabState
from agent_browser.session.documents import (
    from_document,
    login,
    over,
    storage_state,
    to_document,
    without_options,
)

SITE, SHOP = "https://site.test", "http://shop.test:8080"
COOKIE = {
    "name": "sid", "value": "1", "domain": "site.test", "path": "/", "expires": -1,
    "httpOnly": True, "secure": True, "sameSite": "Lax",
}  # fmt: skip
PASSKEY = {
    "id": "aWQ", "rpId": "site.test", "userHandle": "dQ", "privateKey": "cHI", "publicKey": "cHU",
    "signCount": 3,
}  # fmt: skip
DATABASE: dict[str, Any] = {
    "name": "db", "version": 2,
    "stores": [{
        "name": "s", "autoIncrement": False, "indexes": [],
        "records": [
            {"key": 1, "value": None},
            {"keyEncoded": {"d": "2026-01-02T03:04:05.000Z"}, "valueEncoded": {"bi": "7"}},
        ],
    }],
}  # fmt: skip
DEEP: dict[str, Any] = {"a": []}
for _ in range(140):
    DEEP = {"a": [DEEP]}
TEXT = st.text(st.characters(), max_size=6)
"""Halves of surrogate pairs too: JavaScript's texts have them."""
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=6)


def state(**parts: Any) -> State:
    made = [Part.of(name, value) for name, value in parts.items()]
    return State({part.name: part for part in made})


def named(first: State, **parts: Any) -> State:
    return first.with_parts(Part.of(name.replace("_", " ", 1), v) for name, v in parts.items())


def parts_of(given: State) -> dict[str, Any]:
    return {name: part.value for name, part in given.parts.items()}


def whole_parts_of(given: State) -> dict[str, Any]:
    """The same, with all that a tab has unless it says otherwise."""
    parts = parts_of(given)
    for at, tab in enumerate(parts.get(TABS, {}).get("tabs", [])):
        said = TabState.model_validate(tab).model_dump(exclude_none=True)
        parts[TABS]["tabs"][at] = {n: v for n, v in said.items() if n != "sessionStorage"}
    return parts


WHOLE = State().with_parts(
    [
        Part.of(COOKIES, [COOKIE, {**COOKIE, "name": "p", "partitionKey": SITE,
                                   "_crHasCrossSiteAncestor": True}]),
        Part.of(PASSKEYS, [PASSKEY]),
        Part.of(f"local {SITE}", [{"name": "a", "value": "\ud800"}]),
        Part.of(f"databases {SITE}", [DATABASE]),
        Part.of(f"files {SHOP}", [{"path": "a", "type": "directory"},
                                  {"path": "a/b", "type": "file", "base64": "AAE="}]),
        Part.of(TABS, {"active": "t3", "last_tab": 3, "last_ref": 0, "tabs": [
            {"id": "t1", "url": "about:blank", "title": ""},
            {"id": "t3", "url": f"{SITE}/b", "title": "B", "opener": "t1",
             "history": {"index": 1, "entries": [{"url": f"{SITE}/a", "title": "A"},
                                                 {"url": f"{SITE}/b", "title": "B"}]},
             "scroll": {"x": 0, "y": 12.5}, "state": {"o": [], "id": 1},
             "fields": [{"path": "#a", "kind": "checked", "value": True, "frame": [0, 1]}]},
        ]}),
        Part.of("session t3", [{"origin": SITE, "entries": [{"name": "k", "value": "v"}]}]),
    ]
)  # fmt: skip


def test_a_state_is_the_same_after_it_was_a_document() -> None:
    assert whole_parts_of(from_document(to_document(WHOLE))) == whole_parts_of(WHOLE)


def test_a_document_crosses_the_wire_whole() -> None:
    sent = json.dumps(to_document(WHOLE).model_dump(by_alias=True, exclude_none=True))
    came = from_document(StateDocument.model_validate(json.loads(sent)))
    assert whole_parts_of(came) == whole_parts_of(WHOLE)


@st.composite
def states(draw: st.DrawFn) -> State:
    hosts = st.sampled_from(["https://a.test", "http://b.test:81", "https://[::1]", "http://c"])
    unique = {"unique_by": lambda one: one["name"], "max_size": 3}
    entries = st.lists(st.fixed_dictionaries({"name": TEXT, "value": TEXT}), **unique)  # type: ignore[arg-type]
    parts = [Part.of(COOKIES, draw(st.lists(
        st.fixed_dictionaries(
            {"name": PLAIN, "value": PLAIN, "domain": st.sampled_from(["a.test", ".b.test"]),
             "path": st.sampled_from(["/", "/x"])},
            optional={"expires": st.just(-1) | st.floats(0, 2e9), "httpOnly": st.booleans(),
                      "partitionKey": st.just("https://c"),
                      "sameSite": st.sampled_from(["Lax", "None", "Strict"])},
        ), unique_by=lambda one: one["name"], max_size=3,
    )))]  # fmt: skip
    for origin in draw(st.sets(hosts)):
        stored = draw(entries)
        if stored:
            parts.append(Part.of(f"local {origin}", stored))
    ids = sorted(draw(st.sets(st.integers(1, 9), max_size=3)))
    if ids:
        urls = st.sampled_from(["about:blank", "https://a.test/", "data:,x"])
        tabs = [{"id": f"t{id}", "url": draw(urls), "title": draw(PLAIN)} for id in ids]
        parts.append(Part.of(TABS, {"active": f"t{draw(st.sampled_from(ids))}",
                                    "last_tab": ids[-1], "last_ref": 0, "tabs": tabs}))  # fmt: skip
        for id in ids:
            kept = [{"origin": o, "entries": draw(entries)} for o in sorted(draw(st.sets(hosts)))]
            if kept:
                parts.append(Part.of(f"session t{id}", kept))
    return State({part.name: part for part in parts})


@given(states())
def test_any_state_is_the_same_after_it_was_a_document(made: State) -> None:
    document = to_document(made)
    wire = json.loads(json.dumps(document.model_dump(by_alias=True, exclude_none=True)))
    came = from_document(StateDocument.model_validate(wire))
    assert whole_parts_of(came) == whole_parts_of(made)
    assert came.parts == from_document(to_document(came)).parts


@given(states())
def test_what_playwright_is_given_is_a_storage_state_again(made: State) -> None:
    told = storage_state(made)
    again = storage_state(StorageState.model_validate(json.loads(json.dumps(told))))
    assert again == told
    assert all("localStorage" in origin for origin in told["origins"])
    assert told.keys() <= {"cookies", "origins", "credentials"}


def test_what_is_saved_in_another_form_is_said_to_be_unusable_and_not_shown() -> None:
    for broken in (
        state(cookies=[{"name": "sid", "secret": "hunter2"}]),
        state(cookies={"a": 1}),
        state(tabs=["t1"]),
        state(tabs={"tabs": [{"url": "about:blank"}]}),
        State({COOKIES: Part(COOKIES, b"{", "")}),
    ):
        with pytest.raises(CheckpointUnusable) as caught:
            to_document(broken)
        assert "hunter2" not in caught.value.detail


def test_a_cookie_for_a_url_is_kept_as_browsers_keep_it() -> None:
    given = [{"name": "a", "value": "b", "url": "https://site.test/x/y?z"}]
    made = from_document(StorageState.model_validate({"cookies": given}))
    assert made.value(COOKIES) == [
        {"name": "a", "value": "b", "domain": "site.test", "path": "/x/", "secure": True}
    ]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"cookies": [COOKIE, COOKIE]}, "cookies.1"),
        ({"cookies": [{**COOKIE, "domain": "https://site.test"}]}, "cookies.0.domain"),
        ({"cookies": [{**COOKIE, "path": "x"}]}, "cookies.0.path"),
        ({"cookies": [{**COOKIE, "value": "a\nb"}]}, "cookies.0.value"),
        ({"cookies": [{**COOKIE, "name": "", "value": ""}]}, "cookies.0.name"),
        ({"cookies": [{"name": "a", "value": "b", "url": "http://:80"}]}, "cookies.0.url"),
        ({"origins": [{"origin": SITE}, {"origin": f"{SITE}/"}]}, "origins.1.origin"),
        ({"origins": [{"origin": SITE, "localStorage": [{"name": "a", "value": "1"}] * 2}]},
         "origins.0.localStorage.1.name"),
        ({"origins": [{"origin": SITE, "indexedDB": [DATABASE, DATABASE]}]},
         "origins.0.indexedDB.1.name"),
        ({"origins": [{"origin": SITE, "indexedDB": [{**DATABASE, "version": 0}]}]},
         "origins.0.indexedDB.0.version"),
        ({"credentials": [{**PASSKEY, "rpId": ""}]}, "credentials.0.rpId"),
        ({"credentials": [{**PASSKEY, "signCount": -1}]}, "credentials.0.signCount"),
        ({"credentials": [{**PASSKEY, "more": 1}]}, "credentials.0.more"),
        ({"tabs": [{"id": "t1", "url": ""}] * 2}, "tabs.1.id"),
        ({"tabs": [{"id": "t1", "url": ""}], "active": "t2"}, "active"),
        ({"tabs": [{"id": "t1", "url": "file:///etc/passwd"}]}, "tabs.0.url"),
        ({"tabs": [{"id": "t1", "url": "chrome://settings"}]}, "tabs.0.url"),
        ({"tabs": [{"id": "t1", "url": "JavaScript:alert(1)"}]}, "tabs.0.url"),
        ({"tabs": [{"id": "t1", "url": "about:version"}]}, "tabs.0.url"),
        ({"tabs": [{"id": "t1", "url": "", "history": {"index": 1, "entries": []}}]},
         "tabs.0.history.index"),
        ({"tabs": [{"id": "t1", "url": "", "history": {"entries": [{"url": "file:///x"}]}}]},
         "tabs.0.history.entries.0.url"),
        ({"tabs": [{"id": "t1", "url": "",
                    "sessionStorage": [{"origin": SITE}, {"origin": SITE}]}]},
         "tabs.0.sessionStorage.1.origin"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_field(document: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_document(StateDocument.model_validate(document), "storage_state")
    assert [one["field"] for one in caught.value.fields["errors"]] == [f"storage_state.{field}"]


@pytest.mark.parametrize(
    ("store", "field"),
    [
        ({"keyPath": "a", "keyPathArray": ["b"]}, "keyPathArray"),
        ({"records": [{"key": 1}]}, "records.0.value"),
        ({"records": [{"key": 1, "value": 2, "valueEncoded": 3}]}, "records.0.value"),
        ({"records": [{"value": 2}]}, "records.0.key"),
        ({"records": [{"key": 1, "valueEncoded": {"m": 5}}]}, "records.0.valueEncoded"),
        ({"records": [{"key": 1, "valueEncoded": {"m": [[1]]}}]}, "records.0.valueEncoded"),
        ({"records": [{"key": 1, "valueEncoded": {"o": [{"k": 1, "v": 2}]}}]},
         "records.0.valueEncoded"),
        ({"records": [{"key": 1, "valueEncoded": {"a": [[]]}}]}, "records.0.valueEncoded"),
        ({"records": [{"keyEncoded": {"s": [], "id": "x"}, "value": 2}]}, "records.0.keyEncoded"),
        ({"records": [{"key": 1, "valueEncoded": DEEP}]}, "records.0.valueEncoded"),
        ({"keyPath": "a", "records": [{"key": 1, "value": {"a": 1}}]}, "records.0.key"),
        ({"indexes": [{"name": "i", "multiEntry": False, "unique": False}]}, "indexes.0.keyPath"),
    ],
)  # fmt: skip
def test_a_store_that_no_browser_makes_is_refused(store: dict[str, Any], field: str) -> None:
    usual = {"name": "s", "autoIncrement": False, "records": [], "indexes": []}
    database = {"name": "db", "version": 1, "stores": [{**usual, **store}]}
    document = {"origins": [{"origin": SITE, "indexedDB": [database]}]}
    with pytest.raises(InvalidRequest) as caught:
        from_document(StateDocument.model_validate(document))
    (fault,) = caught.value.fields["errors"]
    assert fault["field"] == f"origins.0.indexedDB.0.stores.0.{field}"


def test_a_state_of_the_history_that_no_browser_makes_is_refused() -> None:
    for state in ({"a": 1}, [1], DEEP):
        tab = {"id": "t1", "url": f"{SITE}/", "state": state}
        with pytest.raises(InvalidRequest) as caught:
            from_document(StateDocument.model_validate({"tabs": [tab]}))
        assert [one["field"] for one in caught.value.fields["errors"]] == ["tabs.0.state"]


def nested(containers: int) -> Any:
    value: Any = 1
    for number in range(containers):
        value = [value] if number % 2 else {"a": value}
    return value


def with_value(place: str, value: Any) -> dict[str, Any]:
    """A document that has it there."""
    tab: dict[str, Any] = {"id": "t1", "url": f"{SITE}/"}
    if place == "credentials":
        return {"credentials": [{**PASSKEY, "id": value}]}
    if place == "fields":
        field = {"path": "#a", "kind": "value", "value": value}
        return {"tabs": [{**tab, "fields": [field]}]}
    if place == "state":
        return {"tabs": [{**tab, "state": value}]}
    record = {"key": 1, "value": 2} | {place: value}
    store = {"name": "s", "autoIncrement": False, "records": [record], "indexes": []}
    return {"origins": [
        {"origin": SITE, "indexedDB": [{"name": "db", "version": 1, "stores": [store]}]}
    ]}  # fmt: skip


RECORD = "origins.0.indexedDB.0.stores.0.records.0"
PLACES = {
    "key": f"{RECORD}.key", "keyEncoded": f"{RECORD}.keyEncoded", "value": f"{RECORD}.value",
    "valueEncoded": f"{RECORD}.valueEncoded", "credentials": "credentials.0.id",
    "fields": "tabs.0.fields.0.value", "state": "tabs.0.state",
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("depth", [303, 450, 990, 100_000])
def test_values_too_deep_in_one_another_are_refused_with_their_field(
    place: str, depth: int
) -> None:
    with pytest.raises(ValidationError) as caught:
        StateDocument.model_validate(with_value(place, nested(depth)))
    assert [".".join(map(str, one["loc"])) for one in caught.value.errors()] == [PLACES[place]]


def test_values_as_deep_as_pages_may_have_them_cross_the_wire() -> None:
    encoded: Any = {"v": "undefined"}
    for _ in range(100):
        encoded = {"o": [{"k": "a", "v": encoded}], "id": 1}
    for place, value in (
        ("key", nested(100)), ("value", nested(100)), ("fields", nested(100)), ("state", encoded),
    ):  # fmt: skip
        made = from_document(StateDocument.model_validate(with_value(place, value)))
        sent = json.dumps(to_document(made).model_dump(by_alias=True, exclude_none=True))
        came = from_document(StateDocument.model_validate(json.loads(sent)))
        assert whole_parts_of(came) == whole_parts_of(made)
        deeper = {"o": [{"k": "a", "v": value}], "id": 1} if place == "state" else [value]
        with pytest.raises((ValidationError, InvalidRequest)):
            from_document(StateDocument.model_validate(with_value(place, deeper)))


@pytest.mark.parametrize(
    ("paths", "field"),
    [
        ([{"path": "../x", "type": "directory"}], "0.path"),
        ([{"path": "/x", "type": "directory"}], "0.path"),
        ([{"path": "x", "type": "file", "base64": "no base64"}], "0.base64"),
        ([{"path": "x", "type": "file"}], "0.base64"),
        ([{"path": "x", "type": "directory", "base64": ""}], "0.base64"),
        ([{"path": "x", "type": "directory"}] * 2, "1.path"),
        ([{"path": "x/y", "type": "directory"}, {"path": "x", "type": "file", "base64": ""}],
         "0.path"),
    ],
)  # fmt: skip
def test_files_that_can_not_be_are_refused(paths: list[dict[str, Any]], field: str) -> None:
    document = {"origins": [{"origin": SITE, "opfs": paths}]}
    with pytest.raises(InvalidRequest) as caught:
        from_document(StateDocument.model_validate(document))
    assert [f["field"] for f in caught.value.fields["errors"]] == [f"origins.0.opfs.{field}"]


@pytest.mark.parametrize(
    "document",
    [
        {"cookies": "none"},
        {"cookies": [{"name": "a", "value": "b"}]},
        {"cookies": [{**COOKIE, "expires": "soon"}]},
        {"cookies": [{**COOKIE, "sameSite": "lax"}]},
        {"origins": [{"origin": "site.test"}]},
        {"origins": [{"origin": SITE, "localStorage": [{"name": "a", "value": 1}]}]},
        {"tabs": [{"id": "1", "url": ""}]},
        {"version": 2},
        {"more": 1},
    ],
)
def test_nonsense_is_no_document(document: Any) -> None:
    with pytest.raises(ValidationError):
        StateDocument.model_validate(document)


def test_as_many_faults_are_named_as_a_person_reads() -> None:
    cookies = [COOKIE] * 1_000
    with pytest.raises(InvalidRequest) as caught:
        from_document(StorageState.model_validate({"cookies": cookies}))
    assert len(caught.value.fields["errors"]) == 32


def test_playwright_is_given_values_as_it_encodes_them() -> None:
    ours = {"o": [
        {"k": "map", "v": {"m": [["k", {"bl": {"t": "", "b": ""}}]], "id": 2}},
        {"k": "set", "v": {"se": [{"d": "x"}], "id": 3}},
        {"k": "list", "v": {"a": [{"fi": {"n": "f", "t": "", "m": 0, "b": ""}}, 1], "id": 4}},
        {"k": "theirs", "v": {"m": [{"k": 1, "v": 2}], "id": 5}},
    ], "id": 1}  # fmt: skip
    record = {"key": 1, "valueEncoded": ours}
    store = {"name": "s", "autoIncrement": False, "records": [record], "indexes": []}
    database = {"name": "db", "version": 1, "stores": [store]}
    told = storage_state(named(State(), **{f"databases {SITE}": [database]}))
    (origin,) = told["origins"]
    assert origin["indexedDB"][0]["stores"][0]["records"][0]["valueEncoded"] == {"o": [
        {"k": "map", "v": {"m": [{"k": "k", "v": {"o": [], "id": 0}}], "id": 2}},
        {"k": "set", "v": {"s": [{"d": "x"}], "id": 3}},
        {"k": "list", "v": {"a": [{"o": [], "id": 0}, 1], "id": 4}},
        {"k": "theirs", "v": {"m": [{"k": 1, "v": 2}], "id": 5}},
    ], "id": 1}  # fmt: skip


def test_maps_and_sets_of_playwright_are_kept_as_states_have_them() -> None:
    theirs = {"o": [
        {"k": "map", "v": {"id": 2, "m": [
            {"k": {"v": "NaN"}, "v": {"s": [{"bi": "1"}], "id": 3}},
        ]}},
        {"k": "list", "v": {"a": [{"ref": 3}], "id": 4}},
    ], "id": 1}  # fmt: skip
    records = [{"keyEncoded": {"d": "x"}, "valueEncoded": theirs}]
    store = {"name": "s", "autoIncrement": False, "records": records, "indexes": []}
    origin = {"origin": SITE, "indexedDB": [{"name": "db", "version": 1, "stores": [store]}]}
    made = from_document(StorageState.model_validate({"origins": [origin]}))
    (record,) = made.value(f"databases {SITE}")[0]["stores"][0]["records"]
    assert record == {"keyEncoded": {"d": "x"}, "valueEncoded": {"o": [
        {"k": "map", "v": {"m": [[{"v": "NaN"}, {"se": [{"bi": "1"}], "id": 3}]], "id": 2}},
        {"k": "list", "v": {"a": [{"ref": 3}], "id": 4}},
    ], "id": 1}}  # fmt: skip
    (database,) = to_document(made).origins[0].indexedDB or []
    assert database.stores[0].records[0].valueEncoded == theirs


def test_a_login_has_one_blank_tab_with_what_the_active_one_had_in_session_storage() -> None:
    def stored(**values: str) -> list[dict[str, Any]]:
        return [
            {"origin": f"https://{host}.test", "entries": [{"name": "k", "value": value}]}
            for host, value in values.items()
        ]

    tabs = [{"id": "t1", "url": f"{SITE}/"}, {"id": "t2", "url": f"{SITE}/"}]
    made = state(
        cookies=[COOKIE], options={"locale": "de"}, life={"uses": 3},
        tabs={"active": "t2", "last_tab": 2, "last_ref": 9, "tabs": tabs},
        **{"session t1": stored(a="of t1", b="of t1"), "session t2": stored(b="of t2")},
    )  # fmt: skip
    kept = login(State(made.parts, (Loss(what="files", why="too large"),)))
    assert parts_of(kept) == {
        "cookies": [COOKIE],
        "tabs": {"active": "t1", "last_tab": 1, "last_ref": 0,
                 "tabs": [{"id": "t1", "url": "about:blank", "title": ""}]},
        "session t1": stored(a="of t1", b="of t2"),
    }  # fmt: skip
    assert [loss.what for loss in kept.losses] == ["files"]
    assert parts_of(login(login(made))) == parts_of(login(made))


def test_a_login_without_session_storage_has_no_tab_at_all() -> None:
    assert parts_of(login(from_document(to_document(named(WHOLE, session_t3=[]))))).keys() == {
        COOKIES, PASSKEYS, f"local {SITE}", f"databases {SITE}", f"files {SHOP}",
    }  # fmt: skip


def test_a_state_over_another_takes_the_place_of_what_has_the_same_name() -> None:
    def entries(**values: str) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in values.items()]

    below = state(cookies=[COOKIE, {**COOKIE, "name": "old"}], tabs={"tabs": []},
                  **{f"local {SITE}": entries(a="1", b="1"), f"local {SHOP}": entries(c="1"),
                     "session t1": []})  # fmt: skip
    upper = state(cookies=[{**COOKIE, "value": "2"}],
                  **{f"local {SITE}": entries(b="2", d="2")})  # fmt: skip
    assert parts_of(over(below, upper)) == {
        "cookies": [{**COOKIE, "value": "2"}, {**COOKIE, "name": "old"}],
        "tabs": {"tabs": []},
        "session t1": [],
        f"local {SITE}": entries(a="1", b="2", d="2"),
        f"local {SHOP}": entries(c="1"),
    }
    assert over(below, State()).parts == below.parts
    tabs = state(tabs={"active": "t9", "tabs": []})
    assert over(below, tabs).parts.keys() == below.parts.keys() - {"session t1"}


def test_options_are_left_behind() -> None:
    assert parts_of(without_options(state(cookies=[], options={"locale": "de"}))) == {"cookies": []}
