"""A publisher that remembers what it was told."""

from typing import Any

from agent_browser.models.events import EventType


class Published:
    """Each event, as a tuple of its type, its session and its data."""

    def __init__(self) -> None:
        self.told: list[tuple[EventType, str, dict[str, Any]]] = []

    def publish(self, kind: EventType, session_id: str, owner: str, data: dict[str, Any]) -> None:
        self.told.append((kind, session_id, data))

    def forget(self, session_id: str) -> None:
        self.told = [told for told in self.told if told[1] != session_id]

    def kinds(self, session_id: str) -> list[EventType]:
        """The types of what happened to a session, in order."""
        return [kind for kind, told_of, _ in self.told if told_of == session_id]

    def last(self, kind: EventType) -> dict[str, Any]:
        """The data of the latest of that type."""
        return next(data for told, _, data in reversed(self.told) if told == kind)
