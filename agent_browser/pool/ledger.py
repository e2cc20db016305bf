"""The ledger: who has room on which browser, and who waits. No clock, no I/O, no await.

Every method that changes something returns the orders that follow from it. A ticket is one ask for
a session's context: it waits, or is on loan (being opened, then live) until it is released. Slots
are counted from the grant on, so that nothing that is awaited can overfill the pool. Warm contexts
belong to nobody; they are counted here so that a grant of one can be decided without looking.
"""

from collections import Counter, deque
from collections.abc import Iterable

from agent_browser.pool.orders import (
    Chill,
    Grant,
    HostId,
    Launch,
    Order,
    RefusalReason,
    Refuse,
    Retire,
    Void,
    Warm,
)
from agent_browser.pool.stages import HOST_MOVES, HostStage
from agent_browser.session.moves import Machine

MAKING_AT_ONCE = 2
"""Contexts made on one host at a time beyond which none is made for the warm set."""
DRAINING_AT_ONCE = 3
"""Old processes that a seat may have: sessions that live long must not pile them up."""


class Row:
    """One host's page of the ledger."""

    __slots__ = ("_machine", "loans", "making", "opening", "served", "warm")

    def __init__(self, host: HostId) -> None:
        self._machine = Machine(f"browser {host}", HostStage.STARTING, HOST_MOVES)
        self.loans: set[int] = set()
        self.opening: set[int] = set()
        """Loans whose context is still being made."""
        self.warm = 0
        self.making = 0
        """Contexts being made for the warm set."""
        self.served = 0
        """Contexts begun on it so far."""

    @property
    def stage(self) -> HostStage:
        return self._machine.state

    @property
    def load(self) -> int:
        return len(self.loans) + self.warm + self.making

    def move(self, stage: HostStage) -> None:
        self._machine.move(stage)


