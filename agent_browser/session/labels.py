"""What people call a session by: its name, pin, tags and metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent_browser.models.events import EventType
from agent_browser.models.sessions import SessionCreate, SessionPatch


@dataclass(frozen=True)
class Labels:
    """The same for a session that is live and for one that is only on record."""

    name: str | None = None
    pinned: bool = False
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def asked(cls, request: SessionCreate) -> "Labels":
        """Those of a new session."""
        return cls(request.name, request.pinned, _once(request.tags), request.metadata)

    def patched(self, patch: SessionPatch) -> "Labels":
        """With what the patch gives; a name of null is none."""
        changes: dict[str, Any] = {}
        if "name" in patch.model_fields_set:
            changes["name"] = patch.name
        if patch.pinned is not None:
            changes["pinned"] = patch.pinned
        if patch.tags is not None:
            changes["tags"] = _once(patch.tags)
        if patch.metadata is not None:
            changes["metadata"] = patch.metadata
        return replace(self, **changes) if changes else self

    def news(self, before: "Labels") -> list[tuple[EventType, dict[str, Any]]]:
        """What those who follow the session are told, after it had these."""
        told: list[tuple[EventType, dict[str, Any]]] = []
        if self.name != before.name:
            told.append(("session.renamed", {"name": self.name, "previous": before.name}))
        if self.pinned != before.pinned:
            told.append(("session.pinned", {"pinned": self.pinned}))
        return told


def _once(tags: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))
