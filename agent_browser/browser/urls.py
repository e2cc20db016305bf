"""Addresses that may be opened: http, https, about:blank and data:, nothing else. Pure."""

import re
from urllib.parse import urlsplit

from agent_browser.errors import InvalidUrl

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*):")
_HOST_PORT = re.compile(r"^[^/?#@:\s]+:\d{1,5}(?:[/?#]|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def normalise(text: str) -> str:
    """The address to navigate to; `https://` is put before a bare host. InvalidUrl says what is
    wrong.
    """
    url = text.strip(" ")
    if not url:
        raise InvalidUrl("the URL is empty")
    if _CONTROL.search(url):
        raise InvalidUrl("the URL has control characters in it")
    scheme = _SCHEME.match(url)
    if scheme is None or _HOST_PORT.match(url):
        if url.startswith(("/", "?", "#")):
            raise InvalidUrl(f"the URL has no host: {_short(url)}")
        url = f"https://{url}"
        return _checked(url)
    name = scheme[1].lower()
    if name == "about":
        if url.lower() != "about:blank":
            raise InvalidUrl(
                f"only about:blank can be opened of about: addresses, not {_short(url)}"
            )
        return "about:blank"
    if name == "data":
        return url
    if name not in ("http", "https"):
        raise InvalidUrl(
            f"{name}: addresses can't be opened; only http, https, about:blank and data: can"
        )
    return _checked(url)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as exc:
        raise InvalidUrl(f"not a URL: {_short(url)}") from exc
    if not host or " " in parts.netloc:
        raise InvalidUrl(f"the URL has no host: {_short(url)}")
    return url


def _short(url: str) -> str:
    return url if len(url) <= 200 else url[:199] + "…"