class Ledger:
    """Capacity, waiters and hosts. First come, first served; the least loaded host is taken."""

    def __init__(self, *, capacity: int, max_waiting: int, seats: int) -> None:
        self.capacity = capacity
        self.rows: dict[HostId, Row] = {}
        self._max_waiting = max_waiting
        self._generations = [0] * seats
        self._loans: dict[int, HostId] = {}
        self._live = 0
        self._waiting: deque[tuple[int, bool]] = deque()
        self._owners: dict[int, str] = {}
        """Whose each ticket is, of those that wait or have room."""
        self._held: Counter[str] = Counter()
        self._closed = False

    @property
    def live(self) -> int:
        """Loans whose context is there."""
        return self._live

    @property
    def opening(self) -> int:
        """Loans whose context is being made."""
        return len(self._loans) - self._live

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def warm(self) -> int:
        """Warm contexts that are ready."""
        return sum(row.warm for row in self.rows.values())

    @property
    def room(self) -> int:
        """Slots that nobody has."""
        return self.capacity - len(self._loans)

    @property
    def has_browser(self) -> bool:
        """Whether a browser is up."""
        return any(row.stage is HostStage.UP for row in self.rows.values())

    @property
    def has_hope(self) -> bool:
        """Whether a browser is up or on its way."""
        return any(row.stage in (HostStage.UP, HostStage.STARTING) for row in self.rows.values())

    def host_of(self, ticket: int) -> HostId | None:
        """Where the ticket's loan is, if it has one."""
        return self._loans.get(ticket)

    def is_empty(self, host: HostId) -> bool:
        """Whether it is up with no session in it, nor one on its way."""
        row = self.rows.get(host)
        return row is not None and row.stage is HostStage.UP and not row.loans

    def start(self) -> list[Order]:
        """A browser for every seat."""
        return [order for seat in range(len(self._generations)) for order in self.launch(seat)]

    def launch(self, seat: int) -> list[Order]:
        """A browser for this seat, unless one is up or on its way there."""
        if self._closed or any(
            host.seat == seat and row.stage is not HostStage.DRAINING
            for host, row in self.rows.items()
        ):
            return []
        return [self._launch(seat)]

    def held(self, owner: str) -> int:
        """How many of the owner's wait or have room."""
        return self._held[owner]

    def ask(self, ticket: int, *, warmable: bool, owner: str = "", most: int = 0) -> list[Order]:
        """A session wants a context; `warmable` if a warm one would do. Its owner may have `most`
        of them, those that wait too: nobody fills the queue with what it may not have. 0: no bound.
        """
        if self._closed:
            return [Refuse(ticket, "draining")]
        if most and self._held[owner] >= most:
            return [Refuse(ticket, "quota")]
        if not self.has_hope:
            return [Refuse(ticket, "browser")]
        # While browsers are starting, those who will have room as soon as one is up are no queue.
        bound = self._max_waiting + (0 if self.has_browser else self.room)
        if (self.room <= 0 or not self.has_browser) and len(self._waiting) >= bound:
            return [Refuse(ticket, "sessions")]
        self._waiting.append((ticket, warmable))
        self._owners[ticket] = owner
        self._held[owner] += 1
        return self._grant()

    def opened(self, ticket: int) -> None:
        """The ticket's context is there."""
        self.rows[self._loans[ticket]].opening.remove(ticket)
        self._live += 1

    def waive(self, ticket: int) -> None:
        """Its session is ending: it is its owner's no more, though its room is not free yet. Else
        who closes one and opens another at once would be over its bound.
        """
        self._forget(ticket)

    def release(self, ticket: int) -> list[Order]:
        """The ticket is done with: its context is closed, was never made, or it never had one."""
        self._forget(ticket)
        host = self._loans.pop(ticket, None)
        if host is None:
            self._waiting = deque(entry for entry in self._waiting if entry[0] != ticket)
            return []
        row = self.rows[host]
        row.loans.remove(ticket)
        if ticket in row.opening:
            row.opening.remove(ticket)
        else:
            self._live -= 1
        return [*self._retire(host), *self._grant()]

    def spare(self, ticket: int) -> list[Order] | None:
        """Its asker went away; its virgin context goes to the warm set. None where that has no use
        for it: then it is to be closed and the ticket released.
        """
        row = self.rows[self._loans[ticket]]
        if row.stage is not HostStage.UP or self._closed:
            return None
        row.warm += 1
        return self.release(ticket)

    def up(self, host: HostId) -> list[Order]:
        """The browser has started; older ones of its seat take no more sessions."""
        self.rows[host].move(HostStage.UP)
        older = [
            other
            for other, row in self.rows.items()
            if other.seat == host.seat and other != host and row.stage is HostStage.UP
        ]
        return [*(order for other in older for order in self._drain(other)), *self._grant()]

    def lost(self, host: HostId, *, relaunch: bool) -> list[Order]:
        """The browser is gone, or did not start. Its loans are void; their slots are free.

        With `relaunch` its seat has another at once; without, and with no other browser to hope
        for, those who wait are refused.
        """
        row = self.rows.pop(host)
        row.move(HostStage.GONE)
        void = sorted(row.loans)
        for ticket in void:
            del self._loans[ticket]
            self._forget(ticket)
        self._live -= len(void) - len(row.opening)
        orders: list[Order] = [Void(ticket, host) for ticket in void]
        if relaunch:
            orders += self.launch(host.seat)
        if not self.has_hope:
            return orders + self._refuse_all("browser")
        return orders + self._grant()

    def recycle(self, host: HostId) -> list[Order]:
        """Replace the browser: the new one is started first, so that there is never a gap."""
        row = self.rows.get(host)
        if row is None or row.stage is not HostStage.UP or self._closed:
            return []
        seat = [other for other in self.rows if other.seat == host.seat]
        draining = sum(self.rows[other].stage is HostStage.DRAINING for other in seat)
        starting = any(self.rows[other].stage is HostStage.STARTING for other in seat)
        if starting or draining >= DRAINING_AT_ONCE:
            return []
        return [self._launch(host.seat)]

    def refill(self, target: int) -> list[Order]:
        """Make warm contexts until there are `target`, with regard for sessions being opened."""
        orders: list[Order] = []
        wanted = min(target, self.room) - sum(row.warm + row.making for row in self.rows.values())
        while wanted > 0 and not self._closed and not self._waiting:
            host = self._least_loaded(
                host
                for host, row in self.rows.items()
                if row.stage is HostStage.UP and row.making + len(row.opening) < MAKING_AT_ONCE
            )
            if host is None:
                break
            self.rows[host].making += 1
            self.rows[host].served += 1
            orders.append(Warm(host))
            wanted -= 1
        return orders

    def warmed(self, host: HostId, *, made: bool) -> list[Order]:
        """A context for the warm set is made, or failed to be. Whether it is kept, the orders say:
        a Chill of it may follow at once.
        """
        row = self.rows.get(host)
        if row is None:
            return []
        row.making -= 1
        if made:
            row.warm += 1
        if row.stage is not HostStage.UP or self._closed:
            return [*self._chill(host, row.warm), *self._retire(host)]
        return []

    def trim(self, target: int) -> list[Order]:
        """Close warm contexts beyond `target`, from the most loaded hosts."""
        orders: list[Order] = []
        excess = self.warm - max(0, min(target, self.room))
        for host, row in sorted(self.rows.items(), key=lambda entry: -entry[1].load):
            count = min(row.warm, max(0, excess))
            orders += self._chill(host, count)
            excess -= count
        return orders

    def close(self) -> list[Order]:
        """Take nobody any more: all who wait are refused, warm contexts are closed."""
        self._closed = True
        return [*self._refuse_all("draining"), *self.trim(0)]

    def remove(self, host: HostId) -> None:
        """A browser was ended on purpose with nothing in it."""
        self.rows.pop(host).move(HostStage.GONE)

    def check(self) -> None:
        """Assert what must always hold."""
        assert self.room >= 0, "more loans than capacity"
        assert self.opening >= 0
        assert self._live >= 0
        if self._waiting:
            assert not self._closed
            assert self.has_hope
            assert self.room == 0 or not self.has_browser, "a waiter though there is room"
        assert len({ticket for ticket, _ in self._waiting}) == len(self._waiting)
        assert sum(len(row.loans) for row in self.rows.values()) == len(self._loans)
        assert self._owners.keys() <= self._loans.keys() | {ticket for ticket, _ in self._waiting}
        assert all(ticket in self._owners for ticket, _ in self._waiting)
        assert self._held == Counter(self._owners.values())
        for host, row in self.rows.items():
            assert row.opening <= row.loans
            assert row.warm >= 0
            assert row.making >= 0
            assert all(self._loans[ticket] == host for ticket in row.loans)
            if row.stage is HostStage.STARTING:
                assert row.load == 0
            if row.stage is HostStage.DRAINING:
                assert row.warm == 0, "a warm context on a host that takes no sessions"
                assert row.loans or row.making, "a host kept for nothing"

    def _forget(self, ticket: int) -> None:
        owner = self._owners.pop(ticket, None)
        if owner is not None:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]

    def _launch(self, seat: int) -> Launch:
        self._generations[seat] += 1
        host = HostId(seat, self._generations[seat])
        self.rows[host] = Row(host)
        return Launch(host)

    def _grant(self) -> list[Order]:
        orders: list[Order] = []
        while self._waiting and self.room > 0 and self.has_browser:
            ticket, warmable = self._waiting.popleft()
            orders.append(self._place(ticket, warmable=warmable))
        return orders

    def _place(self, ticket: int, *, warmable: bool) -> Grant:
        up = [host for host, row in self.rows.items() if row.stage is HostStage.UP]
        warm = [host for host in up if self.rows[host].warm] if warmable else []
        host = self._least_loaded(warm or up)
        assert host is not None, "placed without a browser"
        row = self.rows[host]
        if warm:
            row.warm -= 1
        else:
            row.served += 1
        row.loans.add(ticket)
        row.opening.add(ticket)
        self._loans[ticket] = host
        return Grant(ticket, host, bool(warm))

    def _least_loaded(self, hosts: Iterable[HostId]) -> HostId | None:
        return min(hosts, key=lambda host: (self.rows[host].load, host), default=None)

    def _drain(self, host: HostId) -> list[Order]:
        row = self.rows[host]
        row.move(HostStage.DRAINING)
        return [*self._chill(host, row.warm), *self._retire(host)]

    def _chill(self, host: HostId, count: int) -> list[Order]:
        self.rows[host].warm -= count
        return [Chill(host, count)] if count else []

    def _retire(self, host: HostId) -> list[Order]:
        row = self.rows[host]
        if row.stage is not HostStage.DRAINING or row.loans or row.making:
            return []
        self.remove(host)
        return [Retire(host)]

    def _refuse_all(self, reason: RefusalReason) -> list[Order]:
        refused, self._waiting = self._waiting, deque()
        for ticket, _ in refused:
            self._forget(ticket)
        return [Refuse(ticket, reason) for ticket, _ in refused]
