"""What pages are shown under, and proxies, through the real server."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_browser.cli import main
from agent_browser.cli.emulation import _FORMS
from tests.end_to_end.conftest import Opening
from tests.end_to_end.remote import Refused, call, live
from tests.program import Program
from tests.site import Site

pytestmark = pytest.mark.browser

DARK = "matchMedia('(prefers-color-scheme: dark)').matches"
SET = {
    "viewport": ["800 600"],
    "geo": ["47.4 -8.5", "none"],
    "offline": ["on", "off"],
    "headers": ['{"X-A":"b"}', '{"X-A":"b"} http://127.0.0.1'],
    "credentials": ["bob hunter2", "bob hunter2 http://127.0.0.1", "none"],
    "media": ["dark print reduced-motion high-contrast forced-colors", "light screen"],
    "throttle": ["slow-3g 4", "none 1"],
}
"""Each word of the command `set`, in its forms."""


def test_emulate_and_a_later_open_change_a_live_session(
    http: httpx.Client, opening: Opening, site: Site
) -> None:
    session = opening(site.url("/empty"))
    said = call(http, "emulate", session.id, color_scheme="dark", width=640)
    assert (said["emulation"]["color_scheme"], said["emulation"]["width"]) == ("dark", 640)
    assert call(http, "execute", session.id, code=DARK)["value"] is True
    call(http, "open", session.id, url=site.url("/empty"), color_scheme="light")
    assert call(http, "execute", session.id, code=DARK)["value"] is False
    call(http, "open", session.id, url=site.url("/empty"), timezone="Asia/Tokyo")
    zone = "Intl.DateTimeFormat().resolvedOptions().timeZone"
    assert call(http, "execute", session.id, code=zone)["value"] == "Asia/Tokyo"
    with pytest.raises(Refused) as refused:
        call(http, "emulate", session.id, device="iPhone 15")
    assert (refused.value.status, refused.value.code) == (409, "option_needs_new_session")
    assert "keeps what it was made with of device" in refused.value.problem["detail"]


def test_each_word_of_the_command_set_works_on_a_session_in_use(
    server: Program,
    opening: Opening,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    session = opening(site.url("/empty"))
    monkeypatch.setenv("AGENT_BROWSER_URL", server.base_url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert set(SET) == set(_FORMS)
    for word, forms in SET.items():
        for form in forms:
            capfd.readouterr()
            code = main.run(["set", word, *form.split(), "--session", session.id])
            out, err = capfd.readouterr()
            assert (code, err) == (0, ""), (word, form)
            assert out.startswith("viewport 800 by 600"), (word, form)
            assert "hunter2" not in out


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"geolocation": {"latitude": 91, "longitude": 8}}, "input.geolocation.latitude"),
        ({"geolocation": "nowhere"}, "input.geolocation"),
        (
            {"http_credentials": {"username": "bob", "password": 7}},
            "input.http_credentials.password",
        ),
    ],
)
def test_a_fault_in_what_can_be_taken_away_names_its_field(
    http: httpx.Client, opening: Opening, site: Site, given: dict[str, Any], field: str
) -> None:
    session = opening(site.url("/empty"))
    with pytest.raises(Refused) as refused:
        call(http, "emulate", session.id, **given)
    assert refused.value.status == 400
    assert [each["field"] for each in refused.value.problem["errors"]] == [field]


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
