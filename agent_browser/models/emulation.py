"""The function `emulate`: conditions of a session that is in use."""

from typing import Literal

from pydantic import Field

from agent_browser.models.base import Output, Timeout
from agent_browser.models.conditions import Throttle
from agent_browser.models.egress import EgressOption
from agent_browser.models.functions import ContextOptions, FunctionOutput, Geolocation


class EmulateInput(ContextOptions):
    """What is to be different from now on. What is left out stays; nothing at all only asks."""

    timeout: Timeout = 10.0


class Authenticator(Output):
    """A passkey that the session's virtual authenticator holds, without its keys."""

    id: str
    rp_id: str
    user_handle: str | None = None
    sign_count: int = 0


class Credentials(Output):
    """HTTP credentials, without the password."""

    username: str
    origin: str | None = None


class Emulation(Output):
    """Conditions in force. null: the browser's own. Secrets are named and not shown."""

    width: int
    height: int
    device: str | None = None
    device_scale_factor: float | None = None
    is_mobile: bool | None = None
    has_touch: bool | None = None
    user_agent: str | None = None
    locale: str | None = None
    timezone: str | None = None
    geolocation: Geolocation | None = None
    permissions: list[str] = []
    permissions_by_origin: dict[str, list[str]] = {}
    color_scheme: Literal["light", "dark", "no-preference"] | None = None
    reduced_motion: Literal["reduce", "no-preference"] | None = None
    forced_colors: Literal["active", "none"] | None = None
    contrast: Literal["more", "no-preference"] | None = None
    media: Literal["screen", "print"] | None = None
    javascript_enabled: bool = True
    offline: bool = False
    throttle: Throttle | None = None
    cpu_slowdown: float = 1
    extra_headers: list[str] = []
    """Names; values may be secrets."""
    headers_by_origin: dict[str, list[str]] = {}
    http_credentials: Credentials | None = None
    proxy: str | None = None
    """Scheme, host and port."""
    egress: EgressOption | None = None
    """What it may reach, within what the server allows; null: all that."""
    passkeys: list[Authenticator] = Field(default=[])


class EmulateOutput(FunctionOutput):
    """What is in force now, after the change."""

    emulation: Emulation
