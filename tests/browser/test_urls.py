"""Which addresses may be opened."""

import pytest

from agent_browser.browser.urls import normalise
from agent_browser.errors import InvalidUrl


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        ("http://example.com/a?b#c", "http://example.com/a?b#c"),
        ("example.com", "https://example.com"),
        ("example.com/path", "https://example.com/path"),
        ("localhost:8000/x", "https://localhost:8000/x"),
        ("127.0.0.1:80", "https://127.0.0.1:80"),
        (" https://example.com ", "https://example.com"),
        ("HTTPS://EXAMPLE.com", "HTTPS://EXAMPLE.com"),
        ("about:blank", "about:blank"),
        ("ABOUT:blank", "about:blank"),
        ("data:text/html,<p>x", "data:text/html,<p>x"),
        ("https://[::1]:7070/", "https://[::1]:7070/"),
    ],
)
def test_what_can_be_opened(text: str, url: str) -> None:
    assert normalise(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "javascript:alert(1)",
        "view-source:https://example.com",
        "chrome://version",
        "devtools://devtools",
        "about:config",
        "ftp://example.com",
        "blob:https://example.com/x",
        "ws://example.com",
        "https://",
        "http:///path",
        "/path",
        "?q",
        "#part",
        "https://exa mple.com",
        "https://example.com:99999",
        "java\nscript:alert(1)",
        "https://example.com/\x00",
        "https://[::1",
    ],
)
def test_what_can_not_be_opened(text: str) -> None:
    with pytest.raises(InvalidUrl):
        normalise(text)
