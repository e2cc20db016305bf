"""A page of another site, in the user's own browser, against a server on loopback without keys."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Playwright

from tests.attacks import evil
from tests.attacks.operations import Operation, operations
from tests.attacks.possessions import Possessions, acquired, looked_at
from tests.end_to_end import remote
from tests.program import Program
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

REBOUND = "evil.example"


@pytest.fixture(scope="module")
def target(
    tmp_path_factory: pytest.TempPathFactory, executable: Path
) -> Iterator[tuple[Program, httpx.Client]]:
    """A server without keys, where nothing lapses meanwhile."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("target")
        running = stack.enter_context(Program(folder, executable, control_lease=3600))
        yield running, stack.enter_context(remote.client(running))


@pytest.fixture(scope="module")
def own(target: tuple[Program, httpx.Client], site: Site) -> Possessions:
    return acquired(target[1], site)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[evil.Evil]:
    with evil.serving() as site:
        yield site


@pytest.fixture
def browser_of_the_user(playwright: Playwright, executable: Path) -> Iterator[Browser]:
    """Nothing of the program's: a browser for which one more name leads to this machine, and that
    lets pages of the internet call this machine, as older ones do.
    """
    careless = "LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
    browser = playwright.chromium.launch(
        executable_path=str(executable),
        args=[
            "--no-sandbox",
            f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
            f"--disable-features={careless}",
        ],
    )
    yield browser
    browser.close()


def targets(known: list[Operation], own: Possessions, base: str) -> list[tuple[str, str, str]]:
    """A request of every operation: method, URL, body."""
    found = []
    for operation in known:
        path = operation.path
        for name, kind in operation.owned.items():
            path = path.replace(f"{{{name}}}", own.names.get(kind, ["key_000000000000"])[0])
        for name, value in (("area", "local"), ("key", "a"), ("token", "a" * 60)):
            path = path.replace(f"{{{name}}}", value)
        found.append((operation.method, base + path, json.dumps(operation.body or {})))
    pages = ("/docs", "/docs/errors", "/openapi.json", "/docs/reference.css")
    found += [("GET", base + path, "") for path in pages]
    found += [("GET", f"{base}/v1/artifacts/{name}", "") for name in own.names["artifact"]]
    return found


def _seen(http: httpx.Client, own: Possessions) -> dict[str, Any]:
    held: dict[str, Any] = looked_at(http, own)
    for path in ("/v1/sessions", "/v1/webhooks", "/v1/profiles", "/v1/operations"):
        held[path] = sorted(str(one.get("id", one.get("name"))) for one in _items(http, path))
    return held


def _unchanged(http: httpx.Client, own: Possessions, before: dict[str, Any]) -> None:
    now = _seen(http, own)
    assert {path: seen for path, seen in now.items() if seen != before[path]} == {}


def _items(http: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = remote.read(http.get(path))["items"]
    return items


HOW = {
    "a page of another port": ("127.0.0.1", "attack({})"),
    "a page of another name": (REBOUND, "attack({})"),
    "a service worker": ("127.0.0.1", "attackFromWorker({})"),
    "a sandboxed frame": ("127.0.0.1", "attackFromNowhere({}, 'sandbox')"),
    "a data: address": ("127.0.0.1", "attackFromNowhere({}, 'data')"),
}


@pytest.mark.parametrize("how", HOW)
def test_a_page_of_another_site_changes_and_reads_nothing(
    browser_of_the_user: Browser,
    target: tuple[Program, httpx.Client],
    own: Possessions,
    elsewhere: evil.Evil,
    how: str,
) -> None:
    server, http = target
    host, attack = HOW[how]
    known = operations(http.get("/openapi.json").json())
    aims = targets(known, own, server.base_url)
    assert {method for method, _, _ in aims} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    before = _seen(http, own)
    page = browser_of_the_user.new_page()
    page.goto(elsewhere.url(host=host))
    read = page.evaluate(attack.format(json.dumps(aims)))
    assert read == []
    _unchanged(http, own, before)


def test_these_ways_do_reach_a_server_that_does_not_look(
    browser_of_the_user: Browser, elsewhere: evil.Evil
) -> None:
    with evil.serving() as careless:
        aims = [(method, careless.url(f"/{method}"), '{"a": 1}') for method in ("GET", "POST")]
        page = browser_of_the_user.new_page()
        for host, attack in HOW.values():
            careless.asked.clear()
            page.goto(elsewhere.url(host=host))
            page.evaluate(attack.format(json.dumps(aims)))
            posts = [one for one in careless.asked if one.method == "POST"]
            assert {"text/plain", "text/plain; application/json"} <= {one.kind for one in posts}
            assert any(one.method == "GET" for one in careless.asked)
            assert any(one.method == "OPTIONS" for one in careless.asked)
        kinds = {one.kind.partition(";")[0] for one in posts}
        assert {"multipart/form-data", "application/x-www-form-urlencoded"} <= kinds
        forms = [one.body for one in posts if one.kind == "text/plain" and b"x=" in one.body]
        assert json.loads(forms[0]) == {"a": 1, "x=": 1}  # a field whose name and value are JSON


def test_a_rebound_name_changes_and_reads_nothing(
    browser_of_the_user: Browser, target: tuple[Program, httpx.Client], own: Possessions
) -> None:
    server, http = target
    rebound = server.base_url.replace("127.0.0.1", REBOUND)
    before = _seen(http, own)
    page = browser_of_the_user.new_page()
    answer = page.goto(f"{rebound}/healthz")
    assert answer is not None
    assert (answer.status, answer.json()["code"]) == (403, "host_not_allowed")
    # The page that was there when the name still led to the attacker's own server.
    page.route("**/lure", lambda route: route.fulfill(body="<title>lure</title>"))
    page.goto(f"{rebound}/lure")
    known = operations(http.get("/openapi.json").json())
    aims = targets(known, own, rebound)
    answered = [(url, method, _same_origin(page, method, url, body)) for method, url, body in aims]
    assert [one for one in answered if one[2] != 403] == []
    _unchanged(http, own, before)


def _same_origin(page: Page, method: str, url: str, body: str) -> Any:
    options: dict[str, Any] = {"method": method}
    if method != "GET":
        options |= {"body": body, "headers": {"Content-Type": "application/json"}}
    return page.evaluate(
        "([url, options]) => fetch(url, options).then((a) => a.status, String)", [url, options]
    )


def test_a_page_that_the_user_is_led_to_shows_nothing(
    browser_of_the_user: Browser,
    target: tuple[Program, httpx.Client],
    own: Possessions,
    elsewhere: evil.Evil,
) -> None:
    server, http = target
    before = _seen(http, own)
    for path in (f"/v1/sessions/{own['session']}", f"/v1/artifacts/{own['artifact']}", "/docs"):
        page = browser_of_the_user.new_page()
        page.goto(elsewhere.url())
        with page.expect_navigation():
            page.evaluate(evil.call("location.assign", server.base_url + path))
        assert "host_not_allowed" in page.content()
        page.close()
    _unchanged(http, own, before)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_preflight_is_refused_also_for_a_private_network(
    target: tuple[Program, httpx.Client], origin: str
) -> None:
    server, http = target
    for name in ("Access-Control-Request-Private-Network", "Access-Control-Request-Local-Network"):
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,authorization",
            name: "true",
        }
        answer = http.options("/v1/sessions", headers=asked)
        assert answer.status_code == 403
        assert not [one for one in answer.headers if one.startswith("access-control")]
    assert server.base_url
