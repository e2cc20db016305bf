"""Where a session may send: lists of hosts, and how fast."""

from typing import Annotated, Literal

from pydantic import Field

from agent_browser.models.base import Input, Output

EgressMode = Literal["open", "public-only", "allowlist"]
HostRule = Annotated[
    str, Field(min_length=1, max_length=300, pattern=r"^[^\s\x00-\x1f\x7f/@?#]+(/\d{1,3})?$")
]
"""A host (`example.com`, and `*.example.com` for what is below it), a host with a port
(`example.com:8443`), an address, or a network (`10.0.0.0/8`, `fd00::/8`).
"""
MOST_BOUNDS = 8
HostRules = Annotated[list[HostRule], Field(max_length=1_000)]


class EgressInput(Input):
    """What a session may reach, within what the server allows: it can be narrower, never wider."""

    policy: EgressMode | None = Field(
        default=None,
        description="open: all but metadata addresses; public-only: what the whole internet can "
        "reach; allowlist: what `allow` names.",
    )
    allow: HostRules | None = Field(
        default=None, description="Hosts that may be reached; if it is given, no others."
    )
    deny: HostRules | None = Field(default=None, description="Hosts that may not; it comes first.")
    download_rate: Annotated[int, Field(ge=1_024)] | None = Field(
        default=None, description="Bytes a second to the session, of all its connections."
    )
    upload_rate: Annotated[int, Field(ge=1_024)] | None = Field(
        default=None, description="Bytes a second from the session."
    )


class EgressOption(EgressInput):
    """The option of a session, or of a profile."""

    within: Annotated[list[EgressInput], Field(max_length=MOST_BOUNDS)] | None = Field(
        default=None,
        description="Bounds that hold besides: those of the profile that a session starts from, or "
        "of the session that a fork is of.",
    )


def narrowed(given: EgressOption | None, outer: EgressOption | None) -> EgressOption | None:
    """What is given, and the other as a bound of it: a later call takes the place of what is given,
    and a bound stays. ValueError where that are too many bounds.
    """
    if outer is None:
        return given
    fields = {name: getattr(outer, name) for name in EgressInput.model_fields}
    is_bound = any(value is not None for value in fields.values())
    own = [EgressInput.model_construct(**fields)] if is_bound else []
    return within(given or EgressOption(), [*(outer.within or []), *own])


def within(given: EgressOption, bounds: list[EgressInput]) -> EgressOption:
    """What is given, with these bounds besides its own. ValueError where that are too many."""
    held = list(given.within or [])
    held += [bound for bound in bounds if bound not in held]
    if len(held) > MOST_BOUNDS:
        raise ValueError(f"there may be {MOST_BOUNDS} bounds, one within another")
    return given.model_copy(update={"within": held or None})


class HostTraffic(Output):
    """What went to and from one host."""

    host: str
    """Name or address and port; `(others)` for those beyond the first 1,000."""
    requests: int
    """Connections, and plain requests."""
    denied: int
    """Those that the policy refused."""
    bytes_up: int
    """Sent by the session."""
    bytes_down: int
    """Received by it."""


class Traffic(Output):
    """What a session sent and received since it is live, by host, most bytes first."""

    bytes_up: int = 0
    bytes_down: int = 0
    denied: int = 0
    items: list[HostTraffic] = []
