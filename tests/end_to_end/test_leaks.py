"""Fifty sessions later the server is as it was: processes, descriptors, threads, folders."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.end_to_end import remote
from tests.end_to_end.remote import Session, eventually
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

SESSIONS = 50
AT_ONCE = 5


@dataclass(frozen=True)
class Held:
    """What the server holds on to when it is at rest."""

    descriptors: int
    threads: int
    browsers: int
    renderers: int
    others: tuple[str, ...]
    temporary: frozenset[str]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("leaks")
    with Program(folder, executable, browsers=1, warm=2, retention="1s") as running:
        yield running


def kind_of(process: psutil.Process) -> str:
    """What a process is for: Chromium's own word for it, the program's name of another."""
    try:
        line = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "ended"
    said = re.search(r"--utility-sub-type=(\S+)", line) or re.search(r"--type=(\S+)", line)
    return said.group(1) if said else line.split(" ")[0] or "zombie"


def held(program: Program) -> Held:
    process = psutil.Process(program.pid)
    kinds = Counter(kind_of(child) for child in process.children(recursive=True))
    renderers = kinds.pop("renderer", 0)
    kinds.pop("ended", None)
    # Chromium has at most one of each service, started at the first need and ended when it likes.
    services = [
        kind for kind in kinds if ".mojom." in kind and kinds[kind] <= len(program.browsers)
    ]
    for kind in services:
        del kinds[kind]
    return Held(
        descriptors=process.num_fds(),
        threads=process.num_threads(),
        browsers=len(program.browsers),
        temporary=frozenset(path.name for path in program.temporary.rglob("*")),
        renderers=renderers,
        others=tuple(sorted(kinds.elements())),
    )


def is_at_rest(client: httpx.Client) -> bool:
    health = remote.read(client.get("/v1/sessions/health"))
    return bool(health["live"] == health["opening"] == 0 and health["warm"] >= 2)


def use(program: Program, site: Site, number: int) -> None:
    """A session of one of the kinds that there are, ended in one of the ways that there are."""
    options: list[remote.Json] = [{}, {"user_agent": "Leaks/1.0"}, {"screenshot": True}, {}, {}]
    with remote.client(program) as client:
        session = Session(client, site.url("/form"), **options[number % len(options)])
        session.act("fill", session.ref("Name"), text=str(number))
        session.call("screenshot")
        match number % 3:
            case 0:
                session.close()
            case 1:
                client.delete(f"/v1/sessions/{session.id}").raise_for_status()
            case _:
                session.attempt("click", "@e9999")
                session.act("tab_new", url=site.url("/frames"))
                session.close()
        url = site.refusing_url()
        client.post("/v1/functions/open", json={"session": "new", "input": {"url": url}})


def run_many(program: Program, site: Site, count: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as workers:
        list(workers.map(lambda number: use(program, site, number), range(count)))


def test_fifty_sessions_leave_nothing_behind(program: Program, site: Site) -> None:
    with remote.client(program) as client:
        run_many(program, site, 10)  # what is made once for good is made now
        eventually(lambda: is_at_rest(client), within=30)
        before = held(program)
        run_many(program, site, SESSIONS)
        eventually(lambda: is_at_rest(client), within=30)
        after = before

        def is_as_before() -> bool:
            nonlocal after
            after = held(program)
            return (
                after.descriptors <= before.descriptors + 4
                and after.threads <= before.threads + 2
                and after.browsers == before.browsers
                # Chromium keeps a spare renderer of its own for each browser, or not.
                and after.renderers <= max(before.renderers, 2) + 2
                and not Counter(after.others) - Counter(before.others)
                and after.temporary <= before.temporary
            )

        eventually(is_as_before, within=30, what=f"{before} before")
        assert is_as_before(), f"{before}\n{after}"


def test_metrics_add_up_with_what_was_done(program: Program, site: Site) -> None:
    with remote.client(program) as client:
        run_many(program, site, 3)
        text = client.get("/metrics").text
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[:1] != "#"}
    assert any("session" in name for name in names)
    assert any(name.endswith("_bucket") for name in names)
    assert site.refusing_url() not in text
