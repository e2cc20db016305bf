"""Runs of the real program: they outlive their connection, and what is told of them the server."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.end_to_end import remote
from tests.end_to_end.remote import Json, Session, eventually
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser
WAIT = {"function": "interact", "input": {"action": "wait", "text": "never", "timeout": 60}}


def opened(site: Site, path: str = "/form") -> Json:
    return {"function": "open", "input": {"url": site.url(path)}}


def lines(answer: httpx.Response) -> list[Json]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def read_code(code: str, **more: object) -> Json:
    return {"function": "execute", "input": {"code": code}, **more}


def test_steps_are_done_in_a_new_session(http: httpx.Client, site: Site) -> None:
    body = {
        "steps": [
            opened(site),
            {"function": "snapshot", "input": {"limit": 1}},
            read_code("document.title", name="title"),
            {"function": "interact", "input": {"action": "click", "ref": "@e9999"}},
            {"function": "close"},
        ],
        "continue_on_error": True,
    }
    *steps, summary = lines(http.post("/v1/sessions/new/run", json=body))
    assert [step["ok"] for step in steps] == [True, True, True, False, True]
    assert steps[2]["output"]["value"] == "Form of all fields"
    assert steps[3]["error"]["code"] == "unknown_ref"
    assert (summary["status"], summary["failed"]) == ("succeeded", 1)
    assert http.get(f"/v1/sessions/{summary['session_id']}").json()["state"] == "ended"


def test_a_run_stops_where_it_is_told_to(http: httpx.Client, site: Site) -> None:
    with Session(http) as session:
        for stop, reason in [
            ({"url": site.url("/form") + "*"}, "url"),
            ({"text": "is nowhere on the page"}, None),
        ]:
            body = {"steps": [opened(site), read_code("1")], "stop": stop}
            *steps, summary = lines(http.post(f"/v1/sessions/{session.id}/run", json=body))
            assert len(steps) == (1 if reason else 2)
            assert summary["reason"] == reason
        text = session.value("document.body.innerText.trim().split('\\n')[0]")
        body = {"steps": [read_code("1"), read_code("2")], "stop": {"text": text.upper()}}
        *steps, summary = lines(http.post(f"/v1/sessions/{session.id}/run", json=body))
        assert (len(steps), summary["status"], summary["reason"]) == (1, "stopped", "text")


def test_a_client_that_is_cut_off_twice_gets_every_line_once(
    http: httpx.Client, site: Site
) -> None:
    steps = [opened(site), *(read_code(f"{number}") for number in range(8))]
    found: list[Json] = []
    with http.stream("POST", "/v1/sessions/new/run", json={"steps": steps}) as answer:
        address = answer.headers["location"]
        found.append(json.loads(next(answer.iter_lines())))
    while found[-1]["type"] != "summary":
        seen = {"Last-Event-ID": str(len(found))}
        with http.stream("GET", f"{address}/events", headers=seen) as answer:
            said = (line for line in answer.iter_lines() if line.startswith("data: "))
            for line, _ in zip(said, range(4), strict=False):
                found.append(json.loads(line.removeprefix("data: ")))
    assert [line.get("index") for line in found] == [*range(9), None]
    assert http.get(address).json()["steps"] == found[:-1]
    http.delete(f"/v1/sessions/{found[0]['session_id']}")


def test_it_is_forgotten_with_its_session(http: httpx.Client, site: Site) -> None:
    made = http.post("/v1/sessions", json={"timeouts": {"retention": 0}}).json()
    body = {"steps": [opened(site), {"function": "close"}]}
    answer = http.post(f"/v1/sessions/{made['id']}/run", json=body)
    *steps, summary = lines(answer)
    assert (len(steps), summary["status"]) == (2, "succeeded")
    eventually(lambda: http.get(answer.headers["location"]).status_code == 404)
    asked = {"session_id": made["id"]}
    assert http.get("/v1/operations", params=asked).json()["items"] == []


def test_what_a_run_looks_at_by_itself_is_not_in_the_log(http: httpx.Client, site: Site) -> None:
    with Session(http, site.url("/form")) as session:
        body = {"steps": [read_code("1"), read_code("2")], "stop": {"text": "is nowhere"}}
        assert len(lines(http.post(f"/v1/sessions/{session.id}/run", json=body))) == 3
        entries = http.get(f"/v1/sessions/{session.id}/actions").json()["items"]
        assert [entry["function"] for entry in entries] == ["open", "execute", "execute"]


def test_control_keeps_others_out_of_a_run(http: httpx.Client, site: Site) -> None:
    with Session(http, site.url("/form")) as session:
        address = f"/v1/sessions/{session.id}"
        token = http.post(f"{address}/control", json={"client": "robot"}).json()["token"]
        http.headers["X-Control-Token"] = token
        body = {"steps": [read_code("1"), WAIT]}
        asked = {"Prefer": "respond-async"}
        begun = http.post(f"{address}/run", json=body, headers=asked)
        assert begun.status_code == 202
        del http.headers["X-Control-Token"]
        refused = http.post(f"{address}/open", json={"url": site.url("/form")})
        assert (refused.status_code, refused.json()["holder"]) == (409, "robot")
        taken = http.post(f"{address}/control", json={"client": "person"}).json()
        assert taken["previous"] == "robot"
        http.delete(f"{begun.headers['location']}")
        http.headers["X-Control-Token"] = taken["token"]
    del http.headers["X-Control-Token"]


def written(program: Program) -> dict[str, int]:
    """Addresses of the operations in the database, and how many steps of each are there."""
    file = program.data / "agent-browser.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT id, data FROM papers WHERE kind = 'operation_steps'")
        return {f"/v1/operations/{id}": len(json.loads(data)["steps"]) for id, data in rows}


def kill(program: Program) -> None:
    """End the server and its browsers as an out-of-memory killer does."""
    tree = program.tree
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(tree, timeout=10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def program(folder: Path, executable: Path) -> Iterator[Program]:
    """A server of this test's own, which is lost."""
    with Program(folder / "first", executable, browsers=1, warm=1) as running:
        yield running


