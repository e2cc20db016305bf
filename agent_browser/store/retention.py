"""Which files have to go: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kept:
    """A file as retention sees it; `size` in bytes."""

    id: str
    created_at: datetime
    size: int


def due(files: Iterable[Kept], *, now: datetime, retention: float, bound: int) -> list[str]:
    """Ids to delete, oldest first: those older than `retention` seconds, then, while the rest is
    over `bound` bytes, the oldest of the rest. A bound of 0 is none.
    """
    oldest_first = sorted(files, key=lambda file: (file.created_at, file.id))
    limit = now - timedelta(seconds=retention)
    total = sum(file.size for file in oldest_first if file.created_at >= limit)
    going = []
    for file in oldest_first:
        if file.created_at >= limit:
            if bound == 0 or total <= bound:
                break
            total -= file.size
        going.append(file.id)
    return going
