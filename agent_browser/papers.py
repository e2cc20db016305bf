"""Papers: JSON objects by kind and id, for rooms that keep something over the server's end and know
no SQL. The store has them.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class Paper(Protocol):
    """What was put."""

    @property
    def data(self) -> dict[str, Any]: ...


class Papers(Protocol):
    """What is `put` returns at once and is written soon; reads see all that was put before them."""

    def put(
        self,
        kind: str,
        id: str,
        owner: str,
        data: dict[str, Any],
        *,
        session_id: str | None = None,
        parent: str | None = None,
        status: str | None = None,
    ) -> None:
        """Keep it, in the place of what was there under that id. It goes when that session is
        erased; `parent` and `status` are what it can be looked up by.
        """
        ...

    def drop(self, kind: str, id: str) -> None:
        """Keep it no longer; nothing where it is not there."""
        ...

    async def flush(self) -> None:
        """Come back when all that was put is written. StorageFull, DatabaseUnusable."""
        ...

    async def get(self, kind: str, id: str) -> dict[str, Any] | None:
        """What was put last; None where nothing was."""
        ...

    async def all(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, everybody's, oldest first."""
        ...

    async def papers(
        self, kind: str, *, owner: str | None = None, parent: str | None = None
    ) -> Sequence[Paper]:
        """All of a kind, of that owner and that parent if one is named, oldest first."""
        ...

    async def page(
        self, kind: str, owner: str, *, parent: str | None, limit: int, cursor: str | None
    ) -> tuple[Sequence[Paper], str | None]:
        """A page of an owner's, newest first, and where to go on. InvalidRequest for a cursor that
        it did not give.
        """
        ...
