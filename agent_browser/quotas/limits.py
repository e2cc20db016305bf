"""Limits of one owner: the server's, and those given for that owner before them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from agent_browser.models.usage import QuotaName
from agent_browser.settings import Settings


@dataclass(frozen=True)
class Limits:
    """0: no limit. Units as in `models.usage`."""

    sessions: int = 0
    hibernated: int = 0
    calls: int = 0
    recording: int = 0
    bytes: int = 0
    traffic: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Every owner's."""
        return cls(
            sessions=settings.owner_sessions,
            hibernated=settings.owner_hibernated,
            calls=settings.owner_calls,
            recording=round(settings.owner_recording),
            bytes=settings.owner_bytes,
            traffic=settings.owner_traffic,
        )

    def with_given(self, given: Mapping[QuotaName, int]) -> "Limits":
        """These, but for what is given."""
        changed: dict[str, int] = dict(given.items())
        return replace(self, **changed)

    def __getitem__(self, name: QuotaName) -> int:
        limit: int = getattr(self, name)
        return limit

    @property
    def are_any(self) -> bool:
        """Whether there is one at all."""
        return any(getattr(self, one.name) for one in fields(self))
