"""Fifty sessions later the server is as it was: processes, descriptors, threads, folders."""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
    files: frozenset[str]
    """Names of all that it has on disk but for pictures, which outlive their sessions."""


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
        files=frozenset(
            path.name
            for folder in (program.data, program.recordings, program.temporary)
            for path in folder.rglob("*")
            # Of states the folders that they lay in stay, 256 at most.
            if program.data / "artifacts" not in path.parents
            and not (path.is_dir() and path.parent == program.data / "states")
        ),
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
            return not more(before, after)

        with suppress(AssertionError):
            eventually(is_as_before, within=30)
        assert more(before, after) == {}


def more(before: Held, after: Held) -> dict[str, object]:
    """What there is more of than before, beyond what comes and goes by itself."""
    found: dict[str, object] = {
        "descriptors": max(0, after.descriptors - before.descriptors - 4),
        "threads": max(0, after.threads - before.threads - 2),
        "browsers": abs(after.browsers - before.browsers),
        # Chromium keeps a spare renderer of its own for each browser, or not.
        "renderers": max(0, after.renderers - before.renderers - 1),
        "others": dict(Counter(after.others) - Counter(before.others)),
        "files": sorted(after.files - before.files),
    }
    return {name: value for name, value in found.items() if value}


def counted(client: httpx.Client) -> Counter[str]:
    """Every count that `/metrics` has, by its name and labels."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name.endswith(("_total", "_count", "_bucket")):
                labels = " ".join(sample.labels[name] for name in sorted(sample.labels))
                counts[f"{sample.name.removeprefix('agent_browser_')} {labels}"] += int(
                    sample.value
                )
    return counts


def test_metrics_add_up_with_what_was_done(program: Program, site: Site) -> None:
    with remote.client(program) as client:
        before = counted(client)
        run_many(program, site, 3)
        eventually(lambda: _sum(counted(client) - before, "sessions_ended_total") >= 6)
        new = counted(client) - before
        text = client.get("/metrics").text
    ended = {"closed": 3, "failed_to_open": 3}
    assert {name: new[f"sessions_ended_total {name}"] for name in ended} == ended
    assert _sum(new, "sessions_ended_total") == _sum(new, "sessions_opened_total") == 6
    # By action, function and outcome. One click was at what isn't there.
    calls = {
        " close ok": 2, " open ok": 3, " open error": 3, " screenshot ok": 3,
        "click interact failed": 1, "fill interact ok": 3, "tab_new interact ok": 1,
    }  # fmt: skip
    assert {name: new[f"calls_total {name}"] for name in calls} == calls
    assert _sum(new, "calls_total") == sum(calls.values())
    for function, count in {"close": 2, "open": 6, "screenshot": 3, "interact": 5}.items():
        assert new[f"call_duration_seconds_count {function}"] == count
        assert new[f"call_duration_seconds_bucket {function} +Inf"] == count
    assert _sum(new, "open_duration_seconds_count") == 6
    assert site.refusing_url() not in text


def _sum(counts: Counter[str], name: str) -> int:
    return sum(count for key, count in counts.items() if key.split(" ")[0] == name)
