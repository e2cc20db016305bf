"""The ledger: plain cases, and random walks that look at its invariants after every step."""

from hypothesis import settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from agent_browser.pool.ledger import MAKING_AT_ONCE, Ledger
from agent_browser.pool.orders import (
    Chill,
    Grant,
    HostId,
    Launch,
    Order,
    Refuse,
    Retire,
    Void,
    Warm,
)
from agent_browser.pool.stages import HostStage

A, B = HostId(0, 1), HostId(1, 1)


def started(*, capacity: int = 2, max_waiting: int = 10, seats: int = 1) -> Ledger:
    ledger = Ledger(capacity=capacity, max_waiting=max_waiting, seats=seats)
    for order in ledger.start():
        assert isinstance(order, Launch)
        ledger.up(order.host)
    return ledger


def test_room_is_given_at_once_and_counted_at_once() -> None:
    ledger = started(capacity=1)
    assert ledger.ask(1, warmable=True) == [Grant(1, A, warm=False)]
    assert (ledger.opening, ledger.live, ledger.room) == (1, 0, 0)
    assert ledger.ask(2, warmable=True) == []
    ledger.opened(1)
    assert (ledger.opening, ledger.live, ledger.waiting) == (0, 1, 1)
    assert ledger.release(1) == [Grant(2, A, warm=False)]


def test_a_full_queue_refuses() -> None:
    ledger = started(capacity=1, max_waiting=1)
    ledger.ask(1, warmable=True)
    ledger.ask(2, warmable=True)
    assert ledger.ask(3, warmable=True) == [Refuse(3, "sessions")]


def test_the_least_loaded_browser_is_taken() -> None:
    ledger = started(capacity=4, seats=2)
    hosts = [order.host for n in range(4) for order in _grants(ledger.ask(n, warmable=True))]
    assert hosts == [A, B, A, B]
    ledger.release(0)
    assert ledger.ask(5, warmable=True) == [Grant(5, A, warm=False)]


def test_a_warm_context_is_preferred_by_those_whom_it_serves() -> None:
    ledger = started(capacity=4, seats=2)
    assert ledger.refill(1) == [Warm(A)]
    assert ledger.warmed(A, made=True) == []
    assert ledger.ask(1, warmable=False) == [Grant(1, B, warm=False)]
    assert ledger.ask(2, warmable=True) == [Grant(2, A, warm=True)]
    assert ledger.warm == 0


def test_the_warm_set_is_filled_few_at_a_time_and_not_while_sessions_open() -> None:
    ledger = started(capacity=20)
    assert ledger.refill(10) == [Warm(A)] * MAKING_AT_ONCE
    assert ledger.refill(10) == []
    busy = started(capacity=20)
    for ticket in range(MAKING_AT_ONCE):
        busy.ask(ticket, warmable=True)
    assert busy.refill(10) == []


def test_those_who_come_while_browsers_start_are_no_queue() -> None:
    ledger = Ledger(capacity=3, max_waiting=0, seats=1)
    ledger.start()
    for ticket in range(3):
        assert ledger.ask(ticket, warmable=True) == []
    assert ledger.ask(3, warmable=True) == [Refuse(3, "sessions")]
    assert [order.ticket for order in _grants(ledger.up(A))] == [0, 1, 2]


def test_a_lost_browser_voids_its_loans_and_frees_their_slots() -> None:
    ledger = started(capacity=2, seats=2)
    ledger.ask(1, warmable=True)
    ledger.ask(2, warmable=True)
    ledger.opened(1)
    ledger.ask(3, warmable=True)
    orders = ledger.lost(A, relaunch=True)
    assert orders == [Void(1, A), Launch(HostId(0, 2)), Grant(3, B, warm=False)]
    assert ledger.release(1) == []


def test_the_last_browser_that_does_not_start_refuses_those_who_wait() -> None:
    ledger = Ledger(capacity=2, max_waiting=5, seats=1)
    ledger.start()
    ledger.ask(1, warmable=True)
    assert ledger.lost(A, relaunch=False) == [Refuse(1, "browser")]
    assert ledger.ask(2, warmable=True) == [Refuse(2, "browser")]
    assert ledger.launch(0) == [Launch(HostId(0, 2))]
    assert ledger.launch(0) == []


def test_a_replaced_browser_goes_when_its_last_session_ends() -> None:
    ledger = started(capacity=4)
    ledger.ask(1, warmable=True)
    ledger.refill(1)
    ledger.warmed(A, made=True)
    assert ledger.recycle(A) == [Launch(HostId(0, 2))]
    assert ledger.recycle(A) == []
    assert ledger.up(HostId(0, 2)) == [Chill(A, 1)]
    assert ledger.rows[A].stage is HostStage.DRAINING
    assert ledger.release(1) == [Retire(A)]
    assert list(ledger.rows) == [HostId(0, 2)]


def test_a_spared_context_goes_to_the_next_who_waits() -> None:
    ledger = started(capacity=1)
    ledger.ask(1, warmable=True)
    ledger.ask(2, warmable=True)
    assert ledger.spare(1) == [Grant(2, A, warm=True)]


def _grants(orders: list[Order]) -> list[Grant]:
    return [order for order in orders if isinstance(order, Grant)]


