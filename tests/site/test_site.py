"""The test site is what its users take it for."""

import json
import re
import ssl
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page

from tests.site import Site, documents, forms


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


@pytest.mark.parametrize("name", documents.NAMES)
def test_every_page_answers_with_a_title_and_asks_only_this_site(
    site: Site, http: httpx.Client, name: str
) -> None:
    answer = http.get(site.url(f"/{name}"))
    assert answer.status_code == 200
    assert re.search("<title>[^<]+</title>", answer.text)
    assert "{{" not in answer.text
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        if re.match("https?:|//", address):
            assert address.startswith(site.other_origin("/")), address


def test_other_origin_is_the_same_server(site: Site, http: httpx.Client) -> None:
    assert http.get(site.other_origin("/json")).json() == {"answer": 42}
    assert [request.path for request in site.requests] == ["/json"]


def test_requests_are_recorded_with_their_bodies_and_forgotten_by_reset(
    site: Site, http: httpx.Client
) -> None:
    http.post(site.url("/submitted?a=1"), data={"name": "Ada"}, headers={"X-Mark": "yes"})
    [request] = site.asked("/submitted")
    assert (request.method, request.query, request.body) == ("POST", {"a": ["1"]}, b"name=Ada")
    assert request.headers["x-mark"] == "yes"
    site.reset()
    assert site.requests == []


def test_submission_is_shown_in_order(site: Site, http: httpx.Client) -> None:
    text = http.get(site.url("/submitted?b=2&a=1&a=%3Cb%3E")).text
    assert "Sent by GET" in text
    [shown] = re.findall('<pre id="json">(.*)</pre>', text)
    assert json.loads(shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')) == [
        ["b", "2"],
        ["a", "1"],
        ["a", "<b>"],
    ]


def test_login_wants_the_password_and_gives_a_cookie(site: Site, http: httpx.Client) -> None:
    wrong = http.post(site.url("/login"), data={"user": forms.USER, "password": "guess"})
    assert wrong.status_code == 401
    right = http.post(site.url("/login"), data={"user": forms.USER, "password": forms.PASSWORD})
    assert right.headers["location"] == "/account"
    assert "Logged in as" in http.get(site.url("/account")).text
    me = http.get(site.url("/api/me"), headers={"Authorization": f"Bearer {forms.TOKEN}"})
    assert me.json() == {"name": "Ada Lovelace"}


def test_redirects_end_where_they_say_or_never(site: Site, http: httpx.Client) -> None:
    answer = http.get(site.url("/redirect?n=5&to=/status/404"), follow_redirects=True)
    assert (answer.status_code, len(answer.history)) == (404, 5)
    with pytest.raises(httpx.TooManyRedirects):
        http.get(site.url("/redirect-loop"), follow_redirects=True)


@pytest.mark.parametrize("path", ["/hang", "/endless"])
def test_what_never_ends_lets_go_when_the_client_does(
    site: Site, http: httpx.Client, path: str
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.get(site.url(path), timeout=0.3)
    assert http.get(site.url("/json")).status_code == 200


def test_cached_page_counts_what_the_server_made(site: Site, http: httpx.Client) -> None:
    assert '<pre id="count">1<' in http.get(site.url("/cached")).text
    assert '<pre id="count">2<' in http.get(site.url("/cached")).text
    tag = {"If-None-Match": '"one"'}
    assert http.get(site.url("/tagged"), headers=tag).status_code == 304


def test_tls_certificate_is_nobodys(site: Site, http: httpx.Client) -> None:
    try:
        url = site.tls_url("/json")
    except FileNotFoundError:
        pytest.skip("no openssl program to make a certificate with")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http.get(url)
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(trust_env=False, verify=unchecked) as careless:
        assert careless.get(url).json() == {"answer": 42}
    assert site.requests[-1].secure


def test_refusing_port_refuses(site: Site, http: httpx.Client) -> None:
    with pytest.raises(httpx.ConnectError):
        http.get(site.refusing_url())


QUIET = sorted(set(documents.NAMES) - {"alert-loop", "hanging-script"})


@pytest.mark.browser
@pytest.mark.parametrize("name", QUIET)
def test_every_page_runs_in_a_browser_without_errors(page: Page, site: Site, name: str) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    answer = page.goto(site.url(f"/{name}"), wait_until="domcontentloaded")
    assert answer is not None
    assert answer.ok
    assert faults == []
