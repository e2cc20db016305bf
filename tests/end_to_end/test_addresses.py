"""Addresses that may not be opened, and pages that cannot be had."""

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, call, eventually, live
from tests.site import Site

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "FILE:///etc/passwd", " file:///etc/passwd", "view-source:http://x/",
        "chrome://version", "chrome-untrusted://x", "devtools://devtools/bundled/inspector.html",
        "javascript:alert(1)", "about:settings", "ftp://127.0.0.1/", "blob:http://127.0.0.1/x",
        "filesystem:http://127.0.0.1/x", "http://", "https:///path", "http://[::1", "http://a b/",
        "http://127.0.0.1:99999/",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_opened_is_refused(http: httpx.Client, url: str) -> None:
    with pytest.raises(Refused) as refused:
        call(http, "open", url=url)
    assert (refused.value.status, refused.value.code) == (400, "invalid_url")
    assert live(http) == 0


def test_goto_and_new_tabs_have_the_same_rule(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    for action in ("goto", "tab_new"):
        done = session.attempt(action, url="file:///etc/passwd")
        assert done["success"] is False
        assert done["code"] == "invalid_url"
    assert session.snapshot()["url"] == site.url("/empty")


@pytest.mark.parametrize("start", ["/empty", "about:blank"])
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "chrome://version/", "view-source:http://127.0.0.1/",
        "devtools://devtools/bundled/inspector.html", "data:text/html,<title>Ran</title>",
        "chrome-untrusted://x/",
    ],
)  # fmt: skip
def test_a_page_that_sends_itself_where_it_may_not_gets_nowhere(
    opening: Opening, site: Site, start: str, url: str
) -> None:
    session = opening(start if start.startswith("about:") else site.url(start))
    at = session.page["url"]
    session.call("execute", code=f"window.open({url!r}); 0")
    link = f"<a href={url!r}>Away</a>"
    session.value(f"document.body.insertAdjacentHTML('beforeend', {link!r})")
    session.snapshot()
    session.attempt("click", session.ref("Away"))
    session.call("execute", code=f"setTimeout(() => {{ location.href = {url!r} }}); 0")

    def all_are_refused() -> bool:
        said = [line["text"] for line in session.call("console")["messages"]]
        refusals = sum(line.startswith("Not allowed to ") for line in said)
        if refusals == (2 if url.startswith("data:") else 3):
            return True
        return str(session.state()["url"]) == "about:blank#blocked"

    eventually(all_are_refused)
    state = session.state()
    assert {state["url"], *(tab["url"] for tab in state["tabs"])} <= {at, "about:blank#blocked"}


def test_a_redirect_to_where_no_page_may_go_is_refused(http: httpx.Client, site: Site) -> None:
    for target in ("file:///etc/passwd", "chrome://version/", "data:text/html,Ran"):
        with pytest.raises(Refused) as refused:
            call(http, "open", url=site.url(f"/redirect?to={target}"))
        assert (refused.value.status, refused.value.code) == (502, "navigation_failed")
    assert live(http) == 0


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("refusing", "ERR_CONNECTION_REFUSED"),
        ("no such name", "ERR_NAME_NOT_RESOLVED"),
        ("certificate", "ERR_CERT_AUTHORITY_INVALID"),
        ("/redirect-loop", "ERR_TOO_MANY_REDIRECTS"),
    ],
)
def test_a_page_that_cannot_be_had_says_why(
    http: httpx.Client, site: Site, where: str, reason: str
) -> None:
    if where == "certificate":
        try:
            url = site.tls_url("/empty")
        except FileNotFoundError:
            pytest.skip("no openssl program to make a certificate with")
    else:
        named = {"refusing": site.refusing_url(), "no such name": "http://nowhere.invalid/"}
        url = named.get(where) or site.url(where)
    with pytest.raises(Refused) as refused:
        call(http, "open", url=url)
    assert (refused.value.status, refused.value.code) == (502, "navigation_failed")
    assert refused.value.problem["detail"].startswith("Failed to open URL: ")
    assert reason in refused.value.problem["detail"]
    assert "Call log" not in refused.value.problem["detail"]
    assert live(http) == 0


def test_a_failed_open_leaves_a_live_session_usable(opening: Opening, site: Site) -> None:
    session = opening(site.url("/storage"))
    session.value("window.store.write('kept')")
    with pytest.raises(Refused, match="ERR_CONNECTION_REFUSED"):
        session.open(site.refusing_url())
    session.open(site.url("/storage"))
    assert session.value("window.store.read()")["local"] == "kept"


@pytest.mark.parametrize("code", [404, 410, 500, 503])
def test_an_error_page_is_a_page_with_its_status(opening: Opening, site: Site, code: int) -> None:
    session = opening(site.url(f"/status/{code}"))
    assert (session.page["status"], session.page["title"]) == (code, f"Status {code}")
    assert session.element("Still a page")["tag"] == "button"


def test_an_error_without_a_page_is_told_with_its_status(opening: Opening, site: Site) -> None:
    assert opening(site.url("/empty-error")).page["status"] == 500


@pytest.mark.parametrize(
    ("path", "wait_until"),
    [
        ("/hang", "commit"),
        ("/endless", "domcontentloaded"),
        ("/hanging-script", "domcontentloaded"),
        ("/hanging-image", "load"),
        ("/hanging-fetch?now", "networkidle"),
    ],
)
def test_a_page_that_never_loads_runs_into_the_navigations_deadline(
    http: httpx.Client, site: Site, path: str, wait_until: str
) -> None:
    with pytest.raises(Refused) as refused:
        call(http, "open", url=site.url(path), timeout=0.7, wait_until=wait_until)
    assert (refused.value.status, refused.value.code) == (504, "deadline_exceeded")
    assert refused.value.problem["deadline"] == "navigation"
    assert "0.7 s" in refused.value.problem["detail"]
    assert live(http) == 0


def test_a_page_whose_image_never_comes_is_there_all_the_same(opening: Opening, site: Site) -> None:
    session = opening(site.url("/hanging-image"))
    session.click("Press me")
    assert session.text() == "pressed\n"


def test_a_session_goes_on_after_a_page_that_never_loads(opening: Opening, site: Site) -> None:
    session = opening(site.url("/empty"))
    with pytest.raises(Refused, match="navigation deadline"):
        session.open(site.url("/hang"), timeout=0.5)
    assert session.open(site.url("/list"))["title"] == "A list drawn again"


def test_a_click_whose_request_never_ends_is_answered_within_its_bound(
    opening: Opening, site: Site
) -> None:
    session = opening(site.url("/hanging-fetch"))
    session.click("Ask")  # whose own bound would fail it
    assert len(site.asked("/hang")) == 1
    assert session.text() == "asked\n"


def test_big_pages_are_counted_whole_and_listed_in_part(opening: Opening, site: Site) -> None:
    session = opening(site.url("/big?n=50000"))
    assert session.page["total"] == 499
    assert len(session.page["elements"]) == 200
    rest = session.snapshot(offset=400, limit=200)
    assert [one["text"] for one in rest["elements"]][-1] == "Button 49900"
    session.click("Button 49900")
