"""Where a server is, and what belongs to it."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent_browser.errors import InvalidUrl

DEFAULT_URL = "http://127.0.0.1:7070"


@dataclass(frozen=True)
class Address:
    """A server's base URL: scheme, host and port, and the path that it may be mounted at."""

    url: str
    """Without a slash at its end."""
    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, by its name alone (nothing is looked up)."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def of(self, path: str) -> str:
        """The absolute URL of a path of this server, such as `/v1/sessions`."""
        return self.url + path

    def path_of(self, url: str) -> str:
        """The path and query, on this server, of an artifact's URL. Whatever host the URL names,
        the request and its key go to this server alone.
        """
        parts = urlsplit(url)
        path = parts.path.removeprefix(urlsplit(self.url).path)
        if not path.startswith("/") or path.startswith("//"):
            raise InvalidUrl(f"not the URL of an artifact: {url[:200]}")
        return path + (f"?{parts.query}" if parts.query else "")


def parse(url: str) -> Address:
    """The address that a text names; `http://` is put before a bare host. InvalidUrl."""
    text = url.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise InvalidUrl(f"not the URL of a server: {url[:200]} ({exc})") from exc
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidUrl(f"not the URL of a server: {url[:200]}; http://host:port is expected")
    if parts.query or parts.fragment:
        raise InvalidUrl(f"the URL of a server has no query and no fragment: {url[:200]}")
    standard = 443 if parts.scheme == "https" else 80
    return Address(
        text.rstrip("/"), parts.scheme, parts.hostname, standard if port is None else port
    )
