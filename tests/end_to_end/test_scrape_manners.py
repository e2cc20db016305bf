"""How politely pages are scraped: robots.txt, pauses, and how many at a time, for real."""

import json
import time

import httpx
import pytest

from agent_browser.client import AsyncClient
from tests.egress import proxies
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Json, eventually, live
from tests.end_to_end.test_scrape import TITLE, scrape
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

RULES = """
User-agent: *
Disallow: /

User-agent: agent-browser
Disallow: /form
Allow: /form?open
Crawl-delay: 0.6
"""


def last(site: Site, *paths: str) -> float:
    """When the last of these pages was asked for."""
    return max(request.at for path in paths for request in site.asked(path))


def test_robots_are_asked_for_once_and_obeyed(http: httpx.Client, site: Site) -> None:
    site.robots = RULES
    urls = [site.url(path) for path in ("/form", "/form?open", "/empty", "/list")]
    began = time.monotonic()
    results, summary = scrape(http, urls, robots=True)
    assert [line["ok"] for line in results] == [False, True, True, True]
    assert summary["codes"] == {"robots_disallowed": 1}
    assert [request.query for request in site.asked("/form")] == [{"open": [""]}]
    (asked,) = site.asked("/robots.txt")
    assert "agent-browser" in asked.headers["user-agent"]
    assert last(site, "/form", "/empty", "/list") - began >= 1.2, "three pages, 0.6 s between"
    results, _ = scrape(http, urls[:1])
    assert results[0]["ok"], "nobody asked for robots.txt to be obeyed"


def test_robots_that_name_somebody_else_are_not_meant(http: httpx.Client, site: Site) -> None:
    site.robots = RULES
    (result,), _ = scrape(http, [site.url("/empty")], robots=True, robots_agent="somebody")
    assert result["error"]["code"] == "robots_disallowed"
    assert site.asked("/empty") == []


def test_the_browser_of_a_given_session_asks_for_robots(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    site.robots = RULES
    session = opening(site.url("/cookies/set"), user_agent="Guest/1.0")
    urls = [site.url("/form"), site.url("/empty")]
    results, _ = scrape(http, urls, robots=True, session=session.id)
    assert [line["ok"] for line in results] == [False, True]
    (asked,) = site.asked("/robots.txt")
    assert asked.headers["user-agent"] == "Guest/1.0"
    assert site.asked("/form") == []


@pytest.mark.anyio
async def test_robots_come_through_the_pages_proxy(server: Program, site: Site) -> None:
    site.robots = RULES
    urls = [site.url("/form"), site.url("/empty")]
    async with proxies.http() as proxy, AsyncClient(server.base_url) as client:
        options = {"proxy_url": f"http://127.0.0.1:{proxy.port}"}
        pages = client.scrape(urls, read=[TITLE], robots=True, options=options)
        done = {page.index: page.ok async for page in pages}
    assert done == {0: False, 1: True}
    assert site.url("/robots.txt") in proxy.seen
    assert {request.path for request in site.requests} <= {
        seen.removeprefix(site.origin).partition("?")[0] for seen in proxy.seen
    }


def test_a_delay_is_kept_between_the_pages_of_a_host(http: httpx.Client, site: Site) -> None:
    paths = ("/empty", "/list", "/form")
    began = time.monotonic()
    scrape(http, [site.url(path) for path in paths], per_host={"delay": 0.7})
    assert last(site, *paths) - began >= 1.4


@pytest.mark.parametrize(
    ("bounds", "at_a_time"),
    [
        ({"concurrency": 2}, 2),
        ({"concurrency": 8, "per_host": {"concurrency": 1}}, 2),
        ({"concurrency": 8, "per_host": {"concurrency": 2}}, 4),
    ],
)
def test_no_more_pages_are_opened_at_a_time_than_is_asked_for(
    http: httpx.Client, site: Site, bounds: Json, at_a_time: int
) -> None:
    hosts = (site.url, site.other_origin)
    urls = [host(f"/held?{number}") for number in range(3) for host in hosts]
    body = {"urls": urls, "read": [TITLE], **bounds}
    with http.stream("POST", "/v1/scrape", json=body) as answer:
        eventually(lambda: len(site.asked("/held")) >= at_a_time)
        scrape(http, [site.url("/empty")])  # all that may begin has had the time to
        assert len(site.asked("/held")) == at_a_time
        site.release()
        *results, summary = [json.loads(line) for line in answer.iter_lines()]
    assert (len(results), summary["ok"]) == (6, 6)
    assert live(http) == 0
