"""What operations need of a database: their records outlive the server."""

from typing import Any, Protocol


class Papers(Protocol):
    """JSON objects by kind and id. What is `put` returns at once and is written soon; reads see all
    that was put before them. The store's is one.
    """

    def put(
        self, kind: str, id: str, owner: str, data: dict[str, Any], *, session_id: str | None = None
    ) -> None:
        """Keep it, in the place of what was there under that id; until that session is erased."""
        ...

    async def get(self, kind: str, id: str) -> dict[str, Any] | None:
        """What was put last; None where nothing was."""
        ...

    async def all(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, everybody's."""
        ...

    def drop(self, kind: str, id: str) -> None:
        """Keep it no longer; nothing where it is not there."""
        ...
