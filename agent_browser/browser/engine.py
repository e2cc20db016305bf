"""What the pool and sessions know of a browser: protocols, options and facts, without Playwright.

`browser/chromium.py` keeps them with Playwright, `tests/fakes` with a page model in memory; one
contract
suite runs on both. Errors are those of `agent_browser.errors`; nothing of Playwright's passes this
line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from agent_browser.browser.veil import Veil
from agent_browser.models.artifacts import Chapter, DownloadState, EarlyEnd
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import Loss, State
from agent_browser.models.dialogs import WaitingChooser, WaitingDialog
from agent_browser.models.egress import Traffic
from agent_browser.models.events import EventType
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
from agent_browser.quotas.meter import Meter
from agent_browser.service import Image

DEFAULT_WIDTH = 1280
DEFAULT_HEIGHT = 720

PROXY = ("proxy_url", "proxy_username", "proxy_password")
ONLY_NEW = (
    "record_video", *PROXY, "device", "device_scale_factor", "is_mobile", "profile",
)  # fmt: skip
"""Options of `ContextOptions` that only a new context can take. The others a context in use takes
too.
"""
KEPT = ("locale", "timezone", "has_touch", "javascript_enabled")
"""Of those, the ones that a context keeps if it was made with another value than the usual one."""
NEEDS_OWN_CONTEXT = (
    "record_video", "device", "device_scale_factor", "is_mobile", *KEPT, "user_agent",
    "show_cursor", "http_credentials", "color_scheme", "reduced_motion", "forced_colors",
    "contrast",
)  # fmt: skip
"""Options that a context must be made with. Taken later they would come too late for the first
scripts of a popup: only a caller that asks for that later gets it so.
"""


def _wanted(options: ContextOptions, name: str) -> object:
    """An option's value; None where it is what a context has anyway."""
    value = getattr(options, name)
    usual = name == "javascript_enabled"
    return None if value is usual else value


def needs_own_context(options: ContextOptions) -> bool:
    """Whether a warm context can't serve these options."""
    return any(_wanted(options, name) is not None for name in NEEDS_OWN_CONTEXT)


def changed_only_new(given: ContextOptions, made_with: ContextOptions) -> list[str]:
    """The options given that differ from what the context has and that only a new one takes."""
    return [
        name
        for name in fixed(made_with)
        if getattr(given, name) is not None and _differs(name, given, made_with)
    ]


def _differs(name: str, given: ContextOptions, made_with: ContextOptions) -> bool:
    if name == "has_touch" and made_with.device is not None:
        return given.has_touch != made_with.has_touch  # what is usual is for the device to say
    return _wanted(given, name) != _wanted(made_with, name)


def fixed(made_with: ContextOptions) -> list[str]:
    """The options that stay what they are in a context that was made with these."""
    kept = [name for name in KEPT if _wanted(made_with, name) is not None]
    if made_with.device is not None and "has_touch" not in kept:
        kept.append("has_touch")
    return [*ONLY_NEW, *kept]


@dataclass(frozen=True)
class Video:
    """A video file that is final: nobody writes it any more. `ending` says why what `record` made,
    which has `fps`, ends early; of any other only the file can tell.
    """

    path: Path
    width: int
    height: int
    fps: float | None = None
    chapters: tuple[Chapter, ...] = ()
    ending: EarlyEnd | None = None
    part_of: str | None = None
    """What goes on in another file after a hibernation: the tab of a whole session's video, or the
    name of what `record` began.
    """


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
    optional: bool = False
    """The answer can do without it where there is no space."""


@dataclass(frozen=True)
class Downloading:
    """A download as the browser's side knows it now. `number` is its own in its context."""

    number: int
    name: str
    """As the site proposes it: not yet a name that can be trusted."""
    url: str
    state: DownloadState
    started: datetime
    received: int = 0
    size: int | None = None
    error: str | None = None
    content_type: str = ""
    ended: datetime | None = None
    path: Path | None = None
    """A file that is final and may be moved away, if the state is done."""


@dataclass(frozen=True)
class Upload:
    """A file for the page. Its name there is that of its path."""

    path: Path
    content_type: str | None = None
    """What the caller says that it is."""


@dataclass(frozen=True)
class Secret:
    """A text that is typed, and that nobody is to see. Its value is asked for as it is typed."""

    name: str
    key: str
    """What it is kept under: so it is named where its session sleeps."""
    reveal: Callable[[], str] = field(repr=False)
    allows: Callable[[str], bool] = field(repr=False)
    """Whether it may be typed into a document of that origin."""
    lasting: bool = True
    """False for a code that is another soon."""


