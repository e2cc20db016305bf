"""Which address is next: hosts take turns, none gets more at a time, or sooner, than it should.

No clock, no I/O: `now` is given, in seconds. A host waits in one of three places: in the heap of
those that may start at some time, in line for one of the places that `most_hosts` leaves, or
nowhere, while all that it may have at a time is under way.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Item:
    """An address that is to be done, or done again."""

    index: int
    host: str
    attempt: int = 0
    """Tries begun."""
    began: float | None = None
    """When the first try began."""


@dataclass
class _Host:
    concurrency: int
    delay: float
    fresh: deque[Item] = field(default_factory=deque)
    again: list[tuple[float, int, Item]] = field(default_factory=list)
    under_way: int = 0
    free_at: float = 0.0
    ticket: int = -1
    """Its entry in the heap; entries with another number are of the past."""
    is_admitted: bool = False

    @property
    def pending(self) -> int:
        return len(self.fresh) + len(self.again)

    def ready_at(self) -> float:
        """When its next item may start."""
        return self.free_at if self.fresh else max(self.free_at, self.again[0][0])

    def pop(self, now: float) -> Item:
        """An item that is due: one that waited for its second try first."""
        if self.again and (self.again[0][0] <= now or not self.fresh):
            return heapq.heappop(self.again)[2]
        return self.fresh.popleft()


class Schedule:
    """Items by host. `jitter` gives what is added to each delay; `most_hosts` bounds the hosts that
    have begun and are not through yet.
    """

    def __init__(
        self,
        *,
        concurrency: Callable[[str], int],
        delay: float = 0.0,
        jitter: Callable[[], float] = lambda: 0.0,
        most_hosts: int | None = None,
    ) -> None:
        self._concurrency = concurrency
        self._delay = delay
        self._jitter = jitter
        self._most_hosts = most_hosts
        self._hosts: dict[str, _Host] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._in_line: deque[str] = deque()
        self._admitted = 0
        self._numbers = itertools.count()
        self._held_until = 0.0
        self.left = 0
        """Items that wait or are under way."""

    def add(self, item: Item) -> None:
        """An item of the beginning."""
        host = self._hosts.get(item.host)
        if host is None:
            host = self._hosts[item.host] = _Host(self._concurrency(item.host), self._delay)
        host.fresh.append(item)
        self.left += 1
        if host.pending == 1:
            self._offer(item.host)

    def take(self, now: float) -> Item | None:
        """An item to begin now, if there is one."""
        if now < self._held_until:
            return None
        while self._heap:
            at, number, name = self._heap[0]
            host = self._hosts[name]
            if number != host.ticket:
                heapq.heappop(self._heap)
                continue
            if at > now:
                return None
            heapq.heappop(self._heap)
            host.ticket = -1
            if not self._admit(name, host):
                continue
            return self._begin(name, host, now)
        return None

    def wait(self, now: float) -> float | None:
        """Seconds until `take` may give something; None where only a `done` or `again` can help."""
        while self._heap and self._heap[0][1] != self._hosts[self._heap[0][2]].ticket:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - now, self._held_until - now)

    def done(self, item: Item) -> bool:
        """The item is through; whether its host is, with all its items."""
        self.left -= 1
        return self._leave(item)

    def again(self, item: Item, at: float) -> None:
        """The item is to be done again, not before `at`."""
        host = self._hosts[item.host]
        heapq.heappush(host.again, (at, item.index, item))
        self._leave(item)

    def slow(self, name: str, delay: float, now: float) -> None:
        """The host asked for a longer delay than it had."""
        host = self._hosts[name]
        if delay > host.delay:
            host.delay = delay
            self.rest(name, now + delay)

    def widen(self, name: str, concurrency: int) -> None:
        """The host may have so many at a time from now on."""
        self._hosts[name].concurrency = concurrency
        self._offer(name)

    def rest(self, name: str, until: float) -> None:
        """The host wants to be left alone until then."""
        host = self._hosts[name]
        host.free_at = max(host.free_at, until)
        self._offer(name)

    def hold(self, until: float) -> None:
        """Nothing at all begins before, unless `free` comes first."""
        self._held_until = max(self._held_until, until)

    def free(self) -> None:
        """What `hold` waited for may be there."""
        self._held_until = 0.0

    def _begin(self, name: str, host: _Host, now: float) -> Item:
        item = host.pop(now)
        host.under_way += 1
        host.free_at = now + host.delay + (self._jitter() if host.delay else 0.0)
        self._offer(name)
        return item

    def _leave(self, item: Item) -> bool:
        host = self._hosts[item.host]
        host.under_way -= 1
        if host.pending or host.under_way:
            self._offer(item.host)
            return False
        if host.is_admitted:
            host.is_admitted = False
            self._admitted -= 1
            if self._in_line:
                self._offer(self._in_line.popleft())
        return True

    def _offer(self, name: str) -> None:
        """Let it have its turn, after those that have waited as long."""
        host = self._hosts[name]
        host.ticket = -1
        if host.pending and host.under_way < host.concurrency:
            host.ticket = next(self._numbers)
            heapq.heappush(self._heap, (host.ready_at(), host.ticket, name))

    def _admit(self, name: str, host: _Host) -> bool:
        if self._most_hosts is None or host.is_admitted:
            return True
        if self._admitted >= self._most_hosts:
            self._in_line.append(name)
            return False
        host.is_admitted = True
        self._admitted += 1
        return True
