"""A video file that is being made: frames come as they are shown, and ffmpeg writes them at a
steady rate in real time. The thread that feeds it belongs to the film.
"""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog

from agent_browser.browser import encoding
from agent_browser.browser.encoding import Shape
from agent_browser.errors import StorageFull

BEAT = 0.5
"""Seconds after which a frame that is still shown is written again: a file that is cut off then
lacks no more than that.
"""
END_TIMEOUT = 8.0
"""Seconds that ffmpeg has to write what it was given; then it is killed."""
KEPT = 24
"""Frames kept for pictures of the film, at most and from all over it."""
_FIRST_STEP = 0.25
_MOST_SAID = 4_000
_log = structlog.get_logger(__name__)

Ending = Literal["storage_full", "size_limit", "encoder_failed"]


@dataclass
class Sample:
    """Frames from all over a film, in even steps that double when there are too many."""

    step: float = _FIRST_STEP
    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, seconds: float, frame: bytes) -> None:
        """A frame was written."""
        if self.frames and seconds < self.frames[-1][0] + self.step:
            return
        self.frames.append((seconds, frame))
        if len(self.frames) > KEPT:
            self.frames = self.frames[::2]
            self.step *= 2


@dataclass(frozen=True)
class Footage:
    """What a film came to. `ending` says why it ended before it was to; None if it did not."""

    path: Path
    seconds: float
    sample: Sample
    ending: Ending | None


class Film:
    """`offer` frames, then `finish`. Made in a worker thread: it starts a process. The file's lock
    is held for as long as anybody writes it.
    """

    def __init__(self, program: Path, encoder: str, shape: Shape, path: Path) -> None:
        self.shape = shape
        self.program = program
        self._path = path
        self._change = threading.Condition()
        self._frame: bytes | None = None
        self._is_fresh = False
        self._is_ending = False
        self._errands: list[tuple[float, Callable[[], None]]] = []
        self._sample = Sample()
        self._said = b""
        self._last = -1
        self._process = _started(encoding.encoding(program, encoder, shape, path), path)
        self._began = time.monotonic()
        self._ended = 0.0
        self._early: Ending | None = None
        self._thread = threading.Thread(target=self._run, name="film", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def ending(self) -> Ending | None:
        """Why no more is being written, if so; never waits."""
        return self._early

    def offer(self, frame: bytes) -> None:
        """This is what is shown now (JPEG). It takes the place of one not yet written."""
        with self._change:
            self._frame = frame
            self._is_fresh = True
            self._change.notify()

    def run(self, errand: Callable[[], None], *, after: float = 0.0) -> None:
        """Do this in the film's thread, between two frames, once `after` seconds have passed."""
        with self._change:
            self._errands.append((time.monotonic() + after, errand))
            self._change.notify()

    def finish(self) -> Footage:
        """Write what is left and close the file. Blocking, bounded; a second time the same."""
        with self._change:
            self._is_ending = True
            self._change.notify()
        self._thread.join(END_TIMEOUT)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join(END_TIMEOUT)
        ending = self._early or (self._verdict() if self._process.returncode else None)
        return Footage(self._path, self.seconds, self._sample, ending)

    def _run(self) -> None:
        try:
            self._put(encoding.head())
            while self._wait():
                for errand in self._take_errands():
                    errand()
                self._write()
            self._ended = time.monotonic()
            self._write()
            # ffmpeg shows the last frame for as long as the one before it: this makes that 1 ms.
            self._write()
        except OSError:
            _log.info("ffmpeg takes no more frames", file=self._path.name)
        finally:
            self._ended = self._ended or time.monotonic()
            self._close()
            if not self._is_ending:
                self._early = self._verdict()

    def _wait(self) -> bool:
        """Until a frame is due; False when the film is to end."""
        with self._change:
            rest = (self._last + 1000 / self.shape.fps) / 1000 - self.seconds
            self._wait_for(lambda: self._is_ending, rest)
            self._wait_for(lambda: self._is_ending or self._is_fresh, BEAT)
            return not self._is_ending

    def _wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Until that is so, an errand is due, or so many seconds have passed."""
        until = time.monotonic() + seconds
        while not ready():
            rest = min([until, *(due for due, _ in self._errands)]) - time.monotonic()
            if rest <= 0:
                return
            self._change.wait(rest)

    def _take_errands(self) -> list[Callable[[], None]]:
        """The ones that are due."""
        with self._change:
            now = time.monotonic()
            taken = [errand for due, errand in self._errands if due <= now]
            self._errands = [later for later in self._errands if later[0] > now]
        return taken

    def _write(self) -> None:
        with self._change:
            frame, self._is_fresh = self._frame, False
        if frame is None:
            return
        # The first frame is at 0: it is what was shown when the film began.
        at = 0 if self._last < 0 else max(self._last + 1, round(self.seconds * 1000))
        self._put(encoding.block(at, frame))
        self._last = at
        self._sample.take(at / 1000, frame)

    def _put(self, data: bytes) -> None:
        self._listen()
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _listen(self) -> None:
        """Take what ffmpeg says, so that it never waits for somebody to."""
        assert self._process.stderr is not None
        with suppress(BlockingIOError):
            while said := os.read(self._process.stderr.fileno(), 4_096):
                self._said = (self._said + said)[-_MOST_SAID:]

    def _close(self) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stderr is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(OSError):
            self._listen()
        process.stderr.close()
        if self._said:
            said = self._said.decode(errors="replace").splitlines()
            _log.info("ffmpeg said", status=process.returncode, lines=said[-3:])

    def _verdict(self) -> Ending:
        """Why ffmpeg ended by itself."""
        if self._process.returncode == -signal.SIGXFSZ or b"No space left" in self._said:
            return "storage_full"
        if b"quota exceeded" in self._said or b"File too large" in self._said:
            return "storage_full"
        return "encoder_failed" if self._process.returncode else "size_limit"


def _started(command: list[str], path: Path) -> subprocess.Popen[bytes]:
    """ffmpeg, in a session of its own: a Ctrl-C for the server must not cut its file off."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(path, flags, 0o600)
    except OSError as exc:
        raise StorageFull("the recording's file can't be made") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(lock,),
        )
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(lock)
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    return process
