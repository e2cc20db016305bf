"""What pages are shown under, and proxies, through the real server."""

import httpx
import pytest

from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, call, live
from tests.site import Site

pytestmark = pytest.mark.browser

DARK = "matchMedia('(prefers-color-scheme: dark)').matches"


def test_emulate_and_a_later_open_change_a_live_session(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/empty"))
    said = call(http, "emulate", session.id, color_scheme="dark", width=640)
    assert (said["emulation"]["color_scheme"], said["emulation"]["width"]) == ("dark", 640)
    assert call(http, "execute", session.id, code=DARK)["value"] is True
    call(http, "open", session.id, url=site.url("/empty"), color_scheme="light")
    assert call(http, "execute", session.id, code=DARK)["value"] is False
    with pytest.raises(Refused) as refused:
        call(http, "emulate", session.id, timezone="Asia/Tokyo")
    assert (refused.value.status, refused.value.code) == (409, "option_needs_new_session")


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_is_not_there_is_clear_and_shows_no_password(
    http: httpx.Client, site: Site, scheme: str
) -> None:
    nobody = site.refusing_url().removeprefix("http://").rstrip("/")
    before = live(http)
    with pytest.raises(Refused) as refused:
        call(
            http, "open", "new", url=site.url("/empty"), proxy_url=f"{scheme}://b:hunter2@{nobody}"
        )
    assert (refused.value.status, refused.value.code) == (502, "navigation_failed")
    detail = refused.value.problem["detail"]
    assert detail.startswith("Failed to open URL: net::ERR_PROXY_CONNECTION_FAILED: the proxy")
    assert "hunter2" not in str(refused.value.problem)
    assert site.requests == []
    assert live(http) == before


@pytest.mark.parametrize("url", [" ", "ftp://p", "http://b:hunter2@p/path", "http://p:0"])
def test_an_address_that_is_no_proxys_is_refused_and_not_repeated(
    http: httpx.Client, site: Site, url: str
) -> None:
    with pytest.raises(Refused) as refused:
        call(http, "open", "new", url=site.url("/empty"), proxy_url=url)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    assert "proxy_url" in str(refused.value.problem)
    assert "hunter2" not in str(refused.value.problem)
