"""Whose page an address is, and how many of one host's are read at a time."""

import ipaddress
from urllib.parse import urlsplit

from agent_browser.browser.urls import normalise
from agent_browser.errors import InvalidUrl
from agent_browser.models.scraping import ScrapeInput

AT_A_TIME = 2


def host_of(url: str) -> str:
    """Host and port of an address; its scheme where it has no host, "" where it is none."""
    try:
        parts = urlsplit(normalise(url))
    except InvalidUrl:
        return ""
    name = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return name.removesuffix(default) if name and default else name or parts.scheme


def at_a_time(host: str, request: ScrapeInput) -> int:
    """Pages of the host at a time. Nobody needs to be polite to a machine of his own."""
    asked = request.per_host.concurrency
    if asked is not None:
        return asked
    return request.concurrency if not host or _is_loopback(host) else AT_A_TIME


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
