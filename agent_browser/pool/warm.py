"""The warm set: contexts with a blank page, ready to be a session's. None has ever been leased."""

from collections import defaultdict, deque

from agent_browser.browser.engine import Context
from agent_browser.pool.orders import HostId


class WarmSet:
    """Warm contexts by host. The ledger says when to put, take and close; this only holds them."""

    def __init__(self) -> None:
        self._contexts: defaultdict[HostId, deque[Context]] = defaultdict(deque)

    def put(self, host: HostId, context: Context) -> None:
        """A context that was just made."""
        self._contexts[host].append(context)

    def take(self, host: HostId) -> Context:
        """The one that waited longest; LookupError where the ledger is wrong."""
        return self._contexts[host].popleft()

    def take_many(self, host: HostId, count: int) -> list[Context]:
        """So many, to be closed."""
        return [self._contexts[host].pop() for _ in range(count)]

    def forget(self, host: HostId) -> None:
        """The host is gone, and its contexts with it."""
        self._contexts.pop(host, None)

    def count(self, host: HostId) -> int:
        """How many that host has."""
        return len(self._contexts[host]) if host in self._contexts else 0

    def __len__(self) -> int:
        return sum(map(len, self._contexts.values()))
