"""Many pages in one request, through the real server."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import Any

import httpx
import pytest

from agent_browser.client import AsyncClient, Client
from tests.end_to_end.remote import Json, eventually, live
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

TITLE = {"function": "execute", "input": {"code": "document.title"}, "name": "heading"}
COUNTED = "document.cookie = `n${Math.random()}=1`; document.cookie.split(';').length"
AGAIN = {"retries": {"attempts": 1}}


def scrape(http: httpx.Client, urls: list[Any], **options: Any) -> tuple[list[Json], Json]:
    """The lines by their place, and the summary."""
    body = {"urls": urls, "read": [TITLE], **AGAIN, **options}
    with http.stream("POST", "/v1/scrape", json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]
    *results, summary = lines
    assert summary["type"] == "summary"
    assert {line["type"] for line in results} == {"result"}
    assert sorted(line["index"] for line in results) == list(range(len(urls)))
    return sorted(results, key=lambda line: line["index"]), summary


def test_pages_are_read_and_what_failed_says_why(http: httpx.Client, site: Site) -> None:
    urls = [
        site.url("/form"),
        {"url": site.url("/status/404"), "id": "gone"},
        site.refusing_url(),
        "file:///etc/passwd",
    ]
    results, summary = scrape(http, urls)
    assert [line["ok"] for line in results] == [True, False, False, False]
    assert results[0]["heading"]["value"] == results[0]["title"] == "Form of all fields"
    assert results[1]["id"] == "gone"
    assert results[1]["status"] == 404
    assert results[1]["heading"]["value"] == "Status 404", "an error page is read all the same"
    codes = [line["error"]["code"] for line in results[1:]]
    assert codes == ["http_error", "navigation_failed", "invalid_url"]
    assert summary["failed"] == 3
    assert live(http) == 0


def test_an_address_that_is_a_file_is_no_page_and_never_the_one_before(
    http: httpx.Client, site: Site
) -> None:
    urls = [site.url("/form"), site.url("/download/report.txt")]
    for mode in ("per_url", "per_host"):
        (page, file), summary = scrape(http, urls, session=mode)
        assert page["ok"]
        assert page["files"] == []
        assert (file["ok"], file["error"]["code"]) == (False, "not_a_page")
        assert (file["final_url"], file["title"], file["heading"]) == (None, None, None)
        assert "report.txt" in file["error"]["detail"]
        assert http.get(file["files"][0]["url"]).content
        assert summary["codes"] == {"not_a_page": 1}


def test_a_page_that_asks_something_is_read_all_the_same(http: httpx.Client) -> None:
    page = "data:text/html,<p>one</p><script>setTimeout(() => confirm('sure?'))</script>"
    (result,), _ = scrape(http, [page], read=[{"function": "read", "input": {"format": "text"}}])
    assert result["ok"], result["error"]
    assert result["read"]["content"] == "one"


def test_an_action_that_was_not_done_is_not_ok(http: httpx.Client, site: Site) -> None:
    click = {"action": "click", "ref": "css=.nowhere", "timeout": 0.2}
    read = [{"function": "interact", "input": click}, TITLE]
    (result,), _ = scrape(http, [site.url("/form")], read=read)
    assert (result["ok"], result["error"]["reading"]) == (False, "interact")
    assert result["error"]["code"] == result["interact"]["code"]
    assert result["heading"]["value"] == "Form of all fields"


def test_what_no_second_try_changes_is_tried_once(http: httpx.Client) -> None:
    (result,), _ = scrape(http, ["http://127.0.0.1:1/"], retries={"attempts": 3, "backoff": 0})
    assert "ERR_UNSAFE_PORT" in result["error"]["detail"]
    assert result["attempts"] == 1


def test_a_recording_of_a_page_is_among_its_videos(http: httpx.Client, site: Site) -> None:
    read = [{"function": "record", "input": {"action": "start", "fps": 10}}, TITLE]
    (result,), _ = scrape(http, [site.url("/form")], read=read)
    assert [video["fps"] for video in result["videos"]] == [10]


def test_a_page_that_may_pass_is_tried_again_when_it_wants(http: httpx.Client, site: Site) -> None:
    urls = [site.url("/status/503?retry_after=1"), site.url("/status/503?retry_after=500")]
    results, summary = scrape(http, urls, retries={"attempts": 2, "backoff": 0})
    assert [line["attempts"] for line in results] == [2, 1]
    assert results[0]["seconds"] >= 1, "it is left alone for as long as it asks"
    assert summary["codes"] == {"http_error": 2}
    assert summary["attempts"] == 3


def test_a_page_is_read_by_default(http: httpx.Client, site: Site) -> None:
    with http.stream("POST", "/v1/scrape", json={"urls": [site.url("/form")]}) as answer:
        result = json.loads(next(answer.iter_lines()))
    assert result["ok"], result["error"]
    assert result["read"]["format"] == "markdown"


def test_each_function_can_read(http: httpx.Client, site: Site) -> None:
    read = [{"function": "snapshot", "input": {"limit": 1}}, {"function": "screenshot"}]
    (result,), _ = scrape(http, [site.url("/form")], read=read)
    assert len(result["snapshot"]["elements"]) == 1
    picture = http.get(result["screenshot"]["screenshot"]["url"])
    assert picture.content.startswith(b"\x89PNG"), "a picture outlives its session"


def test_a_hosts_pages_share_cookies_where_they_share_a_session(
    http: httpx.Client, site: Site
) -> None:
    count = [{"function": "execute", "input": {"code": COUNTED}}]
    urls = [site.url("/empty")] * 2
    apart, _ = scrape(http, urls, read=count)
    together, _ = scrape(http, urls, read=count, session="per_host")
    assert [line["execute"]["value"] for line in apart] == [1, 1]
    assert [line["execute"]["value"] for line in together] == [1, 2]
    assert len({line["session_id"] for line in together}) == 1
    assert live(http) == 0


def test_options_are_of_each_session(http: httpx.Client, site: Site) -> None:
    read = [{"function": "execute", "input": {"code": "[navigator.language, innerWidth]"}}]
    options = {"locale": "de-CH", "width": 500, "height": 400}
    (result,), _ = scrape(http, [site.url("/empty")], read=read, options=options)
    assert result["execute"]["value"] == ["de-CH", 500]


def test_a_reader_that_goes_away_leaves_no_session(http: httpx.Client, site: Site) -> None:
    never = {"function": "execute", "input": {"code": "new Promise(() => {})", "timeout": 30}}
    body = {"urls": [":", *[site.url("/form")] * 3], "read": [never], **AGAIN}
    with http.stream("POST", "/v1/scrape", json=body) as answer:
        lines = answer.iter_lines()  # held: the stream is closed with it
        assert json.loads(next(lines))["error"]["code"] == "invalid_url"
        eventually(lambda: live(http) > 0)
    eventually(lambda: live(http) == 0, within=5, what="sessions outlived their reader")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"urls": []}, 400, "invalid_request"),
        ({"urls": ["a"], "read": [{"function": "nope"}]}, 400, "invalid_request"),
        ({"urls": ["a"], "session": "ses_nope"}, 404, "session_not_found"),
    ],
)
def test_what_is_wrong_as_a_whole_is_a_problem(
    http: httpx.Client, body: Json, status: int, code: str
) -> None:
    answer = http.post("/v1/scrape", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_stream_takes_no_idempotency_key(http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    answer = http.post("/v1/scrape", json={"urls": ["a"]}, headers=headers)
    assert answer.status_code == 400
    assert "stream" in answer.json()["detail"]


@pytest.mark.anyio
async def test_both_clients_give_results_and_then_the_summary(server: Program, site: Site) -> None:
    urls = [site.url("/form"), site.url("/empty")]
    async with AsyncClient(server.base_url) as awaiting:
        pages = awaiting.scrape(urls, read=[TITLE], concurrency=2)
        titles = {page.index: page.readings["heading"]["value"] async for page in pages}
        async with awaiting.session() as session:
            alone = session.scrape(urls[:1], read=["snapshot"])
            assert [page.session_id async for page in alone] == [session.id]
    assert titles == {0: "Form of all fields", 1: "Nothing to act on"}
    assert pages.summary is not None
    assert pages.summary.ok == 2


def test_leaving_a_clients_loop_ends_the_work(
    server: Program, http: httpx.Client, site: Site
) -> None:
    with Client(server.base_url) as client:
        pages = client.scrape([site.url("/form")] * 30, read=[TITLE], concurrency=2)
        for _ in pages:
            break
        pages.close()
        assert pages.summary is None
    eventually(lambda: live(http) == 0, within=5)


def run(server: Program, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "agent_browser", "scrape", *arguments, "--url", server.base_url],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_a_line_for_each_and_says_whether_all_went_well(
    server: Program, site: Site
) -> None:
    good, bad = site.url("/form"), site.url("/status/404")
    done = run(server, "-", "--read", "text", "--eval", "1+1", stdin=f"# pages\n{good}\n\n")
    assert done.returncode == 0, done.stderr
    result, summary = map(json.loads, done.stdout.splitlines())
    assert result["execute"]["value"] == 2
    assert result["text"]["format"] == "text"
    assert summary["ok"] == 1
    heading = {"format": "fields", "schema": {"heading": "h1"}}
    reading = json.dumps({"function": "read", "input": heading, "name": "facts"})
    done = run(server, good, "--reading", reading, "--reading", '{"function": "snapshot"}')
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[0])
    assert list(result["facts"]["fields"]) == ["heading"]
    assert result["snapshot"]["total"] > 0
    done = run(server, good, bad, "--read", "snapshot", "--retries", "0")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "agent-browser: 1 of 2 pages failed; each line says why\n"


def test_a_terminal_gets_a_bar_and_the_lines_as_they_are(server: Program) -> None:
    page = "data:text/html,<title>[red]:heart:[/red]</title>"
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "agent_browser", "scrape", page, "--url", server.base_url]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower
    ) as running:
        os.close(follower)
        shown = bytearray()
        with suppress(OSError):  # a terminal that nobody has open any more
            while piece := os.read(leader, 65_536):
                shown += piece
        os.close(leader)
    assert running.returncode == 0
    assert b'"title":"[red]:heart:[/red]"' in shown
    assert b"1/1" in shown
