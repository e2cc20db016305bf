"""What of a session outlives what: docs/sessions.md has the table, this a test for each column."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end import remote
from tests.end_to_end.fidelity import COLUMNS, KINDS, TOLD, furnish, tells_of_the_worker
from tests.end_to_end.remote import Session, eventually, read
from tests.end_to_end.saving import saved
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser


@contextmanager
def serving(folder: Path, executable: Path, **settings: object) -> Iterator[Program]:
    given: dict[str, object] = {"browsers": 1, "warm": 1, "checkpoint_after": 0.2, **settings}
    with Program(folder, executable, **given) as program:
        yield program


def idle(program: Program, session: Session, stack: ExitStack) -> Session:
    path = f"/v1/sessions/{session.id}"
    session.http.patch(f"{path}/timeout", json={"idle": 1}).raise_for_status()
    eventually(lambda: bool(session.state()["state"] == "hibernated"))
    session.http.patch(f"{path}/timeout", json={"idle": "1h"}).raise_for_status()
    return session


def browser_crash(program: Program, session: Session, stack: ExitStack) -> Session:
    saved(session)
    for browser in program.browsers:
        browser.kill()
    eventually(lambda: bool(session.state()["state"] == "hibernated"))
    return session


def server_killed(program: Program, session: Session, stack: ExitStack) -> Session:
    saved(session)
    os.kill(program.pid, signal.SIGKILL)
    folder = program.data.parent / "second"
    second = stack.enter_context(serving(folder, program.executable, data_dir=program.data))
    return Session.of(stack.enter_context(remote.client(second)), session.id)


def fork(program: Program, session: Session, stack: ExitStack) -> Session:
    made = read(session.http.post(f"/v1/sessions/{session.id}/fork", json={}))
    session.close()
    return Session.of(session.http, made["id"])


def export(program: Program, session: Session, stack: ExitStack) -> Session:
    document = read(session.http.get(f"/v1/sessions/{session.id}/state"))
    other = read(session.http.post("/v1/sessions", json={}))["id"]
    read(session.http.put(f"/v1/sessions/{other}/state", json=document))
    return Session.of(session.http, other)


def playwrights_file(program: Program, session: Session, stack: ExitStack) -> Session:
    file = read(session.http.get(f"/v1/sessions/{session.id}/state?form=playwright"))
    other = Session(session.http, session.page["url"], storage_state=file)
    return other


def holds(kind: str, session: Session, site: Site) -> bool:
    """Whether it is there; an action that can't be done has found nothing."""
    try:
        return KINDS[kind](session, site)
    except AssertionError:
        return False


WAYS = {
    "idle": idle,
    "browser crash": browser_crash,
    "kill -9": server_killed,
    "fork": fork,
    "export": export,
    "Playwright's file": playwrights_file,
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", COLUMNS)
def test_what_of_a_session_is_still_there(
    tmp_path: Path, executable: Path, site: Site, way: str
) -> None:
    with ExitStack() as stack:
        program = stack.enter_context(serving(tmp_path, executable))
        http = stack.enter_context(remote.client(program))
        session = Session(http)
        furnish(session, site)
        there = WAYS[way](program, session, stack)
        found = {kind: holds(kind, there, site) for kind in KINDS}
        there.open(site.url("/service-worker"))
        assert there.value("worker.count()") == 0
        told = tells_of_the_worker(there, site)
    wanted = {kind: kind not in COLUMNS[way] for kind in KINDS}
    assert found == wanted, [kind for kind in KINDS if found[kind] != wanted[kind]]
    assert told is (way in TOLD)


def test_a_service_worker_is_told_not_to_be_saved(
    server: Program, http: httpx.Client, site: Site
) -> None:
    with Session(http, site.url("/service-worker")) as session:
        session.value("worker.register()")
        made = read(http.post(f"/v1/sessions/{session.id}/checkpoints"))
        told = [loss for loss in made["losses"] if loss["what"] == "service_worker"]
        assert [loss["where"] for loss in told] == [site.url("").rstrip("/")]
        read(http.post(f"/v1/sessions/{session.id}/hibernate"))
        assert session.value("worker.count()") == 0
