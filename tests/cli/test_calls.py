"""`app run` and `call`."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_server import FakeServer

OPEN = '{"url": "https://example.com"}'


def test_the_old_form_prints_the_answer_as_json(fake: FakeServer, run: Run) -> None:
    done = run("app", "run", "agent-browser", "--function", "open", "--session", "new",
               "--input", OPEN)  # fmt: skip

    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    assert answer["session_id"] in fake.live
    assert answer["elements_text"].startswith("@e1 [a]")
    assert answer["of_a_newer_server"] is True
    assert fake.calls == [("open", "new", {"url": "https://example.com"})]


def test_a_session_goes_on_until_it_is_closed(fake: FakeServer, run: Run) -> None:
    def call(function: str, session: str, input: str = "{}") -> dict[str, object]:
        done = run("app", "run", "agent-browser", "--function", function, "--session", session,
                   "--input", input)  # fmt: skip
        assert done.code == 0, done.err
        answer: dict[str, object] = json.loads(done.out)
        return answer

    session = str(call("open", "new", OPEN)["session_id"])
    assert call("snapshot", session)["url"] == "https://example.com"
    assert call("close", session)["success"] is True
    assert not fake.live


@pytest.mark.parametrize("app", ["agent-browser", "infsh/agent-browser", "infsh/agent-browser@v9"])
def test_function_and_session_may_be_left_out(fake: FakeServer, run: Run, app: str) -> None:
    assert run("app", "run", app, "--input", OPEN).code == 0
    assert fake.calls == [("run", None, {"url": "https://example.com"})]


def test_another_app_is_refused(fake: FakeServer, run: Run) -> None:
    done = run("app", "run", "infsh/flux", "--input", "{}")

    assert (done.code, done.out) == (1, "")
    assert "infsh/flux" in done.err


def test_the_short_form_says_the_same(fake: FakeServer, run: Run) -> None:
    assert run("call", "open", "-s", "new", "-i", OPEN, "--session-timeout", "90s").code == 0
    assert fake.calls == [("open", "new", {"url": "https://example.com"})]


def test_input_comes_from_a_file_or_from_stdin(
    fake: FakeServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "input.json").write_text(OPEN)
    monkeypatch.setattr(sys, "stdin", io.StringIO(OPEN))

    assert run("call", "open", "-i", f"@{tmp_path}/input.json").code == 0
    assert run("call", "open", "-i", "-").code == 0
    assert [call[2] for call in fake.calls] == [{"url": "https://example.com"}] * 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "@/there/is/no/such.json"])
def test_input_that_is_no_json_object_is_one_line(fake: FakeServer, run: Run, text: str) -> None:
    done = run("call", "open", "-i", text)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("agent-browser: --input")
    assert done.err.count("\n") == 1
    assert fake.calls == []


def test_an_action_that_was_not_done_is_an_answer_in_the_old_form(
    fake: FakeServer, run: Run
) -> None:
    run("call", "open", "-s", "new", "-i", OPEN)
    (session,) = fake.live
    done = run("app", "run", "agent-browser", "--function", "interact", "--session", session,
               "--input", '{"action": "click", "ref": "@e99"}')  # fmt: skip

    assert done.code == 0
    assert json.loads(done.out)["success"] is False
    assert json.loads(done.out)["message"].startswith("Unknown ref: @e99.")


@pytest.mark.parametrize("session", ["ses_unknown", "lapsed"])
@pytest.mark.parametrize("form", [("app", "run", "agent-browser", "--function"), ("call",)])
def test_a_session_that_is_not_there_is_said_on_stderr_alone(
    fake: FakeServer, run: Run, session: str, form: tuple[str, ...]
) -> None:
    fake.ended.add("lapsed")
    done = run(*form, "snapshot", "--session", session)

    assert (done.code, done.out) == (1, "")
    assert "session not found" in done.err


def test_a_page_that_does_not_load_is_a_failure(fake: FakeServer, run: Run) -> None:
    done = run("call", "open", "-s", "new", "-i", '{"url": "https://nowhere"}')

    assert (done.code, done.out) == (1, "")
    assert done.err == "agent-browser: Failed to open URL: \n"


def test_artifacts_have_absolute_urls_and_values_of_pages_are_left_alone(
    fake: FakeServer, run: Run
) -> None:
    shot = json.loads(run("call", "screenshot").out)
    value = json.loads(run("call", "execute", "-i", '{"code": "1"}').out)["value"]

    assert shot["screenshot"]["url"].startswith(f"{fake.url}/v1/artifacts/art_")
    assert value["url"] == "/v1/x"


def test_control_characters_of_a_page_are_escaped(fake: FakeServer, run: Run) -> None:
    done = run("call", "open", "-i", OPEN)

    assert "\x1b" not in done.out
    assert json.loads(done.out)["title"] == "Fake \x1b[31mpage"


def test_no_server_is_1_in_the_old_form_and_3_otherwise(
    run: Run, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_BROWSER_URL", f"http://127.0.0.1:{free_port}")
    old = run("app", "run", "agent-browser", "--no-autostart")
    short = run("call", "snapshot", "--no-autostart")

    assert (old.code, old.out) == (1, "")
    assert (short.code, short.out) == (3, "")
    assert "no server answers at http://127.0.0.1" in old.err


def test_a_link_by_another_name_does_the_same(fake: FakeServer, tmp_path: Path) -> None:
    program = tmp_path / "agent-browser"
    root = Path(__file__).parents[2]
    program.write_text(
        # By way of sh, as pip does it: a path with a space can't stand after #!.
        f"#!/bin/sh\n'''exec' '{sys.executable}' \"$0\" \"$@\"\n' '''\n"
        f"import sys\nsys.path.insert(0, {str(root)!r})\n"
        "from agent_browser.cli.main import main\nmain()\n"
    )
    program.chmod(0o755)
    (tmp_path / "infsh").symlink_to(program)
    done = subprocess.run(
        [tmp_path / "infsh", "app", "run", "agent-browser", "--function", "open", "--session",
         "new", "--input", OPEN],
        capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["session_id"] in fake.live