@dataclass(frozen=True)
class Done:
    """What a function came to: its output, and the files for the fields of it that are artifacts
    (lists of artifacts where there are several).
    """

    output: FunctionOutput
    files: Mapping[str, Blob | Video | tuple[Blob, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Words:
    """What a person reads in a document, and which one it is."""

    url: str
    title: str
    text: str


@dataclass(frozen=True)
class Page:
    """Where a context is now, as far as known without asking the browser."""

    url: str = ""
    title: str = ""
    tabs: tuple[Tab, ...] = field(default=())
    recording: bool = False
    """Whether a recording was started in it and not stopped since."""


Tell = Callable[[EventType, dict[str, Any]], None]
"""Takes an event of a page: its type and data, without secrets and bounded. Returns at once."""


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
    def url(self) -> str:
        """The page's address alone, asked for around every call."""
        ...

    @property
    def dialog(self) -> WaitingDialog | None:
        """The dialog that waits for an answer; told with every answer, so it must cost nothing."""
        ...

    @property
    def file_chooser(self) -> WaitingChooser | None:
        """The file chooser that waits for files; told with every answer too."""
        ...

    @property
    def veil(self) -> Veil:
        """The secrets that were typed in it. What the other methods tell is not masked by it; a
        recording and what else is shown in the page is.
        """
        ...

    @property
    def opened(self) -> bool:
        """Whether any page was opened in it; until then the other functions say NotOpened."""
        ...

    def on_event(self, tell: Tell) -> None:
        """From now on tell of what happens to its pages: navigated, console, dialog, download,
        tab_opened, tab_closed, crashed.
        """
        ...

    def heed(self, kinds: frozenset[EventType]) -> None:
        """These types are followed now. What costs something to be told is told only meanwhile:
        console. The title in `navigated` is that of the next look at the page while nobody follows.
        """
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
        self,
        input: InteractInput,
        uploads: tuple[Upload, ...] = (),
        secret: Secret | None = None,
    ) -> InteractOutput:
        """Do one action and let the page settle. What can't be done comes back as success false.
        `secret` is what is typed where the input names one; `veil` has it before it is.
        """
        ...

    async def screenshot(self, input: ScreenshotInput) -> Image:
        """A picture. ActionFailed for a target that isn't there."""
        ...

    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        """Run JavaScript in the page."""
        ...

    async def perform(self, input: Input, *, recordings: Path | None = None) -> Done:
        """Do any other function of `models.catalogue`, by its input. ActionFailed for a target that
        isn't there. A video that it begins goes into `recordings`.
        """
        ...

    async def words(self, most: int) -> Words | None:
        """The visible text of the active page's main frame, at most so many characters; None where
        no page was opened or a dialog holds it. `page` has its title then. It may be asked while a
        call is under way. Short of any bound of a call's.
        """
        ...

    def is_plain(self, ref: str) -> bool:
        """Whether the last look showed that ref, and not as a field for secrets; never waits."""
        ...

    async def capture(self, *, thorough: bool = False) -> State:
        """All of it that a checkpoint holds, but for `life`: parts that have not changed since the
        last time are the same objects. Pages see nothing of it. It may be asked while a call is
        under way; `thorough` trusts nothing that was heard meanwhile, and comes last. What could
        not be read is as it was, and told in its losses.
        """
        ...

    async def restore(
        self, state: State, *, within: float, recordings: Path | None = None
    ) -> tuple[Loss, ...]:
        """Bring a state into this context, in which nothing was opened yet: before any script of a
        page runs its storage is there. Tabs keep their ids, refs are not given out again. What is
        not as it was, in the end; a page that does not load within so many seconds is one. What
        `record` had running goes on in a new file in `recordings`.
        """
        ...

    async def unsaved(self) -> tuple[str, ...]:
        """What its pages hold that no checkpoint does: dialog, file_chooser, download, upload,
        websocket, webrtc, beforeunload.
        """
        ...

    async def freeze(self) -> None:
        """Stop the scripts of its pages until `thaw`; they take no processor time. Idempotent."""
        ...

    async def thaw(self) -> None:
        """Let them go on. Any other call but `capture` does so by itself. Idempotent."""
        ...

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back, from the event loop, whenever pages changed what a checkpoint holds without a
        call: they navigated, or stored something.
        """
        ...

    def take_downloads(self) -> tuple[Downloading, ...]:
        """The downloads that ended since this was last asked, and all that run; never waits."""
        ...

    def count(self, meter: Meter) -> None:
        """From now on what it sends and receives counts there too, and nothing passes any more once
        that is spent.
        """
        ...

    @property
    def traffic(self) -> Traffic:
        """What it sent and received so far, by host; of one that is closed, in all."""
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
