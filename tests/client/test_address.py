"""Addresses of servers."""

import pytest

from agent_browser.client import address
from agent_browser.errors import InvalidUrl


@pytest.mark.parametrize(
    ("text", "url", "host", "port"),
    [
        ("http://127.0.0.1:7070", "http://127.0.0.1:7070", "127.0.0.1", 7070),
        (" http://localhost:7070/ ", "http://localhost:7070", "localhost", 7070),
        ("localhost:7070", "http://localhost:7070", "localhost", 7070),
        ("https://example.com", "https://example.com", "example.com", 443),
        ("http://[::1]:8000/below/", "http://[::1]:8000/below", "::1", 8000),
    ],
)
def test_an_address_is_read(text: str, url: str, host: str, port: int) -> None:
    found = address.parse(text)

    assert (found.url, found.host, found.port) == (url, host, port)


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "http://", "http://x:port", "http://x:99999", "http://x/?a=1", "http://x/#a"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidUrl):
        address.parse(text)


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.8.8.8:1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://a.localhost:1", True),
        ("http://localhost.example.com:1", False),
        ("http://10.0.0.1:1", False),
        ("http://127.0.0.1.example.com:1", False),
    ],
)
def test_loopback_is_told_by_the_name(text: str, is_loopback: bool) -> None:
    assert address.parse(text).is_loopback is is_loopback


def test_an_artifact_is_asked_of_this_server_whatever_host_its_url_names() -> None:
    here = address.parse("http://127.0.0.1:7070")

    assert here.path_of("https://evil.example/v1/artifacts/a?b=c") == "/v1/artifacts/a?b=c"
    for bad in ("", "artifacts/a", "http://evil.example", "http://x//evil.example/a"):
        with pytest.raises(InvalidUrl):
            here.path_of(bad)
