"""A session's options as Playwright's arguments."""

from typing import Any

import pytest

from agent_browser.browser.options import context_arguments, headers, proxy
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import ContextOptions

DEVICES: dict[str, Any] = {
    "iPhone 15": {
        "user_agent": "phone",
        "viewport": {"width": 393, "height": 659},
        "is_mobile": True,
        "default_browser_type": "webkit",
    }
}


def made(**given: Any) -> dict[str, Any]:
    return context_arguments(ContextOptions(**given), DEVICES, None)


def test_nothing_asked_for_is_a_viewport_of_1280_by_720() -> None:
    assert made() == {"viewport": {"width": 1280, "height": 720}}


def test_a_device_brings_its_viewport_and_user_agent_and_not_its_browser() -> None:
    arguments = made(device="iPhone 15")
    assert arguments["viewport"] == {"width": 393, "height": 659}
    assert arguments["user_agent"] == "phone"
    assert "default_browser_type" not in arguments


def test_a_width_goes_before_the_device() -> None:
    assert made(device="iPhone 15", width=500)["viewport"] == {"width": 500, "height": 659}


def test_an_unknown_device_names_the_near_miss() -> None:
    with pytest.raises(InvalidRequest, match="iPhone 15"):
        made(device="iphone 15")


def test_an_unknown_time_zone_names_the_near_miss() -> None:
    with pytest.raises(InvalidRequest, match="Europe/Zurich"):
        made(timezone="Europe/Zürich")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("https://proxy", "https://proxy"),
        ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_proxy_is_used_for_loopback_too(url: str, server: str) -> None:
    assert proxy(ContextOptions(proxy_url=url)) == {"server": server, "bypass": "<-loopback>"}


def test_credentials_may_be_beside_the_proxy_or_in_its_address() -> None:
    beside = ContextOptions(proxy_url="http://p:1", proxy_username="u", proxy_password="s")
    within = ContextOptions(proxy_url="http://u:s@p:1")
    assert proxy(beside) == proxy(within)
    assert (proxy(beside) or {})["password"] == "s"


@pytest.mark.parametrize(
    "url", ["ftp://proxy", "http://", "http://proxy/path", "socks5://u:p@proxy:1", "http://[::1"]
)
def test_a_proxy_that_can_not_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="proxy_url"):
        proxy(ContextOptions(proxy_url=url))


@pytest.mark.parametrize(
    "given", [{"Host": "x"}, {"a b": "x"}, {"X-A": "a\r\nX-B: b"}, {"Content-Length": "1"}]
)
def test_headers_that_can_not_be_set_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="extra_headers"):
        headers(given)
