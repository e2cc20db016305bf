"""Addresses of proxies."""

import pytest

from agent_browser.egress.upstream import parse


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("HTTP://Proxy/", "http://proxy:80"),
        ("https://proxy", "https://proxy:443"),
        ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://bob:s%40e@proxy:1", "http://proxy:1"),
    ],
)
def test_an_address_has_a_scheme_a_host_and_a_port(url: str, server: str) -> None:
    assert parse(url, None, None).server == server


def test_credentials_may_be_beside_the_address_or_in_it() -> None:
    beside = parse("http://p:1", "bob", "s@e")
    assert beside == parse("http://bob:s%40e@p:1", None, None)
    assert (beside.username, beside.password) == ("bob", "s@e")


def test_what_is_shown_has_no_password_in_it() -> None:
    shown = parse("socks5://bob:hunter2@p:1", None, None)
    assert "hunter2" not in f"{shown!r} {shown} {shown.server}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (" ", "space"),
        ("http://a b:1", "space"),
        ("http://proxy:1\r\nX: y", "control"),
        ("http://proxy:1\x7f", "control"),
        ("ftp://proxy", "scheme"),
        ("socks4://proxy", "scheme"),
        ("http://", "scheme://host:port"),
        ("http://proxy/path", "without a path"),
        ("http://proxy?q", "without a path"),
        ("http://proxy#f", "without a path"),
        ("http://[::1", "valid host and port"),
        ("http://[zz]:1", "valid|IPv6"),
        ("http://proxy:99999", "valid host and port"),
        ("http://proxy:0", "port"),
        ("http://pro*xy:1", "host name"),
        ("http://-proxy:1", "host name"),
        ("socks5://bob@proxy:1", "needs a password"),
        ("socks5://:hunter2@proxy:1", "needs a name"),
        (f"socks5://bob:hunter2{'x' * 255}@proxy", "255"),
        ("http://a%0Ab:hunter2@proxy", "control"),
        ("http://a%3Ab:hunter2@proxy", "colon"),
    ],
)
def test_an_address_that_can_not_be_used_is_refused_without_being_repeated(
    url: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse(url, None, None)
    assert "hunter2" not in str(caught.value)
