"""Who follows events over HTTP: each stream with its subscription, and a bound on their number."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

from agent_browser.api.streaming import ServerSent, Until
from agent_browser.errors import TooMany
from agent_browser.hub import Follow, Hub, Missed, Subscription
from agent_browser.models.sessions import Session
from agent_browser.settings import Settings

TRY_AGAIN = 5.0
"""Seconds after which a caller that found no place may ask again."""
ENDING = timedelta(seconds=60)
"""How long a session that has ended may take until its end is told: its videos are made final."""
MISSED, END = "missed", "end"
"""Types of what a stream says of itself."""

Attended = AbstractAsyncContextManager[Session]
Sent = tuple[int, str, bytes]


class Following:
    """The streams of this server. A slow one loses events, and holds up nobody."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self._hub = hub
        self._alive = settings.event_heartbeat
        self._most = settings.max_event_streams
        self._open = 0

    def has_told(self, follow: Follow, session: Session, after: int) -> bool:
        """Whether a session's stream has nothing more for who has had that event, nor ever will."""
        if not self._is_over(session):
            return False
        with self._hub.subscribe(follow, after=after) as events:
            return events.take() is None

    def stream(
        self,
        follow: Follow,
        *,
        after: int | None,
        goes_on: bool,
        until: Until,
        attended: Callable[[], Attended] | None = None,
    ) -> ServerSent:
        """The answer: what is held after that id, and what comes, if it `goes_on`, `until` that
        comes back. Of one session with its end, while it is `attended`. TooMany.
        """
        if self._open >= self._most:
            raise TooMany(f"{self._most} event streams are open", retry_after=TRY_AGAIN)

        @asynccontextmanager
        async def told() -> AsyncIterator[AsyncIterator[Sent]]:
            self._open += 1
            try:
                with self._hub.subscribe(follow, after=after) as events:
                    if not goes_on:
                        events.finish()
                    if attended is None:
                        yield _sent(events)
                        return
                    async with attended() as session:
                        if self._is_over(session):
                            events.finish()
                        yield self._to_the_end(events, ends=goes_on)
            finally:
                self._open -= 1

        return ServerSent(told, alive=self._alive, until=until)

    async def _to_the_end(self, events: Subscription, *, ends: bool) -> AsyncIterator[Sent]:
        async for sent in _sent(events):
            yield sent
        # Not at a shutdown: then who follows is to come back.
        if ends and not self._hub.closed:
            yield self._hub.last, END, b'{"reason":"session_ended"}'

    def _is_over(self, session: Session) -> bool:
        if session.state not in ("ended", "expired"):
            return False
        if session.ended_at is None or self._hub.has_ended(session.id):
            return True
        return datetime.now(UTC) - session.ended_at > ENDING


async def _sent(events: Subscription) -> AsyncIterator[Sent]:
    async for item in events:
        if isinstance(item, Missed):
            # With the id of the last that is missed: who comes back is not told of it again.
            yield item.before - 1, MISSED, json.dumps({"count": item.count}).encode()
        else:
            yield item.event.id, item.event.type, item.json
