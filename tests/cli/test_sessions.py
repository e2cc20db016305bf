"""Which session is meant, and the commands on sessions as a whole."""

import json

from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer


def opened(run: Run) -> str:
    return str(json.loads(run("open", "one.example", "--new", "--json").out)["session_id"])


def test_sessions_alone_is_the_list(fake: FakeServer, run: Run) -> None:
    id = opened(run)
    assert run("sessions", "list", "--json").out == run("sessions", "--json").out
    assert id in run("sessions", "search", "one").out


def test_the_beginning_of_an_id_that_several_share_is_refused(fake: FakeServer, run: Run) -> None:
    opened(run), opened(run)
    done = run("sessions", "end", "ses_")
    assert (done.code, done.out) == (1, "")
    assert "means 2 sessions" in done.err


def test_the_server_looks_for_what_is_meant(fake: FakeServer, run: Run) -> None:
    fake.live |= {f"ses_ab{number:02}": "about:blank" for number in range(25)}
    done = run("sessions", "end", "ab")
    assert (done.code, done.out) == (1, "")
    assert "session not found" in done.err
    assert fake.queries == [{"name": "ab", "limit": "20"}]
    done = run("sessions", "end", "ab0")
    assert "'ab0' means 10 sessions: ses_ab00 (" in done.err
    done = run("sessions", "end", "ses_ab")
    assert "'ses_ab' means more than 20 sessions: ses_ab00 (" in done.err
    assert fake.queries[1:] == [
        {"name": "ab0", "limit": "20"}, {"id_prefix": "ses_ab0", "limit": "20"},
        {"name": "ses_ab", "limit": "20"}, {"id_prefix": "ses_ab", "limit": "20"},
    ]  # fmt: skip


def test_a_list_that_is_not_all_says_so(fake: FakeServer, run: Run) -> None:
    opened(run), opened(run)
    done = run("sessions", "list", "--limit", "1")
    assert done.out.count("\n") == 1
    assert done.err == "agent-browser: there are more; use --limit, or --cursor more\n"


def test_what_can_be_no_session_is_not_asked_for(fake: FakeServer, run: Run) -> None:
    assert run("sessions", "show", " ").code == 2
    assert "session not found" in run("sessions", "show", "x" * 201).err
    assert fake.queries == []


def test_a_name_that_nobody_has_is_session_not_found(fake: FakeServer, run: Run) -> None:
    done = run("sessions", "show", "nobody")
    assert done.code == 1
    assert "session not found" in done.err


def test_a_purge_asks_and_without_a_terminal_wants_yes(fake: FakeServer, run: Run) -> None:
    id = opened(run)
    done = run("sessions", "purge", id)
    assert done.code == 2
    assert "--yes" in done.err
    assert id in fake.live


def test_a_timeout_or_a_tag_must_be_named(fake: FakeServer, run: Run) -> None:
    assert run("sessions", "timeout", "ses_x").code == 2
    assert run("sessions", "tag", "ses_x").code == 2
    assert run("sessions", "events", "--type", "nonsense").code == 2


def test_what_is_no_fate_of_an_idle_session_is_refused_by_name(fake: FakeServer, run: Run) -> None:
    done = run("sessions", "timeout", "ses_" + "x" * 22, "--on-idle", "burn")
    assert (done.code, done.out) == (1, "")
    assert "on_idle" in done.err
