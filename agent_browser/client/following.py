"""Events as they come: an iterator that comes back where it was when its connection is lost."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import anyio
import httpx

from agent_browser.client.address import Address
from agent_browser.client.errors import AnswerLost, ServerUnreachable, UnexpectedAnswer
from agent_browser.client.requests import Request
from agent_browser.errors import Unavailable
from agent_browser.models.events import Event

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each attempt to come back; after the last it is given up."""
LOST = (AnswerLost, ServerUnreachable, Unavailable)


Stream = TypeVar("Stream")
"""What opens the connection, and is left when it is to be closed."""


class _Frames(Generic[Stream]):
    """What both kinds know: frames of the stream made into events, and where it is."""

    def __init__(
        self,
        address: Address,
        request: Request[None],
        stream: Callable[[Request[Any]], Stream],
        *,
        comes_back: bool = True,
    ) -> None:
        self._address = address
        self._request = request
        self._stream = stream
        self._comes_back = comes_back
        self._lines: dict[str, str] = {}
        self._failures = 0
        self._has_ended = False
        self.last_id: str | None = None
        """The id of what was read last; a stream that begins `after` it goes on there."""
        self.missed = 0
        """Events that were not sent: this reader was too slow, or they are not held any more."""

    def _asked(self) -> Request[None]:
        self._lines = {}
        if self.last_id is None:
            return self._request
        headers = {**self._request.headers, "Last-Event-ID": self.last_id}
        return replace(self._request, headers=headers)

    def _take(self, line: str) -> Event | None:
        """The event that the line completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            before = self._lines.get(name)
            joined = name == "data" and before is not None
            self._lines[name] = f"{before}\n{value}" if joined else value
            return None
        frame, self._lines = self._lines, {}
        if "data" not in frame:
            return None
        self._failures = 0
        self.last_id = frame.get("id") or self.last_id
        kind = frame.get("event")
        if kind == "end":
            self._has_ended = True
            return None
        try:
            if kind == "missed":
                self.missed += int(json.loads(frame["data"])["count"])
                return None
            return Event.model_validate_json(frame["data"])
        except (ValueError, KeyError, TypeError) as exc:
            raise UnexpectedAnswer(self._address.url, "an event of another form") from exc

    def _begin(self, response: httpx.Response) -> None:
        if response.status_code == 204 or not self._comes_back:
            self._has_ended = True

    def _pause(self, lost: Exception | None) -> float:
        """Seconds to wait before it is tried again. What it was lost by, if it is given up."""
        self._failures += 1
        if self._failures > len(PAUSES):
            raise lost or AnswerLost(self._address.url, "the stream ended again and again")
        return PAUSES[self._failures - 1]


class Following(_Frames[AbstractContextManager[httpx.Response]]):
    """Events in order, to be read once; `close` ends it."""

    @cached_property
    def _events(self) -> Generator[Event, None, None]:
        return self._read()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def close(self) -> None:
        """Read no further."""
        self._events.close()

    def _read(self) -> Generator[Event, None, None]:
        was_there = False
        while not self._has_ended:
            lost: Exception | None = None
            try:
                with self._stream(self._asked()) as response:
                    was_there = True
                    self._begin(response)
                    for line in response.iter_lines():
                        event = self._take(line)
                        if event is not None:
                            yield event
            except LOST as exc:
                if not was_there or not self._comes_back:
                    raise
                lost = exc
            if not self._has_ended:
                time.sleep(self._pause(lost))


class AsyncFollowing(_Frames[AbstractAsyncContextManager[httpx.Response]]):
    """The same for asynchronous programs; `aclose` ends it."""

    @cached_property
    def _events(self) -> AsyncGenerator[Event, None]:
        return self._read()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def aclose(self) -> None:
        """Read no further."""
        await self._events.aclose()

    async def _read(self) -> AsyncGenerator[Event, None]:
        was_there = False
        while not self._has_ended:
            lost: Exception | None = None
            try:
                async with self._stream(self._asked()) as response:
                    was_there = True
                    self._begin(response)
                    async for line in response.aiter_lines():
                        event = self._take(line)
                        if event is not None:
                            yield event
            except LOST as exc:
                if not was_there or not self._comes_back:
                    raise
                lost = exc
            if not self._has_ended:
                await anyio.sleep(self._pause(lost))
