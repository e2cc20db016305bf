"""What an owner may have and use, and what it has and used."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from agent_browser.models.base import Input, Output, Timestamp

QuotaName = Literal["sessions", "hibernated", "calls", "recording", "bytes", "traffic"]
"""`sessions`: live, and being opened. `hibernated`: sessions. `calls`: of any 60 seconds.
`recording`: seconds of video of a day. `bytes`: stored. `traffic`: bytes of a day that sessions
sent and received. A day is one of UTC.
"""
Unit = Literal["sessions", "calls", "seconds", "bytes"]
QUOTAS: tuple[QuotaName, ...] = get_args(QuotaName)
UNITS: dict[QuotaName, Unit] = {
    "sessions": "sessions",
    "hibernated": "sessions",
    "calls": "calls",
    "recording": "seconds",
    "bytes": "bytes",
    "traffic": "bytes",
}
WINDOWS: dict[QuotaName, int] = {"calls": 60, "recording": 86_400, "traffic": 86_400}
"""Seconds in which these count; the others count what there is."""
_Limit = Annotated[int, Field(ge=0, le=2**53)] | None


class QuotasInput(Input):
    """Limits of one owner, in the place of all that were given before. What is not given is as the
    server's settings say; 0: no limit.
    """

    sessions: _Limit = Field(default=None, description="Live sessions.")
    hibernated: _Limit = Field(default=None, description="Hibernated sessions.")
    calls: _Limit = Field(default=None, description="Calls in any 60 seconds.")
    recording: _Limit = Field(default=None, description="Seconds of video a day.")
    bytes: _Limit = Field(default=None, description="Bytes stored.")
    traffic: _Limit = Field(default=None, description="Bytes sent and received a day.")


class Quota(Output):
    """One quota of an owner."""

    name: QuotaName
    unit: Unit
    limit: int | None = None
    """None where there is none."""
    used: int
    remaining: int | None = None
    window: int | None = None
    """Seconds in which it counts; None where it counts what there is."""
    resets_at: Timestamp | None = None
    """When what was used counts no more: of a day's, its end; of calls, when all of them may be
    made again.
    """


class Usage(Output):
    """What an owner has and used."""

    owner: str
    quotas: list[Quota]
    stored: dict[str, int] = {}
    """The bytes stored, by what they are: artifacts, recordings, uploads, states, profiles."""


class OwnerQuotas(Output):
    """The limits of an owner."""

    owner: str
    limits: dict[QuotaName, int | None]
    """Those in force; None where there is none."""
    given: dict[QuotaName, int]
    """Those of them that were given for this owner; 0: none."""
