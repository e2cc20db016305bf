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
