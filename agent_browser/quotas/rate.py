"""Calls a minute: never more than the limit in any 60 seconds, whichever 60. Pure."""

from collections import deque

MINUTE = 60


class Rate:
    """One owner's calls of the last minute, counted by the second.

    A window that slides, and no bucket that refills: with a bucket twice the limit goes through in
    the first minute, with minutes of the clock at each turn of one. Callers read "100 a minute" as
    "never more than 100 within a minute". By the second, so that an owner costs 60 numbers at most;
    a call counts until the second that it came in is a minute old in whole.
    """

    __slots__ = ("_seconds", "count")

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        """Second and calls in it, oldest first."""
        self.count = 0

    def take(self, now: float, limit: int) -> float:
        """Count a call and give 0, or the seconds until one may come again. A limit of 0 is
        none.
        """
        self._forget(now)
        if limit and self.count >= limit:
            return self.free_in(now, limit)
        second = int(now)
        if self._seconds and self._seconds[-1][0] >= second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])
        self.count += 1
        return 0.0

    def used(self, now: float) -> int:
        """Calls that count now."""
        self._forget(now)
        return self.count

    def free_in(self, now: float, limit: int) -> float:
        """Seconds until there are less than the limit, if none comes; 0 where there are."""
        left = self.count
        for second, calls in self._seconds:
            if left < limit:
                break
            left -= calls
            if left < limit:
                return second + 1 + MINUTE - now
        return 0.0

    def empty_in(self, now: float) -> float:
        """Seconds until none counts, if none comes."""
        self._forget(now)
        return self._seconds[-1][0] + 1 + MINUTE - now if self._seconds else 0.0

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] + 1 + MINUTE <= now:
            self.count -= self._seconds.popleft()[1]
