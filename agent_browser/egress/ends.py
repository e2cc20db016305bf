"""One end of what the proxy joins: read no faster than the other end takes it, or may have it."""

import asyncio
import socket
import struct
from asyncio import TimerHandle, Transport
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from agent_browser.egress.rates import Bucket
from agent_browser.egress.turns import Turns
from agent_browser.egress.ways import Bounds

FULL, SLOW, BUSY, EARLY, TURN = 1, 2, 4, 8, 16
"""Why an end is not read: the other's buffer is full; its rate is used up; a request is under way
already; nobody is there yet to whom it could go; enough has passed in this turn of the loop.
"""
HIGH, LOW = 256 * 1024, 64 * 1024
"""Bytes that wait to be written when reading stops at the other end, and when it goes on."""
_AT_ONCE = struct.pack("ii", 1, 0)

Later = Callable[[float, Callable[[], None]], TimerHandle]


class End(asyncio.Protocol):
    """A connection. What it receives goes to `fed`, in time; then `finished`, when the other side
    will send no more, and `lost`, when the connection is gone. The one that `joined` with it is
    paused while this one's buffer is full. A side that then takes nothing for long is given up.
    """

    def __init__(self, later: Later, turns: Turns, bounds: Bounds) -> None:
        self._later = later
        self._turns = turns
        self.bounds = bounds
        self._transport: Transport | None = None
        self._why = 0
        self._is_full = False
        self._held: deque[bytes] = deque()
        self._timer: TimerHandle | None = None
        self._watch: TimerHandle | None = None
        self._unwritten = 0
        self._has_ended = False
        self._lost: list[Exception | None] = []
        self.joined: End | None = None

    def fed(self, data: bytes) -> None:
        """Bytes came, and may pass."""
        raise NotImplementedError

    def finished(self) -> None:
        """The other side sends no more."""
        raise NotImplementedError

    def lost(self, exc: Exception | None) -> None:
        """The connection is gone; `exc` where it was reset."""
        raise NotImplementedError

    def bucket(self) -> Bucket | None:
        """What bounds the bytes that come; None for no bound."""
        return None

    @property
    def patience(self) -> float:
        """Seconds without a byte taken of what is to be written after the end."""
        return self.bounds.stall

    @property
    def is_open(self) -> bool:
        """Whether it can still be written to."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def peer(self) -> tuple[str, int] | None:
        """The other side's address and port."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return (str(name[0]), int(name[1])) if name else None

    @property
    def waiting(self) -> int:
        """Bytes in memory: received and not passed on, or to be written."""
        return self._to_write() + sum(map(len, self._held))

    def send(self, data: bytes) -> None:
        """Write it, if there is somebody."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def send_end(self) -> None:
        """No more will be written."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            with suppress(OSError):
                transport.write_eof()
        else:
            transport.close()

    def close(self) -> None:
        """End it once what was written is sent, and taken in time. Idempotent."""
        self._drop()
        if self._transport is not None:
            self._transport.close()
            self._await_taking(self.patience)

    def abort(self, *, reset: bool = False) -> None:
        """End it at once; with `reset` the other side sees that it did not end by itself."""
        self._drop()
        transport = self._transport
        if transport is None:
            return
        if reset:
            with suppress(OSError, AttributeError):
                made = transport.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()

    def pause(self, why: int) -> None:
        """Read no more for that reason."""
        self._why |= why
        transport = self._transport
        # Not by `_why`: a loop may begin to read what was paused as it was made.
        if transport is not None and transport.is_reading():
            with suppress(RuntimeError):  # it is closing
                transport.pause_reading()

    def resume(self, why: int) -> None:
        """That reason is gone."""
        if not self._why & why:
            return
        self._why &= ~why
        if why in (FULL, EARLY) and self._held:
            self._pass()
        if not self._why and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def join(self, other: "End") -> None:
        """From now on what the other receives is written here, and so is it the other way."""
        self.joined, other.joined = other, self
        if self._is_full:
            other.pause(FULL)
        if other._is_full:
            self.pause(FULL)

    def part(self) -> None:
        """They have nothing to do with each other any more. Idempotent."""
        other, self.joined = self.joined, None
        if other is not None:
            other.joined = None
            other.resume(FULL)
            self.resume(FULL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH, low=LOW)

    def adopt(self, transport: Transport, rest: bytes) -> None:
        """Take over a connection that is paused, and what came on it already."""
        self.connection_made(transport)
        transport.set_protocol(self)
        if rest:
            self.data_received(rest)
        if not self._why and not transport.is_closing():
            transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._turns.take(len(data)) and not self._why & TURN:
            self.pause(TURN)
            self._turns.wait(self._go_on_reading)
        if not self._held and not self._why & EARLY and self.bucket() is None:
            self.fed(data)
            return
        self._held.append(data)
        self.pause(SLOW)
        self._pass()

    def eof_received(self) -> bool:
        self._has_ended = True
        if not self._held:
            self.finished()
        # A connection with TLS has no half, and complains of who wants one.
        return self._transport is not None and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._held and exc is None:
            self._lost.append(exc)
            return
        self._unwatch()
        self._drop()
        self._transport = None
        self.lost(exc)

    def pause_writing(self) -> None:
        self._is_full = True
        self._await_taking(self.bounds.stall)
        if self.joined is not None:
            self.joined.pause(FULL)

    def resume_writing(self) -> None:
        self._is_full = False
        if self.is_open:
            self._unwatch()
        if self.joined is not None:
            self.joined.resume(FULL)

    def _go_on_reading(self) -> None:
        self.resume(TURN)

    def _await_taking(self, seconds: float) -> None:
        """Unless something of what is to be written is taken in each such time, it ends."""
        self._unwatch()
        left = self._to_write()
        if not left:
            return
        self._unwritten = left
        self._watch = self._later(seconds, lambda: self._look_again(seconds))

    def _look_again(self, seconds: float) -> None:
        if self._to_write() == self._unwritten:
            self.abort(reset=True)
        else:
            self._await_taking(seconds)

    def _to_write(self) -> int:
        if self._transport is None:
            return 0
        try:
            return self._transport.get_write_buffer_size()
        except AttributeError:  # one with TLS that is closed; that has a bound of its own
            return 0

    def _unwatch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()

    def _pass(self) -> None:
        """Pass on what is held back, as far as it may pass now."""
        if self._timer is not None:
            return
        while self._held and not self._why & (FULL | EARLY):
            bucket = self.bucket()
            wait = 0.0 if bucket is None else bucket.wait()
            if wait > 0:
                self._timer = self._later(wait, self._go_on)
                return
            piece = self._held.popleft()
            if bucket is not None:
                if len(piece) > bucket.slice:
                    self._held.appendleft(piece[bucket.slice :])
                    piece = piece[: bucket.slice]
                bucket.take(len(piece))
            self.fed(piece)
        if not self._held:
            self.resume(SLOW)
            if self._has_ended:
                self._has_ended = False
                self.finished()
            if self._lost:
                self.connection_lost(self._lost.pop())

    def _go_on(self) -> None:
        self._timer = None
        self._pass()

    def _drop(self) -> None:
        self._held.clear()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._lost:
            lost = self._lost.pop()
            self._transport = None
            self.lost(lost)
