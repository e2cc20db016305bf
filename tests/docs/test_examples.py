"""What README, quickstart, HTTP API and recordings say to type is typed, and works."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, code, read, section
from tests.docs.shell import Shell, served
from tests.end_to_end import remote
from tests.program import Program

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the examples are for a Linux shell"
)
needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="curl and jq are not installed"
)

README = section(read("README.md"), "## A first session")
QUICKSTART = read("docs/quickstart.md")
PNG = b"\x89PNG"


@pytest.fixture
def shell(tmp_path: Path, server: Program) -> Iterator[Shell]:
    """A shell whose pages are the files of its folder `tea`."""
    (tmp_path / "tea").mkdir()
    with served(tmp_path / "tea") as pages:
        yield Shell(tmp_path, server.base_url, pages)
    with remote.client(server) as http:  # an example may leave its session open
        for session in http.get("/v1/sessions?state=live").json()["items"]:
            http.delete(f"/v1/sessions/{session['id']}")


def test_the_scripts_that_the_readme_names_can_be_run() -> None:
    (block,) = code(section(read("README.md"), "## Start"), "sh")
    scripts = re.findall(r"^(scripts/\w+)", block, re.M)
    assert scripts == ["scripts/demo", "scripts/test"]
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)


def test_the_first_session_is_short() -> None:
    _, *sessions = code(README, "sh")
    assert sum(len(block.splitlines()) for block in sessions) <= 20


def readme_page() -> str:
    """What makes the README's page, without the line that serves it."""
    page, serving = code(README, "sh")[0].rstrip().rsplit("\n", 1)
    assert serving == "python3 -m http.server 8000 --bind 127.0.0.1"
    return f"cd tea\n{page}"


def test_the_readmes_first_session_on_the_command_line(shell: Shell) -> None:
    block = code(README, "sh")[1]
    said = shell.run(readme_page(), block)
    assert '@e1 [input type="text"] "Name"' in block
    assert '@e1 [input type="text"] "Name"\n@e2 [button] "Order"' in said
    assert "?guest=Ada" in said.splitlines()
    assert (shell.folder / "tea" / "tea.png").read_bytes().startswith(PNG)


@needs_curl
def test_the_readmes_first_session_over_http(shell: Shell) -> None:
    said = shell.run(readme_page(), code(README, "sh")[2])
    assert said.count('"success":true') == 3
    assert '"value":"?guest=Ada"' in said
    assert (shell.folder / "tea" / "tea-http.png").read_bytes().startswith(PNG)


def test_the_readmes_first_session_in_python(shell: Shell) -> None:
    shell.run(readme_page())
    (program,) = code(README, "python")
    said = shell.python(program)
    assert said.splitlines() == [
        '@e1 [input type="text"] "Name"',
        '@e2 [button] "Order"',
        "?guest=Ada",
    ]
    assert (shell.folder / "tea-python.png").read_bytes().startswith(PNG)


def quickstart_page() -> str:
    (block,) = code(section(QUICKSTART, "## A page to try it on"), "sh")
    return block


def test_the_quickstart_on_the_command_line(shell: Shell) -> None:
    blocks = section(QUICKSTART, "## On the command line")
    said = shell.run(quickstart_page(), *code(blocks, "sh"))
    shown = code(blocks, "text")[0].splitlines()
    assert all(line in said for line in shown if line.startswith("@e"))
    assert "\nThank you\n" in said
    assert (shell.folder / "tea" / "thanks.png").read_bytes().startswith(PNG)


@needs_curl
def test_the_quickstart_over_http(shell: Shell) -> None:
    said = shell.run(quickstart_page(), *code(section(QUICKSTART, "## Over HTTP"), "sh"))
    assert 'value="Ada"' in said
    assert (shell.folder / "tea" / "tea.png").read_bytes().startswith(PNG)


def test_the_quickstart_in_python(shell: Shell) -> None:
    shell.run(quickstart_page())
    said = shell.python(code(section(QUICKSTART, "## In Python"), "python")[0])
    assert re.search(r"^True http://\S+/thanks\.html\?guest=Ada&tea=Assam$", said, re.M)


def test_the_quickstart_puts_a_session_away_and_brings_it_back(shell: Shell) -> None:
    blocks = code(section(QUICKSTART, "## Put away, and brought back"), "sh")
    said = shell.run(quickstart_page(), *blocks)
    assert re.search(r"^state +hibernated \(", said, re.M)
    assert re.search(r"^Ada$", said, re.M)
    assert re.search(r"^name +another try$", said, re.M)
    assert (shell.folder / "tea" / "tea.json").stat().st_mode & 0o777 == 0o600


@needs_curl
def test_a_script_of_the_other_command_line(shell: Shell) -> None:
    blocks = code(section(QUICKSTART, "## Scripts written for inference.sh"), "sh")
    said = shell.run(quickstart_page(), *blocks)
    assert re.fullmatch(r"ses_[\w-]{22}", said.strip())


def test_the_recording_of_the_page_on_recordings(shell: Shell) -> None:
    said = shell.run(quickstart_page(), *code(read("docs/recordings.md"), "sh"))
    assert re.search(
        r"^closed ses_[\w-]{22}\nvideo http://\S+/v1/artifacts/art_[\w-]{22}$", said, re.M
    )


@needs_curl
def test_the_examples_of_the_http_api(shell: Shell) -> None:
    said = shell.run(quickstart_page(), *code(read("docs/http-api.md"), "sh"))
    assert '[1,"@e3",' in said
    assert '"code":"unknown_ref"' in said
    assert '"error":"ReferenceError: nope is not defined"' in said
    assert '"video":null' in said
    assert '\nhibernated\n"Grace"\n' in said
    assert '[1,"Grace"]\n["cookies","origins"]\n' in said
    assert '["shop",{"idle":7200.0}]\n["shop",7200.0]\ntrue\n' in said or (
        '["shop",{"idle":7200}]\n["shop",7200]\ntrue\n' in said
    )  # releases of jq differ
    assert '"status":"ready"' in said
    assert 'agent_browser_sessions{state="live"}' in said
    assert '{"same":false,"differing":["title"]}' in said
    folder = shell.folder / "tea"
    assert (folder / "difference.png").read_bytes().startswith(PNG)
    assert (folder / "page.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (folder / "page.webp").read_bytes().startswith(b"RIFF")
    assert (folder / "session.webm").read_bytes().startswith(b"\x1a\x45\xdf\xa3")


@needs_curl
def test_the_examples_of_the_page_on_storage(shell: Shell) -> None:
    said = shell.run(quickstart_page(), *code(read("docs/storage.md"), "sh"))
    assert re.search(r'^{"n":1}\n1 of http://127\.0\.0\.1:\d+: 1$', said, re.M)
    assert "\n1\n127.0.0.1\n" in said
