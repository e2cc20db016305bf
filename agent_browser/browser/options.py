"""A session's options as Playwright's arguments. Pure."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from playwright.async_api import Geolocation as PlaywrightGeolocation
from pydantic import ValidationError

from agent_browser.browser.engine import DEFAULT_HEIGHT, DEFAULT_WIDTH
from agent_browser.browser.revival import passkey_of
from agent_browser.egress.policy import Policy
from agent_browser.egress.ports import Way
from agent_browser.egress.upstream import Upstream, parse
from agent_browser.errors import InvalidRequest
from agent_browser.models.conditions import HttpCredentials
from agent_browser.models.functions import ContextOptions, Geolocation
from agent_browser.models.state import StorageState

_HEADER_NAME = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
_KEPT_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding", "upgrade"})
_CONTROL = frozenset(map(chr, (*range(32), 127)))


def wrong(field: str, message: str) -> InvalidRequest:
    """A fault of one option."""
    return InvalidRequest(f"{field}: {message}", [{"field": field, "message": message}])


def context_arguments(
    options: ContextOptions, devices: Mapping[str, Any], recordings: Path | None
) -> dict[str, Any]:
    """Arguments of a new Playwright context but for its proxy, which is of the engine's making.
    InvalidRequest names the option that is wrong.
    """
    arguments: dict[str, Any] = {}
    arguments.update(device_of(options, devices))
    viewport = arguments.get("viewport", {"width": DEFAULT_WIDTH, "height": DEFAULT_HEIGHT})
    arguments["viewport"] = {
        "width": options.width or viewport["width"],
        "height": options.height or viewport["height"],
    }
    plain = {
        "user_agent": options.user_agent,
        "locale": locale(options.locale),
        "timezone_id": timezone(options.timezone),
        "color_scheme": options.color_scheme,
        "reduced_motion": options.reduced_motion,
        "forced_colors": options.forced_colors,
        "contrast": options.contrast,
        "device_scale_factor": options.device_scale_factor,
        "is_mobile": options.is_mobile,
        "has_touch": options.has_touch,
        "java_script_enabled": options.javascript_enabled,
        "offline": options.offline,
        "http_credentials": credentials(options.http_credentials),
        "geolocation": position(options.geolocation),
        # An empty list: none is granted, in a browser that would ask somebody, too.
        "permissions": options.permissions or [],
        "extra_http_headers": headers(options.extra_headers),
        "storage_state": storage_state(options.storage_state) if options.storage_state else None,
    }
    arguments.update({name: value for name, value in plain.items() if value is not None})
    if options.record_video and recordings is not None:
        arguments["record_video_dir"] = recordings
        arguments["record_video_size"] = arguments["viewport"]
    return arguments


def device_of(options: ContextOptions, devices: Mapping[str, Any]) -> dict[str, Any]:
    """What the device that is asked for stands for; InvalidRequest for one that there is not."""
    name = options.device
    if name is None:
        return {}
    if name not in devices:
        near = difflib.get_close_matches(name, list(devices), n=1)
        raise wrong(
            "device", f"no device {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return {k: v for k, v in devices[name].items() if k != "default_browser_type"}


def locale(name: str | None) -> str | None:
    """A language as browsers write it."""
    return name.replace("_", "-") if name is not None else None


def timezone(name: str | None) -> str | None:
    """A time zone; InvalidRequest for one that there is not."""
    if name is None:
        return None
    known = available_timezones()
    if known and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise wrong(
            "timezone", f"no time zone {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return name


def position(given: Geolocation | Literal["none"] | None) -> PlaywrightGeolocation | None:
    """A place in Playwright's form."""
    if not isinstance(given, Geolocation):
        return None
    return {
        "latitude": given.latitude,
        "longitude": given.longitude,
        "accuracy": given.accuracy,
    }


def credentials(given: HttpCredentials | Literal["none"] | None) -> dict[str, str] | None:
    """A name and a password in Playwright's form."""
    return given.model_dump(exclude_none=True) if isinstance(given, HttpCredentials) else None


def headers(given: Mapping[str, str] | None, field: str = "extra_headers") -> dict[str, str] | None:
    """Headers that a page's requests carry; InvalidRequest for one that can't be sent."""
    if given is None:
        return None
    for name, value in given.items():
        if not _HEADER_NAME.match(name) or name.lower() in _KEPT_HEADERS:
            raise wrong(field, f"{name[:64]!r} is not a header that can be set")
        if any(character in _CONTROL and character != "\t" for character in value):
            raise wrong(field, f"the value of {name} has control characters in it")
    return dict(given)


def upstream(options: ContextOptions) -> Upstream | None:
    """The session's proxy; InvalidRequest, without the password in it, for one that can't be."""
    if options.proxy_url is None:
        return None
    try:
        return parse(options.proxy_url, options.proxy_username, options.proxy_password)
    except ValueError as exc:
        raise wrong("proxy_url", str(exc)) from None


def way(options: ContextOptions, policy: Policy) -> Way:
    """How what a session with these options sends goes out, under the server's policy.
    InvalidRequest for a rule, or a proxy, that can't be read.
    """
    given = options.egress
    bounds = [] if given is None else [*(given.within or []), given]
    try:
        for bound in bounds:
            policy = policy.narrowed(bound)
    except ValueError as exc:
        raise wrong("egress", str(exc)) from None
    return Way(
        policy,
        upstream(options),
        download_rate=min((b.download_rate for b in bounds if b.download_rate), default=None),
        upload_rate=min((b.upload_rate for b in bounds if b.upload_rate), default=None),
    )


def shown_proxy(options: ContextOptions) -> str | None:
    """The session's proxy as it may be shown."""
    found = upstream(options)
    return found.server if found is not None else None


def proxy(server: str) -> dict[str, str]:
    """A proxy as Playwright takes it. Loopback goes through it too: never a silent direct
    connection.
    """
    return {"server": server, "bypass": "<-loopback>"}


def storage_state(given: StorageState) -> Any:
    """A storage state in Playwright's format, which knows no null; passkeys go another way."""
    return given.model_dump(by_alias=True, exclude_none=True, exclude={"credentials"})


def with_credentials(options: ContextOptions) -> ContextOptions:
    """The options with the passkeys of their storage state among their own. InvalidRequest for one
    that is none.
    """
    state = options.storage_state
    if state is None or not state.credentials:
        return options
    passkeys = [*(options.passkeys or [])]
    for number, credential in enumerate(state.credentials):
        try:
            passkeys.append(passkey_of(credential))
        except ValidationError as exc:
            where = f"storage_state.credentials[{number}]"
            raise wrong(where, "no passkey in Playwright's form") from exc
    return options.model_copy(update={"passkeys": passkeys})
