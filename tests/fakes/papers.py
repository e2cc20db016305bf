"""Papers in memory, as JSON: what can't be written down is a fault here too."""

import json
from dataclasses import dataclass
from typing import Any

from agent_browser.errors import InvalidRequest


@dataclass(frozen=True)
class FakePaper:
    """What was put."""

    data: dict[str, Any]


class FakePapers:
    """Keeps the promises of `papers.Papers`. `puts` counts what was put, by kind."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, str | None, str]] = {}
        self.puts: dict[str, int] = {}
        self.parents: dict[tuple[str, str], str | None] = {}
        self.failure: Exception | None = None
        """What `flush` raises."""

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
        self.puts[kind] = self.puts.get(kind, 0) + 1
        self.kept[kind, id] = (owner, session_id, json.dumps(data))
        self.parents[kind, id] = parent

    async def papers(
        self, kind: str, *, owner: str | None = None, parent: str | None = None
    ) -> list[FakePaper]:
        return [
            FakePaper(json.loads(found[2]))
            for (of, id), found in self.kept.items()
            if of == kind and owner in (None, found[0]) and parent in (None, self.parents[of, id])
        ]

    async def page(
        self, kind: str, owner: str, *, parent: str | None, limit: int, cursor: str | None
    ) -> tuple[list[FakePaper], str | None]:
        newest_first = [
            FakePaper(json.loads(found[2]))
            for (of, id), found in reversed(self.kept.items())
            if of == kind and found[0] == owner and parent in (None, self.parents[of, id])
        ]
        if cursor is not None and not cursor.isdecimal():
            raise InvalidRequest("this cursor was not given by this list")
        start = int(cursor or 0)
        end = start + limit
        return newest_first[start:end], str(end) if end < len(newest_first) else None

    async def get(self, kind: str, id: str) -> dict[str, Any] | None:
        found = self.kept.get((kind, id))
        return None if found is None else dict(json.loads(found[2]))

    async def all(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(found[2]) for (of, _), found in self.kept.items() if of == kind]

    def drop(self, kind: str, id: str) -> None:
        self.kept.pop((kind, id), None)

    async def flush(self) -> None:
        if self.failure is not None:
            raise self.failure
