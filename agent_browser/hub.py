"""The hub: tells who follows a session of what happens to it, and keeps the latest for who comes
back. Publishing never waits: what a slow subscriber does not take in time is lost to it alone.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import anyio
import structlog

from agent_browser.clock import Clock, SystemClock
from agent_browser.models.events import EVENT_TYPES, Event, EventType

MAX_QUEUE = 1_000
"""Events that wait for a subscriber; the oldest go past that."""
_NONE: frozenset[EventType] = frozenset()
_ALL: frozenset[EventType] = frozenset(EVENT_TYPES)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """An event and whose it is."""

    event: Event
    owner: str
    is_private: bool = False
    """Whether it is to be written nowhere: its session's bodies or page texts are not kept."""

    @cached_property
    def json(self) -> bytes:
        """The event as callers see it, in one line; encoded once for all who get it."""
        event = self.event
        shown = {
            "id": event.id,
            "type": event.type,
            "session_id": event.session_id,
            "at": written(event.at),
            "data": event.data,
        }
        text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")  # a page's text may hold half a surrogate pair


@dataclass(frozen=True)
class Missed:
    """Events that a subscriber won't get any more. `count` is None where it can't be known: they
    were told before this server started. Of what the history let go of it is a bound: others'
    events are in it.
    """

    count: int | None
    before: int
    """Those after the gap have this id or a later one."""


@dataclass(frozen=True)
class Follow:
    """What a subscriber wants to be told of."""

    owner: str | None = None
    """None: everybody's."""
    session_id: str | None = None
    """None: of all sessions."""
    types: frozenset[EventType] = _ALL

    def wants(self, told: Told) -> bool:
        """Whether the event is one of these."""
        return (
            told.event.type in self.types
            and self.owner in (None, told.owner)
            and self.session_id in (None, told.event.session_id)
        )

    def covers(self, session_id: str, owner: str) -> bool:
        """Whether events of that session are, if they are of the right types."""
        return self.owner in (None, owner) and self.session_id in (None, session_id)


@dataclass(frozen=True)
class HubStatistics:
    """The hub in numbers."""

    published: int
    """Events since it was made."""
    held: int
    subscribers: int
    lost: int
    """Events that slow subscribers lost, each counted for each of them."""


class Subscription:
    """An async iterator over what one subscriber is told, until it is closed, the hub is, or its
    one session has ended. Used by one task.
    """

    def __init__(
        self, follow: Follow, backlog: Iterable[Told | Missed], leave: Callable[[], None], most: int
    ) -> None:
        self.follow = follow
        self.lost = 0
        """Events that it did not take in time, in all."""
        self._backlog = deque(backlog)
        self._queue: deque[Told] = deque()
        self._most = most
        self._leave = leave
        self._untold = 0
        self._over = False
        self._change = anyio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Told | Missed:
        while True:
            item = self.take()
            if item is not None:
                return item
            if self._over:
                raise StopAsyncIteration
            await self._change.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def take(self) -> Told | Missed | None:
        """The next item, if one is there already."""
        if self._backlog:
            return self._backlog.popleft()
        if self._untold and self._queue:
            missed = Missed(self._untold, self._queue[0].event.id)
            self._untold = 0
            return missed
        if self._queue:
            return self._queue.popleft()
        self._change = anyio.Event()
        return None

    @property
    def waiting(self) -> int:
        """Items that are there and not taken."""
        return len(self._backlog) + len(self._queue)

    def put(self, told: Told) -> None:
        """One more; the oldest goes where there are too many."""
        if len(self._queue) >= self._most:
            self._queue.popleft()
            self._untold += 1
            self.lost += 1
        self._queue.append(told)
        self._change.set()

    def forget(self, session_id: str) -> None:
        """Take back what was not taken yet of a session that was erased, but for its end."""
        self._queue = deque(told for told in self._queue if not _is_of(told, session_id))
        self._backlog = deque(
            item
            for item in self._backlog
            if isinstance(item, Missed) or not _is_of(item, session_id)
        )

    def finish(self) -> None:
        """Nothing more comes: it ends once all that is there is taken."""
        self._over = True
        self._change.set()

    def close(self) -> None:
        """Be told of nothing more. Idempotent."""
        self._backlog.clear()
        self._queue.clear()
        self._untold = 0
        self.finish()
        self._leave()


