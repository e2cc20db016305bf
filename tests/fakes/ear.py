"""An ear: hears what a context tells, and waits for it."""

from typing import Any

import anyio

from agent_browser.models.events import EVENT_TYPES, EventType

ALL = frozenset(EVENT_TYPES)
PATIENCE = 20.0


class Ear:
    """Takes events as a context's `on_event` gives them."""

    def __init__(self) -> None:
        self.heard: list[tuple[EventType, dict[str, Any]]] = []
        self._more = anyio.Event()

    def __call__(self, kind: EventType, data: dict[str, Any]) -> None:
        self.heard.append((kind, data))
        self._more.set()

    def of(self, kind: EventType) -> list[dict[str, Any]]:
        """The data of those of that type so far."""
        return [data for heard, data in self.heard if heard == kind]

    async def until(self, kind: EventType, **wanted: object) -> dict[str, Any]:
        """The first of that type with these values, once it was told."""
        with anyio.fail_after(PATIENCE):
            while True:
                for data in self.of(kind):
                    if all(data.get(name) == value for name, value in wanted.items()):
                        return data
                self._more = anyio.Event()
                await self._more.wait()
