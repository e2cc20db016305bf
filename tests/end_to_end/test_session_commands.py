"""`agent-browser sessions …` against the real server: what each command does is then so."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.end_to_end import remote
from tests.end_to_end.conftest import Commands, Opening
from tests.site import Site

pytestmark = pytest.mark.browser

PROGRAM = [sys.executable, "-m", "agent_browser"]
ON_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
for at in range(3):
    os.dup2(os.open(sys.argv[1], os.O_RDWR), at)
os.execv(sys.executable, [sys.executable, "-m", "agent_browser", *sys.argv[2:]])
"""
"""A leader of a process session that opens a terminal has it as its own, so ^C reaches it, also
where who runs the tests ignores that signal.
"""


class Line:
    """`sessions …` on the command line."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def __call__(self, *arguments: str, code: int = 0) -> str:
        return self._commands("sessions", *arguments, code=code)

    def facts(self, *arguments: str) -> dict[str, str]:
        """A session as it is printed: facts by their names."""
        return {line[:9].strip(): line[10:] for line in self(*arguments).splitlines()}


@pytest.fixture
def line(commands: Commands) -> Line:
    return Line(commands)


NAME = "Tea time"


@pytest.fixture
def tea(line: Line, opening: Opening, site: Site) -> Iterator[remote.Session]:
    """A session of that name, on the page of the form; the name is free again after the test."""
    session = opening(site.url("/form"))
    line("rename", session.id, NAME)
    yield session
    session.http.patch(f"/v1/sessions/{session.id}", json={"name": None})


def known(http: httpx.Client, session: str) -> remote.Json:
    return remote.read(http.get(f"/v1/sessions/{session}"))


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on, its lines to be read while it does; it must end by itself, well."""
    with subprocess.Popen(
        [*PROGRAM, "sessions", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            yield command
            assert command.wait(30) == 0
        finally:
            command.kill()


def lines(command: "subprocess.Popen[str]") -> Iterator[remote.Json]:
    assert command.stdout is not None
    for text in command.stdout:
        yield json.loads(text)


class Terminal:
    """A command at a terminal of 60 columns; `screen` is all that came."""

    def __init__(self, *arguments: str) -> None:
        self._leader, self._follower = pty.openpty()
        where = os.ttyname(self._follower)
        self._command = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, where, *arguments],
            start_new_session=True,
            env=os.environ | {"COLUMNS": "60", "LINES": "24"},
        )
        self.screen = ""

    def until(self, words: str) -> "Terminal":
        """Read until these words are there."""
        while words not in self.screen:
            assert select.select([self._leader], [], [], 30)[0], self.screen
            self.screen += os.read(self._leader, 65_536).decode()
        return self

    def type(self, keys: str) -> int:
        """Type, and read to the end; the exit code."""
        os.write(self._leader, keys.encode())
        return self.end()

    def end(self) -> int:
        """Read to the end; the exit code."""
        os.close(self._follower)
        with suppress(OSError):  # nobody has it open any more
            while piece := os.read(self._leader, 65_536):
                self.screen += piece.decode()
        os.close(self._leader)
        return self._command.wait(30)


def test_a_session_is_named_pinned_and_tagged(
    line: Line, http: httpx.Client, tea: remote.Session
) -> None:
    assert known(http, tea.id)["name"] == NAME
    assert line.facts("pin", NAME)["pinned"] == "yes"
    assert known(http, tea.id)["pinned"] is True
    assert "pinned" not in line.facts("unpin", tea.id[:14])
    assert known(http, tea.id)["pinned"] is False
    assert line.facts("tag", tea.id, "red", "blue")["tags"] == "red, blue"
    line("tag", NAME, "green", "--remove", "red")
    assert known(http, tea.id)["tags"] == ["blue", "green"]
    assert "name" not in line.facts("rename", NAME, "")
    assert known(http, tea.id)["name"] is None
    assert "session not found" in line("show", NAME, code=1)


