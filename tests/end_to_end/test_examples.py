"""The examples do what they say, run as their readers run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.end_to_end.remote import live
from tests.program import Program
from tests.site import Site, forms

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(
    server: Program, name: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env=kept | {"AGENT_BROWSER_URL": server.base_url} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_scraping_prints_a_line_for_each_page(
    server: Program, http: httpx.Client, site: Site
) -> None:
    pages = [site.url(path) for path in ("/form", "/reference", "/status/404", "/frames", "/empty")]
    refused = site.refusing_url()
    done = run(server, "scrape_in_parallel.py", *pages, refused)
    assert done.returncode == 1, done.stderr
    lines = {line["url"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert sorted(lines) == sorted([*pages, refused])
    assert lines[pages[1]]["links"] == 100
    assert lines[pages[2]]["status"] == 404
    assert lines[refused]["error"].startswith("Failed to open URL: ")
    assert live(http) == 0


def test_comparison_draws_both_pages_and_prints_the_difference(
    server: Program, http: httpx.Client, site: Site, tmp_path: Path
) -> None:
    picture = tmp_path / "comparison.png"
    a, b = site.url("/reference?links=3"), site.url("/reference?links=4")
    done = run(server, "compare_two_pages.py", a, b, str(picture))
    assert done.returncode == 0, done.stderr
    assert "+Link 4" in done.stdout.splitlines()
    with Image.open(picture) as image:
        assert image.size == (1280 + 8 + 1280, 720)
    same = run(server, "compare_two_pages.py", a, a, str(picture))
    assert same.stdout == f"{picture}: 0.00% of the pixels differ\n"
    assert live(http) == 0


def test_login_goes_on_as_the_user_and_keeps_the_password(
    server: Program, http: httpx.Client, site: Site
) -> None:
    arguments = (site.url("/login"), forms.USER, site.url("/account"))
    done = run(server, "login_flow.py", *arguments, LOGIN_PASSWORD=forms.PASSWORD)
    assert done.returncode == 0, done.stderr
    assert "titled 'Account'" in done.stdout
    assert "Log out" in done.stdout
    assert forms.PASSWORD not in done.stdout + done.stderr
    assert forms.PASSWORD not in server.log
    assert live(http) == 0


def test_login_with_a_wrong_password_fails_in_words(server: Program, site: Site) -> None:
    arguments = (site.url("/login"), forms.USER, site.url("/account"))
    done = run(server, "login_flow.py", *arguments, LOGIN_PASSWORD="a guess")
    assert done.returncode == 1
    assert done.stderr == "error: the login was refused\n"


def test_videos_of_sessions_at_once_are_downloaded(
    server: Program, http: httpx.Client, site: Site, tmp_path: Path
) -> None:
    pages = [site.url("/clock"), site.url("/page-scroll")]
    done = run(server, "collect_videos.py", str(tmp_path), *pages)
    assert done.returncode == 0, done.stderr
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["01-1.webm", "02-1.webm"]
    for file in files:
        assert file.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # the first bytes of a WebM
    assert live(http) == 0


@pytest.mark.parametrize(
    "name", ["scrape_in_parallel", "compare_two_pages", "login_flow", "collect_videos"]
)
def test_without_arguments_an_example_says_what_it_wants(server: Program, name: str) -> None:
    done = run(server, f"{name}.py")
    assert done.returncode == 1
    assert f"python examples/{name}.py" in done.stderr
