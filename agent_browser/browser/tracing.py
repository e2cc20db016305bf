"""Playwright's traces of a context: bounded in size, and without what is the server's own."""

import re
import secrets
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread
import structlog
from anyio import from_thread
from anyio.lowlevel import current_token
from playwright.async_api import Error

from agent_browser.browser.engine import Blob, Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.translate import is_gone
from agent_browser.errors import (
    AlreadyTracing,
    BrowserLost,
    NotTracing,
    StorageFull,
)
from agent_browser.models.recording import TraceInput, TraceOutput

MOST_BYTES = 268_435_456
"""Bytes that the traces of one browser process may take while they run. What is over ends them."""
LOOK_EVERY = 1.0
_STACKS = "trace.stacks"
"""Where in the server's code each call was made: nobody's business."""
_SERVERS_PATHS = re.compile(rb'/[^"\\]*?agent-browser-scratch-[^/"\\]+/(?:\d+/)?')
_STORED = (".jpeg", ".jpg", ".png", ".webp")
_log = structlog.get_logger(__name__)

_users: Counter[Path] = Counter()
"""Traces that run, by the folder that they are written to: a browser's traces share files."""


class Tracer:
    """A context's tracer: at most one trace runs."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._folder: Path | None = None
        """Where the trace that runs is written to."""
        self._scale: _Scale | None = None
        self._cut: Path | None = None
        """A trace that was ended because it was too large, for who stops it."""
        self._is_stray = False
        """A start was broken off: a trace may run that nobody was told of."""
        self._began = 0.0
        self._ended = 0.0
        self._lock = anyio.Lock()

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    @property
    def _is_there(self) -> bool:
        return self._runs or self._cut is not None

    @property
    def _runs(self) -> bool:
        return self._folder is not None and not self._is_stray

    async def start(self, input: TraceInput) -> Done:
        """Begin. AlreadyTracing."""
        folder = self._reach.traces
        if self._is_there:
            raise AlreadyTracing
        if folder is None:
            raise StorageFull("there is no folder for traces")
        async with self._lock:
            await self._end_stray()
            self._folder = folder
            _users[folder] += 1
            token = current_token()
            self._scale = _Scale(folder, lambda: _from_thread(self._too_large, token))
            # Until the driver says otherwise, it may have begun.
            self._is_stray = True
            await self._reach.context.tracing.start(
                name=secrets.token_hex(8),
                title=input.title,
                screenshots=input.screenshots is not False,
                snapshots=input.snapshots is not False,
                sources=False,
            )
            self._is_stray = False
            self._began, self._ended = time.monotonic(), 0.0
        return Done(self._told(input))

    async def _end_stray(self) -> None:
        """End the trace that nobody was told of, if there is one. Called with the lock held."""
        if not self._is_stray or self._folder is None:
            return
        with suppress(Error):  # it never began
            await self._reach.context.tracing.stop()
        self._is_stray = False
        await self._done_with(self._folder)

    async def stop(self, input: TraceInput) -> Done:
        """End it and hand the zip over. NotTracing; StorageFull where it can't be written."""
        if not self._is_there:
            raise NotTracing
        with anyio.CancelScope(shield=True):
            async with self._lock:
                cut, self._cut = self._cut, None
                made = cut or await self._save()
        output = self._told(input)
        if cut is not None:
            output.partial = True
            output.message = (
                f"it ends early: traces have {MOST_BYTES} bytes at most while they run. Leave "
                "snapshots or screenshots out, or trace a shorter time."
            )
        return Done(output, {"trace": Blob(made, "application/zip", "trace.zip")})

    async def status(self, input: TraceInput) -> Done:
        """Whether one runs."""
        return Done(self._told(input))

    async def close(self) -> None:
        """The context is being closed: a trace that was not stopped is dropped."""
        folder, cut = self._folder, self._cut
        if cut is not None:
            cut.unlink(missing_ok=True)
        if folder is None:
            return
        try:
            await self._reach.context.tracing.stop()
        finally:
            with anyio.CancelScope(shield=True):
                await self._done_with(folder)

    def _told(self, input: TraceInput) -> TraceOutput:
        until = self._ended or time.monotonic()
        return TraceOutput(
            action=input.action,
            tracing=self._runs,
            seconds=round(until - self._began, 3) if self._began else 0.0,
        )

    async def _too_large(self) -> None:
        async with self._lock:
            if self._is_stray:
                await self._end_stray()
            elif self._folder is not None:
                _log.info("a trace is ended: too large")
                self._cut = await self._save()

    async def _save(self) -> Path:
        """Stop, and make the zip. Called with the lock held."""
        folder = self._folder
        if folder is None:
            raise NotTracing
        path = folder.parent / f"trace-{secrets.token_hex(8)}.zip"
        self._ended = time.monotonic()
        try:
            await self._reach.context.tracing.stop(path=path)
            await anyio.to_thread.run_sync(_clean, path)
        except (Error, OSError, zipfile.BadZipFile) as exc:
            await anyio.to_thread.run_sync(_remove, path)
            if isinstance(exc, Error) and is_gone(exc):
                raise BrowserLost from exc
            _log.warning("a trace could not be written", reason=type(exc).__name__)
            raise StorageFull("the trace could not be written") from exc
        finally:
            await self._done_with(folder)
        return path

    async def _done_with(self, folder: Path) -> None:
        """No trace runs. The last one of a browser takes the folder with it."""
        if self._scale is not None:
            self._scale.stop()
        self._scale = self._folder = None
        _users[folder] -= 1
        if _users[folder] > 0:
            return
        del _users[folder]
        # Renamed before any await: who starts a trace meanwhile has a folder of its own.
        going = _put_aside(folder)
        if going is not None:
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(going, ignore_errors=True))


class _Scale:
    """Looks at a folder's size every second, and tells once when it is too much."""

    def __init__(self, folder: Path, tell: Callable[[], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="trace", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY):
            if _bytes_in(self._folder) > MOST_BYTES:
                self._tell()
                return


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _clean(path: Path) -> None:
    """Take out of the zip what tells of the server: call stacks, and where its files are."""
    fresh = path.with_suffix(".clean")
    try:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(fresh, "w") as new:
            for entry in old.infolist():
                if entry.filename == _STACKS:
                    continue
                data = old.read(entry)
                if entry.filename.endswith((".trace", ".network")):
                    data = _SERVERS_PATHS.sub(b"", data)
                packed = not entry.filename.endswith(_STORED)
                kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
                new.writestr(entry.filename, data, kind, compresslevel=1)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _put_aside(folder: Path) -> Path | None:
    going = folder.with_name(f"{folder.name}-{secrets.token_hex(4)}")
    try:
        folder.rename(going)
    except OSError:
        return None
    return going


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _from_thread(work: Any, token: Any) -> None:
    try:
        from_thread.run(work, token=token)
    except Exception:
        _log.exception("a trace that was too large could not be ended")


@register(TraceInput)
async def trace(reach: Reach, input: TraceInput) -> Done:
    """Start, stop, or tell of a trace."""
    done: Done = await getattr(reach.part(Tracer), input.action)(input)
    return done


BESIDE.add(TraceInput)