def test_a_session_is_renewed_kept_alive_and_given_other_times(
    line: Line, http: httpx.Client, tea: remote.Session
) -> None:
    before = known(http, tea.id)
    facts = line.facts("timeout", NAME, "--idle", "2h", "--no-auto-renew")
    assert facts["ends in"] == "2h"
    assert facts["timeouts"].startswith("idle 2h, at most ")
    assert facts["timeouts"].endswith(", not renewed by use")
    given = known(http, tea.id)
    assert (given["timeouts"]["idle"], given["timeouts"]["auto_renew"]) == (7200, False)
    line("keepalive", NAME)
    assert known(http, tea.id)["last_activity_at"] == before["last_activity_at"]
    assert json.loads(line("renew", NAME, "--json"))["renewal_count"] == 1
    renewed = known(http, tea.id)
    assert renewed["expires_at"] > given["expires_at"]


def test_show_has_what_the_server_knows(line: Line, tea: remote.Session, site: Site) -> None:
    facts = line.facts("show", "--", tea.id[len("ses_") :][:6])  # which may begin with a hyphen
    assert (facts["session"], facts["name"]) == (tea.id, NAME)
    assert facts["state"] == "live (active)"
    assert facts["page"].endswith(site.url("/form"))
    assert json.loads(line("show", NAME, "--json"))["id"] == tea.id


def test_sessions_are_found_by_filters_and_words(
    line: Line, http: httpx.Client, tea: remote.Session, opening: Opening
) -> None:
    other = opening("data:text/html,<title>Zanzibar cloves</title>")
    line("tag", other.id, "spice")
    ids = [row.split("\t")[1] for row in line("list", "--tag", "spice").splitlines()]
    assert ids == [other.id]
    assert [row.split("\t")[1] for row in line("search", "zanzibar").splitlines()] == [other.id]
    row = next(row for row in line().splitlines() if tea.id in row)
    assert row.split("\t")[5].startswith("Tea time: ")
    first = remote.read(http.get("/v1/sessions", params={"limit": 1}))
    assert first["items"][0]["id"] not in line("list", "--cursor", first["next_cursor"])


def test_a_name_that_two_have_is_the_live_one_s_or_refused(
    line: Line, http: httpx.Client, tea: remote.Session, opening: Opening
) -> None:
    other = opening()
    line("rename", other.id, NAME)
    said = line("end", NAME, code=1)
    assert "means 2 sessions" in said
    assert tea.id in said
    assert other.id in said
    other.close()
    assert line.facts("show", NAME)["session"] == tea.id
    http.patch(f"/v1/sessions/{other.id}", json={"name": None})


def test_the_log_is_printed_a_line_each_and_why_what_failed(
    line: Line, tea: remote.Session
) -> None:
    tea.call("execute", code="'a\\n' + 1")
    tea.call("interact", action="click", ref="@e999")
    opened, ran, clicked = line("log", NAME).splitlines()
    assert " ok " in opened
    assert " open " in opened
    assert """ execute {"code":"'a\\\\n' + 1"} """ in ran
    assert " failed (unknown_ref) " in clicked
    assert "(Unknown ref: @e999" in clicked
    as_json = [
        json.loads(text) for text in line("log", tea.id, "--json", "--limit", "1").split("\n")[:-1]
    ]
    assert [entry["function"] for entry in as_json] == ["open", "execute", "interact"]


def test_a_log_that_is_followed_goes_on_until_the_session_ends(
    line: Line, tea: remote.Session
) -> None:
    with running("log", NAME, "--follow", "--json") as command:
        entries = lines(command)
        assert next(entries)["function"] == "open"
        tea.call("execute", code="1 + 1")
        assert next(entries)["input"] == {"code": "1 + 1"}
        tea.call("interact", action="reload")
        line("end", NAME)
        assert [entry["action"] for entry in entries] == ["reload"]
        assert command.stderr is not None
        assert command.stderr.read() == f"agent-browser: {tea.id} has ended\n"


