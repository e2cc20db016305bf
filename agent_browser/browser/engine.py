"""What the pool and sessions know of a browser: protocols, options and facts, without Playwright.

`browser/chromium.py` keeps them with Playwright, `tests/fakes` with a page model in memory; one
contract
suite runs on both. Errors are those of `agent_browser.errors`; nothing of Playwright's passes this
line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent_browser.models.base import Input
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    ExecuteOutput,
    FunctionOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    SnapshotInput,
    SnapshotOutput,
    Tab,
)
from agent_browser.service import Image

DEFAULT_WIDTH = 1280
DEFAULT_HEIGHT = 720

NEEDS_OWN_CONTEXT = (
    "user_agent", "record_video", "show_cursor", "proxy_url", "proxy_username", "proxy_password",
    "locale", "timezone", "device", "color_scheme",
)  # fmt: skip
"""Options of `ContextOptions` that only a new context can take. The others a context in use takes
too.
"""


def needs_own_context(options: ContextOptions) -> bool:
    """Whether a warm context can't serve these options."""
    return any(getattr(options, name) not in (None, False) for name in NEEDS_OWN_CONTEXT)


@dataclass(frozen=True)
class Video:
    """A video file that is final: complete and closed."""

    path: Path
    width: int
    height: int


@dataclass(frozen=True)
class Closed:
    """What closing a context left behind."""

    videos: tuple[Video, ...] = ()


@dataclass(frozen=True)
class Blob:
    """A file that a function made, for the session to keep as an artifact.

    `data` is its bytes, or the path of a file that is final and may be moved away.
    """

    data: bytes | Path = field(repr=False)
    content_type: str
    filename: str


@dataclass(frozen=True)
class Done:
    """What a function came to: its output, and the files for the fields of it that are artifacts
    (lists of artifacts where there are several).
    """

    output: FunctionOutput
    files: Mapping[str, Blob | tuple[Blob, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Where a context is now, as far as known without asking the browser."""

    url: str = ""
    title: str = ""
    tabs: tuple[Tab, ...] = field(default=())


class Context(Protocol):
    """One session's side of the browser. Calls are made one at a time, by the session.

    Artifacts: outputs that ask for a `screenshot` carry none here; the session adds it with
    `screenshot`.
    A lost browser is BrowserLost, a crashed page PageCrashed, a deadline DeadlineExceeded, at every
    method.
    """

    @property
    def page(self) -> Page:
        """Last known place; never waits."""
        ...

    @property
    def opened(self) -> bool:
        """Whether any page was opened in it; until then the other functions say NotOpened."""
        ...

    async def apply(self, options: ContextOptions) -> None:
        """Take options that a context in use can take (viewport, headers, geolocation, …)."""
        ...

    async def open(self, input: OpenInput) -> OpenOutput:
        """Navigate the active tab, and look. NavigationFailed, InvalidUrl."""
        ...

    async def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        """What can be acted on now. ActionFailed for a `root` that isn't there."""
        ...

    async def interact(
        self, input: InteractInput, uploads: tuple[Path, ...] = ()
    ) -> InteractOutput:
        """Do one action and let the page settle. What can't be done comes back as success false."""
        ...

    async def screenshot(self, input: ScreenshotInput) -> Image:
        """A picture. ActionFailed for a target that isn't there."""
        ...

    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        """Run JavaScript in the page."""
        ...

    async def perform(self, input: Input) -> Done:
        """Do any other function of `models.catalogue`, by its input. ActionFailed for a target that
        isn't there.
        """
        ...

    async def close(self) -> Closed:
        """Close it and finish its videos. Idempotent, bounded, and a success if the browser is
        gone.
        """
        ...


class Browser(Protocol):
    """One browser process."""

    @property
    def pid(self) -> int | None:
        """Its process id, where it is known."""
        ...

    async def new_context(
        self, options: ContextOptions, *, recordings: Path | None = None
    ) -> Context:
        """A virgin context with a blank page ready. Videos, if asked for, go into `recordings`."""
        ...

    def is_alive(self) -> bool:
        """Whether the process runs and is connected, as the system tells it; never waits."""
        ...

    async def probe(self) -> str:
        """Product and version, asked of the browser itself. BrowserLost, DeadlineExceeded."""
        ...

    def memory(self) -> int:
        """Bytes of memory (PSS where the system tells, else RSS) of its whole process tree; 0 when
        gone.
        """
        ...

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call back once, from the event loop, when the process or the connection to it is gone."""
        ...

    async def close(self) -> None:
        """End the process and its group. Idempotent, bounded; leaves no process and no folder."""
        ...


class Engine(Protocol):
    """How browsers are started. An async context manager, entered and left by one task."""

    async def __aenter__(self) -> "Engine": ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def launch(self) -> Browser:
        """Start one browser process. BrowserMissing, with the cure, where none starts."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know, such as a sandbox that is off."""
        ...