class Hub:
    """A Publisher and its Audience, with a bounded history. Ids go on from the wall clock's
    microseconds, so that they count up over restarts: no server tells a million events a second.
    """

    def __init__(
        self, *, history: int = 10_000, queue: int = MAX_QUEUE, clock: Clock | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._history: deque[Told] = deque(maxlen=history)
        self._most = queue
        self._before = int(self._clock.now().timestamp() * 1_000_000)
        """The last id before those of this server."""
        self._last = self._before
        self._let_go = self._before
        """The last id that went past the bound of the history."""
        self._wide: dict[Subscription, None] = {}
        """Subscribers to more than one session."""
        self._narrow: dict[str, dict[Subscription, None]] = {}
        self._lost = 0
        self.closed = False
        """Whether it tells nobody anything any more."""
        self.is_private: Callable[[str], bool] = _is_public
        """Whether what is told of a session is to be written nowhere; the pool knows."""
        self._listeners: list[Callable[[str | None, str | None], None]] = []
        self._forgetters: list[Callable[[str], None]] = []

    def publish(self, kind: EventType, session_id: str, owner: str, data: dict[str, Any]) -> None:
        """It happened now."""
        self._last += 1
        event = Event(
            id=self._last, type=kind, session_id=session_id, at=self._clock.now(), data=data
        )
        told = Told(event, owner, is_private=self.is_private(session_id))
        if len(self._history) == self._history.maxlen:
            self._let_go = self._history[0].event.id
        self._history.append(told)
        narrow = self._narrow.get(session_id, {})
        for subscriber in (*self._wide, *narrow):
            if subscriber.follow.wants(told):
                subscriber.put(told)
        if kind == "session.ended":
            for subscriber in narrow:
                subscriber.finish()

    def wanted(self, session_id: str, owner: str) -> frozenset[EventType]:
        """The types that somebody follows of that session now."""
        follows = [
            subscriber.follow.types
            for subscriber in (*self._wide, *self._narrow.get(session_id, ()))
            if subscriber.follow.covers(session_id, owner)
        ]
        return _NONE.union(*follows)

    def on_wanted(self, listener: Callable[[str | None, str | None], None]) -> None:
        """Call back, at once, with the session and the owner for which what is wanted may have
        changed; None for all.
        """
        self._listeners.append(listener)

    def subscribe(self, follow: Follow, *, after: int | None = None) -> Subscription:
        """Be told of what comes, and before it of what came after that id and is still held. 0 is
        all that is held.
        """
        backlog = [] if after is None else self._since(follow, after)
        made = Subscription(follow, backlog, lambda: self._leave(made), self._most)
        if self.closed:
            made.finish()
            return made
        self._place(follow)[made] = None
        self._changed(follow)
        return made

    def statistics(self) -> HubStatistics:
        """As of now."""
        subscribers = self._subscribers
        return HubStatistics(
            published=self._last - self._before,
            held=len(self._history),
            subscribers=len(subscribers),
            lost=self._lost + sum(subscriber.lost for subscriber in subscribers),
        )

    @property
    def last(self) -> int:
        """The id of the latest event."""
        return self._last

    def has_ended(self, session_id: str) -> bool:
        """Whether the end of that session was told, as far as it is still held."""
        return any(
            told.event.type == "session.ended" and told.event.session_id == session_id
            for told in self._history
        )

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session that was erased."""
        kept = [told for told in self._history if told.event.session_id != session_id]
        self._history = deque(kept, maxlen=self._history.maxlen)
        for subscriber in self._subscribers:
            subscriber.forget(session_id)
        for listener in self._forgetters:
            listener(session_id)

    def on_forgotten(self, listener: Callable[[str], None]) -> None:
        """Call back, at once, with a session of which nothing is to be kept."""
        self._forgetters.append(listener)

    def close(self) -> None:
        """Every subscriber ends with what it was told; later ones at once. Idempotent."""
        self.closed = True
        for subscriber in self._subscribers:
            subscriber.finish()

    @property
    def _subscribers(self) -> list[Subscription]:
        return [*self._wide, *(one for there in self._narrow.values() for one in there)]

    def _place(self, follow: Follow) -> dict[Subscription, None]:
        if follow.session_id is None:
            return self._wide
        return self._narrow.setdefault(follow.session_id, {})

    def _leave(self, subscriber: Subscription) -> None:
        follow = subscriber.follow
        place = self._place(follow)
        if subscriber in place:
            del place[subscriber]
            self._lost += subscriber.lost
        if not place and follow.session_id is not None:
            del self._narrow[follow.session_id]
        self._changed(follow)

    def _changed(self, follow: Follow) -> None:
        for listener in self._listeners:
            try:
                listener(follow.session_id, follow.owner)
            except Exception:
                log.exception("a listener of the hub failed")

    def _since(self, follow: Follow, after: int) -> list[Told | Missed]:
        """What is held of it after that id; before it what is not held any more."""
        kept = [told for told in self._history if follow.wants(told)]
        first = self._let_go + 1
        if after > self._last or 0 < after < self._before:
            # Of a server before this one; or of none, if the clock went back between them.
            return [Missed(None, first), *kept]
        missing = self._let_go - max(after, self._before)
        if missing > 0:
            return [Missed(missing, first), *kept]
        return [told for told in kept if told.event.id > after]


def _is_of(told: Told, session_id: str) -> bool:
    return told.event.session_id == session_id and told.event.type != "session.ended"


def _is_public(session_id: str) -> bool:
    return False


def written(at: datetime) -> str:
    """A time as answers have it: RFC 3339 in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