def test_events_that_are_followed_begin_with_what_was_and_end_with_the_session(
    line: Line, tea: remote.Session
) -> None:
    with running("events", NAME, "-f", "--json") as command:
        events = lines(command)
        types = [next(events)["type"]]
        while types[-1] != "session.renamed":
            types.append(next(events)["type"])
        assert types[0] == "session.created"
        line("pin", NAME)
        pinned = next(event for event in events if event["type"] == "session.pinned")
        assert pinned["data"] == {"pinned": True}
        line("end", NAME)
        assert [event["type"] for event in events][-1] == "session.ended"
    assert "session.pinned {" in line("events", tea.id)
    after = line("events", tea.id, "--after", str(pinned["id"]), "--json").splitlines()
    assert [json.loads(text)["type"] for text in after][-1] == "session.ended"
    assert all(json.loads(text)["id"] > pinned["id"] for text in after)
    assert line("events", tea.id, "--type", "session.pinned").count("\n") == 1
    assert f"session.pinned {tea.id} " in line("events", "--type", "session.pinned")


def test_what_is_ended_stays_on_record_and_what_is_purged_does_not(
    line: Line, http: httpx.Client, tea: remote.Session
) -> None:
    assert line("end", NAME) == f"ended {tea.id}\n"
    assert known(http, tea.id)["state"] == "ended"
    assert " open " in line("log", tea.id)
    assert line("purge", tea.id, "--yes") == f"purged {tea.id}\n"
    assert http.get(f"/v1/sessions/{tea.id}").status_code == 404
    for command in ("show", "log", "pin", "renew", "events"):
        assert "session not found" in line(command, tea.id, code=1)


@pytest.mark.parametrize(("keys", "code"), [("n\n", 1), ("\n", 1), ("\x03", 130), ("\x04", 130)])
def test_a_purge_that_is_not_wanted_erases_nothing(
    line: Line, http: httpx.Client, tea: remote.Session, keys: str, code: int
) -> None:
    terminal = Terminal("sessions", "purge", NAME).until("[y/N]")
    assert terminal.type(keys) == code
    assert f"Erase {tea.id} (Tea time), its log" in terminal.screen
    assert terminal.screen.endswith("\n")
    assert known(http, tea.id)["state"] == "live"


def test_a_purge_that_is_confirmed_erases(
    line: Line, http: httpx.Client, tea: remote.Session
) -> None:
    terminal = Terminal("sessions", "purge", tea.id).until("[y/N]")
    assert terminal.type("y\n") == 0
    assert terminal.screen.endswith(f"purged {tea.id}\r\n")
    assert http.get(f"/v1/sessions/{tea.id}").status_code == 404


@pytest.mark.parametrize("command", ["log", "events"])
def test_what_is_followed_at_a_terminal_ends_with_an_interrupt(
    line: Line, tea: remote.Session, command: str
) -> None:
    terminal = Terminal("sessions", command, NAME, "-f").until("form")
    assert terminal.type("\x03") == 130
    assert terminal.screen.endswith("\n")
    assert "Traceback" not in terminal.screen


def test_a_narrow_terminal_has_whole_ids_and_names(line: Line, tea: remote.Session) -> None:
    terminal = Terminal("sessions", "list", "--state", "live")
    assert terminal.until(tea.id).end() == 0
    head, *rows = terminal.screen.splitlines()
    assert "ends in" not in head
    (row,) = [row for row in rows if tea.id in row]
    assert row.partition(" live ")[2].lstrip().startswith(f"{NAME}: ")
    assert len(row) <= 60


@pytest.mark.parametrize("words", [["list"], ["log", NAME], ["events"], ["list", "--json"]])
def test_a_reader_that_is_gone_is_no_error_to_tell(
    line: Line, tea: remote.Session, words: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [*PROGRAM, "sessions", *words],
            stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
