"""Context options: those a session was made with, and those a later call gives."""

from agent_browser.browser.engine import changed_only_new, fixed
from agent_browser.errors import InvalidRequest, OptionNeedsNewSession
from agent_browser.models import egress
from agent_browser.models.functions import ContextOptions

_NAMES = tuple(ContextOptions.model_fields)
_PROXY = ("proxy_url", "proxy_username", "proxy_password")
_OF_DEVICES = (
    "width", "height", "user_agent", "device_scale_factor", "is_mobile", "has_touch",
)  # fmt: skip
_OF_LOGINS = (
    "width", "height", "user_agent", *_PROXY, "egress", "locale", "timezone", "geolocation",
    "permissions", "permissions_by_origin", "color_scheme", "reduced_motion", "forced_colors",
    "contrast", "device_scale_factor", "is_mobile", "has_touch", "javascript_enabled", "device",
    "extra_headers", "headers_by_origin", "http_credentials",
)  # fmt: skip
"""What sites know a browser by, and let it in by. How a session is tested or looked at is not of
its login.
"""


def options_of(given: ContextOptions) -> ContextOptions:
    """The options alone, of an input that has them among its fields. They are valid already."""
    return ContextOptions.model_construct(**{name: getattr(given, name) for name in _NAMES})


def is_plain(options: ContextOptions) -> bool:
    """Whether nothing is asked for that a context doesn't have anyway."""
    return all(getattr(options, name) in (None, False) for name in _NAMES)


def to_apply(given: ContextOptions, made_with: ContextOptions) -> ContextOptions | None:
    """What of the options given a context in use has to take; None where there is nothing.

    OptionNeedsNewSession where one that only a new context takes differs from what it has.
    """
    differing = changed_only_new(given, made_with)
    if differing:
        raise OptionNeedsNewSession(differing)
    names = set(_NAMES) - set(fixed(made_with))
    later = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    return ContextOptions.model_construct(**later) if later else None


def with_profile(options: ContextOptions, profile: ContextOptions) -> ContextOptions:
    """The options given, and of those that are not given the profile's. A proxy is taken whole; a
    device given leaves nothing of what the profile has in its place; what may be reached is what
    both allow. InvalidRequest for too many bounds of that.
    """
    kept = set(_NAMES)
    if options.proxy_url is not None:
        kept -= set(_PROXY)
    if options.device is not None:
        kept -= set(_OF_DEVICES)
    chosen = {
        name: getattr(profile, name)
        if name in kept and getattr(options, name) is None
        else getattr(options, name)
        for name in _NAMES
    }
    chosen["egress"] = _narrowed(options, profile)
    return ContextOptions.model_construct(**chosen)


def narrower(options: ContextOptions, given: egress.EgressOption | None) -> ContextOptions:
    """The options for another session: what they may reach is a bound of it, and that comes on top.
    InvalidRequest.
    """
    asked = ContextOptions.model_construct(egress=given)
    return options.model_copy(update={"egress": _narrowed(asked, options)})


def _narrowed(given: ContextOptions, outer: ContextOptions) -> egress.EgressOption | None:
    try:
        return egress.narrowed(given.egress, outer.egress)
    except ValueError as exc:
        fault = {"field": "egress", "message": str(exc)}
        raise InvalidRequest(f"egress: {exc}", [fault]) from exc


def of_login(options: ContextOptions) -> ContextOptions:
    """Of a session's options, those that belong to a login."""
    given = {name: getattr(options, name) for name in _OF_LOGINS}
    return ContextOptions.model_construct(
        **{name: value for name, value in given.items() if value is not None}
    )
