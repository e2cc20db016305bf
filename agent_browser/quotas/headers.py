"""What of its quotas is left, as every answer tells its owner. Pure.

`RateLimit-Policy` and `RateLimit` are the fields of draft-ietf-httpapi-ratelimit-headers (10):
structured lists with an item for each quota. `X-RateLimit-*` are of calls alone: what clients of
other browser services read today.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from agent_browser.models.usage import QUOTAS, UNITS, WINDOWS, QuotaName
from agent_browser.quotas.limits import Limits

Header = tuple[bytes, bytes]
_UNITS = {"calls": "requests", "bytes": "content-bytes"}
"""The draft's words for units; it has none for the others."""


class Left(NamedTuple):
    """What is left of a quota that has a limit; `reset` in whole seconds, where time gives back."""

    name: QuotaName
    limit: int
    remaining: int
    reset: int | None


def headers(limits: Limits, left: Sequence[Left]) -> list[Header]:
    """The headers of an owner with these limits."""
    found = [
        (b"ratelimit-policy", _policies(limits)),
        (b"ratelimit", ", ".join(map(_left, left)).encode()),
    ]
    for one in left:
        if one.name == "calls":
            found += (
                (b"x-ratelimit-limit", b"%d" % one.limit),
                (b"x-ratelimit-remaining", b"%d" % one.remaining),
                (b"x-ratelimit-reset", b"%d" % (one.reset or 0)),
            )
    return found


@lru_cache(maxsize=256)
def _policies(limits: Limits) -> bytes:
    """They are the same on each answer."""
    return ", ".join(_policy(name, limits[name]) for name in QUOTAS if limits[name]).encode()


def _policy(name: QuotaName, limit: int) -> str:
    unit, window = _UNITS.get(UNITS[name]), WINDOWS.get(name)
    quota = f'"{name}";q={limit}' + (f';qu="{unit}"' if unit else "")
    return quota + (f";w={window}" if window else "")


def _left(one: Left) -> str:
    return f'"{one.name}";r={one.remaining}' + ("" if one.reset is None else f";t={one.reset}")
