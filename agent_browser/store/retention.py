"""Which files have to go: pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Kept:
    """A file as retention sees it; `size` in bytes, `retention` its own in seconds."""

    id: str
    created_at: datetime
    size: int
    retention: float = math.inf


def due(files: Iterable[Kept], *, now: datetime, retention: float, bound: int) -> list[str]:
    """Ids to delete, oldest first: those older than `retention` seconds or their own, and while the
    rest is over `bound` bytes, the oldest of the rest. A bound of 0 is none.
    """
    oldest_first = sorted(files, key=lambda file: (file.created_at, file.id))
    old = {
        file.id
        for file in oldest_first
        if file.created_at < now - timedelta(seconds=min(retention, file.retention))
    }
    total = sum(file.size for file in oldest_first if file.id not in old)
    going = []
    for file in oldest_first:
        if file.id not in old:
            if bound == 0 or total <= bound:
                continue
            total -= file.size
        going.append(file.id)
    return going
