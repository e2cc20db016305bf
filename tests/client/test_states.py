"""States of sessions, as requests and by the handle of a session."""

import inspect
from typing import Any

import httpx
import pytest

from agent_browser.client import AsyncClient, Client, states
from agent_browser.client.session import AsyncSession, Session
from agent_browser.errors import CannotHibernate, CheckpointNotFound, InvalidRequest, ResumeFailed
from agent_browser.models.state import StateDocument
from tests.client.wire import RECORD, SESSION, Recorder, problem

CHECKPOINT = {"id": "ckp_x", "created_at": "2026-01-02T03:04:05Z", "cause": "demand", "size": 9}
STATE: dict[str, Any] = {
    "cookies": [{"name": "a", "value": "b", "url": "http://x/", "_crHasCrossSiteAncestor": True}],
    "tabs": [{"id": "t1", "url": "http://x/", "fields": []}],
}
HALF = {"origins": [{"origin": "http://x", "localStorage": [{"name": "a", "value": "\ud83d"}]}]}


def test_a_wish_without_force_is_an_empty_body() -> None:
    assert states.hibernated(SESSION).body == {}
    assert states.hibernated(SESSION, force=True).body == {"force": True}


def test_a_fork_has_what_was_given_and_an_unknown_option_is_refused() -> None:
    request = states.forked(SESSION, {"name": "n", "timeouts": {"idle": "90s"}, "tags": None})
    assert request.body == {"name": "n", "timeouts": {"idle": 90.0}}
    with pytest.raises(InvalidRequest, match="nam: there is no such field"):
        states.forked(SESSION, {"nam": "n"})


def test_a_state_goes_as_it_is_and_a_document_with_the_names_of_playwright() -> None:
    newer = {"version": 2, "of_a_newer_server": 1}
    assert states.put_state(SESSION, newer).body == newer
    assert states.put_state(SESSION, StateDocument.model_validate(STATE)).body == STATE


def test_a_checkpoint_s_id_is_one_segment_of_the_path() -> None:
    path = states.restored(SESSION, "a/../b").path
    assert path == f"/v1/sessions/{SESSION}/checkpoints/a%2F..%2Fb/restore"
    with pytest.raises(InvalidRequest):
        states.restored(SESSION, "..")


@pytest.mark.anyio
async def test_half_a_surrogate_pair_is_sent_and_read() -> None:
    blocking, awaiting = (Recorder(httpx.Response(200, json=RECORD)) for _ in range(2))
    with Client(transport=blocking) as client:
        client.put_state(SESSION, HALF)
    async with AsyncClient(transport=awaiting) as asynchronous:
        await asynchronous.put_state(SESSION, StateDocument.model_validate(HALF))
    for recorder in (blocking, awaiting):
        assert b'"value":"\\ud83d"' in recorder.last.content
        assert recorder.sent == HALF
        assert recorder.last.headers["content-type"] == "application/json"
    content = {"content-type": "application/json"}
    answer = httpx.Response(200, content=blocking.last.content, headers=content)
    with Client(transport=Recorder(answer)) as client:
        assert client.get_state(SESSION).origins[0].localStorage[0].value == "\ud83d"


@pytest.mark.parametrize(
    ("status", "code", "kind", "fields"),
    [
        (409, "cannot_hibernate", CannotHibernate, {"unsaved": ["upload"]}),
        (404, "checkpoint_not_found", CheckpointNotFound, {"checkpoint_id": "ckp_x"}),
        (503, "resume_failed", ResumeFailed, {"retry_after": 1.0}),
    ],
)
def test_what_the_server_refuses_is_raised_with_its_fields(
    status: int, code: str, kind: type[Exception], fields: dict[str, Any]
) -> None:
    with (
        Client(transport=Recorder(problem(status, code, **fields))) as client,
        pytest.raises(kind) as caught,
    ):
        client.hibernate(SESSION)
    assert caught.value.fields | fields == caught.value.fields  # type: ignore[attr-defined]


METHODS: list[tuple[str, tuple[Any, ...], str]] = [
    ("hibernate", (), "hibernate"),
    ("resume", (), "resume"),
    ("fork", (), "fork"),
    ("checkpoint", (), "checkpoints"),
    ("checkpoints", (), "checkpoints"),
    ("restore", ("ckp_x",), "checkpoints/ckp_x/restore"),
    ("get_state", (), "state"),
    ("storage_state", (), "state"),
    ("put_state", ({},), "state"),
]


def answered(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/state") and request.method == "GET":
        return httpx.Response(200, json=STATE)
    if request.url.path.endswith("/checkpoints"):
        listed = {"items": [CHECKPOINT]}
        return httpx.Response(200, json=listed if request.method == "GET" else CHECKPOINT)
    return httpx.Response(200, json=RECORD)


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "args", "path"), METHODS)
async def test_a_session_s_handle_has_them_too(name: str, args: tuple[Any, ...], path: str) -> None:
    blocking, awaiting = Recorder(answered), Recorder(answered)
    with Client(transport=blocking) as client:
        one = getattr(client.session(SESSION), name)(*args)
    async with AsyncClient(transport=awaiting) as asynchronous:
        other = await getattr(asynchronous.session(SESSION), name)(*args)
    assert one == other
    for recorder in (blocking, awaiting):
        assert recorder.last.url.path == f"/v1/sessions/{SESSION}/{path}"


def test_both_handles_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}

    assert public(Session) == public(AsyncSession)
    assert {name for name, _, _ in METHODS} <= public(Session)