class LedgerWalk(RuleBasedStateMachine):
    """Whoever carries the orders out, in whatever order, has a model that agrees."""

    tickets = Bundle("tickets")
    hosts = Bundle("hosts")

    def __init__(self) -> None:
        super().__init__()
        self.next = 0
        self.queue: list[int] = []
        self.granted: dict[int, HostId] = {}
        self.opened: set[int] = set()
        self.warm: dict[HostId, int] = {}
        self.making: list[HostId] = []
        self.alive: set[HostId] = set()
        self.refused: set[int] = set()
        self.closed = False

    @initialize(
        target=hosts,
        capacity=strategies.integers(1, 5),
        max_waiting=strategies.integers(0, 4),
        seats=strategies.integers(1, 3),
    )
    def start(self, capacity: int, max_waiting: int, seats: int) -> object:
        self.seats = seats
        self.ledger = Ledger(capacity=capacity, max_waiting=max_waiting, seats=seats)
        return multiple(*self.carry_out(self.ledger.start()))

    def carry_out(self, orders: list[Order]) -> list[HostId]:
        """Keep the model, and return the browsers that are being launched."""
        launched = []
        for order in orders:
            match order:
                case Grant(ticket, host, warm):
                    assert ticket == self.queue.pop(0), "not in order of arrival"
                    assert host in self.alive
                    self.granted[ticket] = host
                    if warm:
                        self.warm[host] -= 1
                case Refuse(ticket, _):
                    self.queue.remove(ticket)
                    self.refused.add(ticket)
                case Void(ticket, host):
                    assert self.granted.pop(ticket) == host
                    self.opened.discard(ticket)
                case Launch(host):
                    assert host not in self.alive
                    self.alive.add(host)
                    self.warm[host] = 0
                    launched.append(host)
                case Warm(host):
                    assert host in self.alive
                    self.making.append(host)
                case Chill(host, count):
                    assert count > 0
                    self.warm[host] -= count
                case Retire(host):
                    assert host not in self.granted.values()
                    assert self.warm.pop(host) == 0
                    self.alive.remove(host)
        return launched

    @rule(target=tickets, warmable=strategies.booleans())
    def ask(self, warmable: bool) -> int:
        self.next += 1
        self.queue.append(self.next)
        assert self.carry_out(self.ledger.ask(self.next, warmable=warmable)) == []
        return self.next

    @rule(ticket=tickets)
    def open(self, ticket: int) -> None:
        if ticket in self.granted and ticket not in self.opened:
            self.opened.add(ticket)
            self.ledger.opened(ticket)

    @rule(ticket=consumes(tickets))
    def release(self, ticket: int) -> None:
        if ticket in self.queue:
            self.queue.remove(ticket)
        self.granted.pop(ticket, None)
        self.opened.discard(ticket)
        self.carry_out(self.ledger.release(ticket))

    @rule(ticket=consumes(tickets))
    def spare(self, ticket: int) -> None:
        if ticket not in self.granted or ticket in self.opened:
            return
        host = self.granted[ticket]
        orders = self.ledger.spare(ticket)
        if orders is None:
            orders = self.ledger.release(ticket)
        else:
            self.warm[host] += 1
        del self.granted[ticket]
        self.carry_out(orders)

    @rule(host=hosts)
    def up(self, host: HostId) -> None:
        if self.stage(host) is HostStage.STARTING:
            self.carry_out(self.ledger.up(host))

    @rule(target=hosts, host=hosts, relaunch=strategies.booleans())
    def lose(self, host: HostId, relaunch: bool) -> object:
        if self.stage(host) is None:
            return multiple()
        self.alive.remove(host)
        self.warm.pop(host)
        return multiple(*self.carry_out(self.ledger.lost(host, relaunch=relaunch)))

    @rule(target=hosts, seat=strategies.integers(0, 2))
    def relaunch(self, seat: int) -> object:
        if seat >= self.seats:
            return multiple()
        return multiple(*self.carry_out(self.ledger.launch(seat)))

    @rule(target=hosts, host=hosts)
    def recycle(self, host: HostId) -> object:
        return multiple(*self.carry_out(self.ledger.recycle(host)))

    @rule(count=strategies.integers(0, 6))
    def refill(self, count: int) -> None:
        self.carry_out(self.ledger.refill(count))

    @rule(count=strategies.integers(0, 6))
    def trim(self, count: int) -> None:
        self.carry_out(self.ledger.trim(count))
        assert self.ledger.warm <= count

    @precondition(lambda self: self.making)
    @rule(made=strategies.booleans())
    def warmed(self, made: bool) -> None:
        host = self.making.pop(0)
        if made and host in self.alive:
            self.warm[host] += 1
        self.carry_out(self.ledger.warmed(host, made=made))

    @rule()
    @precondition(lambda self: self.next > 20)
    def close(self) -> None:
        self.closed = True
        self.carry_out(self.ledger.close())
        assert not self.queue

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.ledger.check()
        assert self.ledger.waiting == len(self.queue)
        assert self.ledger.live == len(self.opened)
        assert self.ledger.opening == len(self.granted) - len(self.opened)
        assert {host: row.warm for host, row in self.ledger.rows.items()} == self.warm
        assert len(self.granted) <= self.ledger.capacity

    def stage(self, host: HostId) -> HostStage | None:
        row = self.ledger.rows.get(host)
        return row.stage if row is not None else None


TestLedgerWalk = LedgerWalk.TestCase
TestLedgerWalk.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