def test_what_ran_when_the_server_was_killed_is_told_by_the_next_one(
    program: Program, folder: Path, executable: Path, site: Site
) -> None:
    with remote.client(program) as client:
        body = {"steps": [opened(site), read_code("1"), WAIT]}
        asked = {"Prefer": "respond-async"}
        lost = client.post("/v1/sessions/new/run", json=body, headers=asked).headers["location"]
        done = client.post("/v1/sessions/new/run", json={"steps": [opened(site)]})
        kept = done.headers["location"]
        eventually(lambda: written(program) == {lost: 2, kept: 1})
    kill(program)
    with (
        Program(folder / "second", executable, browsers=1, warm=1, data_dir=program.data) as again,
        remote.client(again) as client,
    ):
        operation = client.get(lost).json()
        assert (operation["status"], operation["reason"]) == ("aborted", "server_lost")
        assert [step["function"] for step in operation["steps"]] == ["open", "execute"]
        assert client.get(kept).json()["steps"][0]["output"]["title"] == "Form of all fields"
        listed = client.get("/v1/operations").json()["items"]
        assert [f"/v1/operations/{one['id']}" for one in listed] == [kept, lost]


def test_a_server_that_is_stopped_tells_what_it_ran(
    program: Program, folder: Path, executable: Path, site: Site
) -> None:
    with remote.client(program) as client:
        body = {"steps": [opened(site), WAIT, read_code("1")]}
        with client.stream("POST", "/v1/sessions/new/run", json=body) as answer:
            address = answer.headers["location"]
            found = answer.iter_lines()
            assert json.loads(next(found))["ok"]
            os.kill(program.pid, signal.SIGTERM)
            *_, summary = map(json.loads, found)
    assert (summary["status"], summary["reason"]) == ("aborted", "shutdown")
    program.stop()
    with (
        Program(folder / "second", executable, browsers=1, warm=1, data_dir=program.data) as again,
        remote.client(again) as client,
    ):
        assert client.get(address).json()["reason"] == "shutdown"
