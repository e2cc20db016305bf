"""A session's options as Playwright's arguments. Pure."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from agent_browser.browser.engine import DEFAULT_HEIGHT, DEFAULT_WIDTH
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import ContextOptions

_HEADER_NAME = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
_KEPT_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding", "upgrade"})
_PROXY_SCHEMES = ("http", "https", "socks5")


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {message}", [{"field": field, "message": message}])


def context_arguments(
    options: ContextOptions, devices: Mapping[str, Any], recordings: Path | None
) -> dict[str, Any]:
    """Arguments of a new Playwright context; InvalidRequest names the option that is wrong."""
    arguments: dict[str, Any] = {}
    if options.device is not None:
        arguments.update(_device(options.device, devices))
    viewport = arguments.get("viewport", {"width": DEFAULT_WIDTH, "height": DEFAULT_HEIGHT})
    arguments["viewport"] = {
        "width": options.width or viewport["width"],
        "height": options.height or viewport["height"],
    }
    plain = {
        "user_agent": options.user_agent,
        "locale": options.locale.replace("_", "-") if options.locale else None,
        "timezone_id": _timezone(options.timezone),
        "color_scheme": options.color_scheme,
        "geolocation": options.geolocation.model_dump() if options.geolocation else None,
        "permissions": options.permissions,
        "extra_http_headers": headers(options.extra_headers),
        "storage_state": storage_state(options.storage_state) if options.storage_state else None,
        "proxy": proxy(options),
    }
    arguments.update({name: value for name, value in plain.items() if value is not None})
    if options.record_video and recordings is not None:
        arguments["record_video_dir"] = recordings
        arguments["record_video_size"] = arguments["viewport"]
    return arguments


def _device(name: str, devices: Mapping[str, Any]) -> dict[str, Any]:
    if name not in devices:
        near = difflib.get_close_matches(name, list(devices), n=1)
        raise _wrong(
            "device", f"no device {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return {k: v for k, v in devices[name].items() if k != "default_browser_type"}


def _timezone(name: str | None) -> str | None:
    if name is None:
        return None
    known = available_timezones()
    if known and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise _wrong(
            "timezone", f"no time zone {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return name


def headers(given: Mapping[str, str] | None) -> dict[str, str] | None:
    """Headers that a page's requests carry; InvalidRequest for one that can't be sent."""
    if given is None:
        return None
    for name, value in given.items():
        if not _HEADER_NAME.match(name) or name.lower() in _KEPT_HEADERS:
            raise _wrong("extra_headers", f"{name[:64]!r} is not a header that can be set")
        if any(ord(character) < 32 and character != "\t" for character in value):
            raise _wrong("extra_headers", f"the value of {name} has control characters in it")
    return dict(given)


def proxy(options: ContextOptions) -> dict[str, str] | None:
    """The session's proxy. Loopback goes through it too: never a silent direct connection."""
    if options.proxy_url is None:
        return None
    text = options.proxy_url if "://" in options.proxy_url else f"http://{options.proxy_url}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise _wrong("proxy_url", "not a URL") from exc
    if parts.scheme not in _PROXY_SCHEMES:
        raise _wrong("proxy_url", f"the scheme must be one of {', '.join(_PROXY_SCHEMES)}")
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _wrong("proxy_url", "it must be scheme://host:port")
    username = options.proxy_username or (unquote(parts.username) if parts.username else None)
    password = options.proxy_password or (unquote(parts.password) if parts.password else None)
    if parts.scheme == "socks5" and (username or password):
        raise _wrong("proxy_url", "Chromium does not speak SOCKS5 with a password")
    shown = f"[{host}]" if ":" in host else host
    made = {
        "server": f"{parts.scheme}://{shown}" + (f":{port}" if port else ""),
        "bypass": "<-loopback>",
    }
    if username is not None:
        made["username"] = username
        made["password"] = password or ""
    return made


def storage_state(given: dict[str, Any]) -> Any:
    """A storage state in Playwright's format; InvalidRequest where it is not of that form."""
    for name in given:
        if name not in ("cookies", "origins"):
            raise _wrong("storage_state", f"{name!r} is not part of a storage state")
    for name in ("cookies", "origins"):
        if not isinstance(given.get(name, []), list):
            raise _wrong("storage_state", f"{name} must be a list")
    return {"cookies": given.get("cookies", []), "origins": given.get("origins", [])}
