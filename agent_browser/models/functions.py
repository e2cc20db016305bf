"""The functions' inputs and outputs. Names and defaults are the wire format."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent_browser.models.artifacts import Artifact
from agent_browser.models.base import Duration, Input, Output

WaitUntil = Literal["domcontentloaded", "load", "networkidle", "commit"]

Url = Annotated[str, Field(min_length=1, max_length=32_768)]
Text = Annotated[str, Field(max_length=1_000_000)]
Selector = Annotated[str, Field(min_length=1, max_length=4_096)]
Pixels = Annotated[int, Field(ge=1, le=16_384)]


class Geolocation(Input):
    """A position that the page's geolocation reports."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    accuracy: float = Field(default=0, ge=0)
    """Metres."""


class ContextOptions(Input):
    """What a session's browser context is made with. An absent option has its default, or keeps its
    value.
    """

    width: Pixels | None = Field(
        default=None, description="Viewport width in px; 1280 for a new session."
    )
    height: Pixels | None = Field(
        default=None, description="Viewport height in px; 720 for a new session."
    )
    user_agent: Annotated[str, Field(min_length=1, max_length=2_048)] | None = None
    record_video: bool | None = Field(
        default=None, description="Record every tab; `close` returns the video."
    )
    show_cursor: bool | None = Field(
        default=None, description="Show the mouse in videos and screenshots."
    )
    proxy_url: Annotated[str, Field(min_length=1, max_length=2_048)] | None = Field(
        default=None, description="http://, https:// or socks5:// proxy of this session."
    )
    proxy_username: Annotated[str, Field(max_length=1_024)] | None = None
    proxy_password: (
        Annotated[str, Field(max_length=1_024, json_schema_extra={"format": "password"})] | None
    ) = Field(default=None, repr=False)
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] | None = None
    timezone: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="IANA name, such as Europe/Zurich."
    )
    geolocation: Geolocation | None = None
    permissions: list[Annotated[str, Field(max_length=64)]] | None = Field(
        default=None, max_length=32
    )
    color_scheme: Literal["light", "dark", "no-preference"] | None = None
    device: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="A Playwright device name, such as 'iPhone 15'."
    )
    extra_headers: dict[str, str] | None = Field(default=None, max_length=64, repr=False)
    storage_state: dict[str, Any] | None = Field(
        default=None, repr=False, description="Playwright's storage_state format."
    )

    @model_validator(mode="after")
    def _proxy_is_whole(self) -> "ContextOptions":
        if self.proxy_url is None and (
            self.proxy_username is not None or self.proxy_password is not None
        ):
            raise ValueError("proxy_username and proxy_password need proxy_url")
        return self


class OpenInput(ContextOptions):
    """Go to a page; in a new session, with what its context is made with."""

    url: Url = Field(
        description="http(s) address, about:blank or data:; https:// is put before a bare host."
    )
    wait_until: WaitUntil = "domcontentloaded"
    timeout: Duration = 30.0
    screenshot: bool = False


class SnapshotInput(Input):
    """What can be acted on, in document order, over all frames and open shadow roots."""

    limit: int = Field(default=200, ge=1, le=10_000)
    offset: int = Field(default=0, ge=0)
    query: Annotated[str, Field(max_length=1_024)] | None = Field(
        default=None, description="Only elements whose line contains this text (case ignored)."
    )
    root: Selector | None = Field(default=None, description="A ref or selector to look below.")
    tree: bool = Field(
        default=False, description="Also Playwright's aria tree as text, with the same refs."
    )
    delta: bool = Field(
        default=False, description="Also what changed since the session's last snapshot."
    )
    boxes: bool = False
    screenshot: bool = False


ActionName = Literal[
    "click", "dblclick", "right_click", "tap", "type", "fill", "clear", "focus", "press",
    "select", "hover", "check", "uncheck", "drag", "upload", "scroll", "back", "forward",
    "reload", "wait", "goto", "move", "down", "up", "wheel", "set_viewport",
    "tab_new", "tab_switch", "tab_close",
]  # fmt: skip


class UploadFile(Input):
    """A file's name and its bytes in base64."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    base64: str = Field(repr=False)
    content_type: Annotated[str, Field(max_length=128)] | None = None


class InteractInput(Input):
    """One action. `ref` is `@e7`, `e7`, `ref=e7` or a Playwright selector."""

    action: ActionName
    ref: Selector | None = None
    text: Text | list[Text] | None = Field(
        default=None, description="Text for type and fill, a key for press, option(s) for select."
    )
    direction: Literal["up", "down", "left", "right"] | None = None
    scroll_amount: int | None = Field(
        default=None, ge=0, le=1_000_000, description="px; 400 if absent."
    )
    wait_ms: int | None = Field(default=None, ge=0, le=600_000, description="ms; 1000 if absent.")
    text_gone: Text | None = Field(default=None, description="wait: until this text is gone.")
    selector: Selector | None = Field(default=None, description="wait: until it is in `state`.")
    state: Literal["attached", "detached", "visible", "hidden"] | None = None
    load_state: Literal["load", "domcontentloaded", "networkidle"] | None = None
    function: Text | None = Field(
        default=None, description="wait: until this JavaScript is truthy."
    )
    url: Url | None = Field(
        default=None, description="goto, tab_new: address; wait: glob of the URL."
    )
    target_ref: Selector | None = None
    file_paths: list[str] | None = Field(default=None, max_length=64)
    files: list[UploadFile] | None = Field(default=None, max_length=64)
    x: float | None = None
    y: float | None = None
    tab: Annotated[str, Field(pattern=r"^t\d{1,9}$")] | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    timeout: Duration | None = Field(
        default=None, description="5 s if absent; 30 s for goto and reload."
    )
    snapshot: bool | Literal["delta"] = True
    screenshot: bool = False


class ScreenshotInput(Input):
    """A picture of the page, of an element, or of the whole document."""

    full_page: bool = False
    ref: Selector | None = None
    selector: Selector | None = None
    type: Literal["png", "jpeg", "webp"] = "png"
    quality: int | None = Field(
        default=None, ge=0, le=100, description="jpeg and webp; 80 if absent."
    )
    annotate: bool = Field(default=False, description="Numbered boxes; the numbers are refs.")


class ExecuteInput(Input):
    """JavaScript to run in the page: an expression, statements, or a function."""

    code: Annotated[str, Field(min_length=1, max_length=5_000_000)]
    timeout: Duration = 30.0


class CloseInput(Input):
    """Nothing is needed."""


class Box(Output):
    """CSS pixels in the main frame's viewport."""

    x: float
    y: float
    width: float
    height: float


class Element(Output):
    """Something a person could act on."""

    ref: str
    desc: str
    tag: str
    text: str = ""
    role: str | None = None
    name: str | None = None
    href: str | None = None
    input_type: str | None = None
    value: str | None = None
    checked: bool | None = None
    disabled: bool | None = None
    frame: str | None = None
    """URL of the frame that holds it; null in the main frame."""
    box: Box | None = None


class Dialog(Output):
    """A dialog that the page showed, and what was done with it."""

    type: Literal["alert", "confirm", "prompt", "beforeunload"]
    message: str
    response: Literal["accepted", "dismissed"]


class Tab(Output):
    """A tab of the session. `id` is never given out twice in a session."""

    id: str
    url: str
    title: str
    active: bool
    opener: str | None = None


class Delta(Output):
    """What changed since the session's last snapshot."""

    added: list[Element]
    removed: list[str]
    """Refs."""
    changed: list[Element]


class PageState(Output):
    """A page and what can be acted on in it."""

    url: str
    title: str
    elements: list[Element] = []
    elements_text: str = ""
    total: int = 0
    """How many elements there are before `limit` and `offset`, after `query` and `root`."""
    tree: str | None = None
    delta: Delta | None = None
    screenshot: Artifact | None = None
    downloads: list[Artifact] = []
    dialogs: list[Dialog] = []
    tabs: list[Tab] = []


class FunctionOutput(Output):
    """What every function's answer has."""

    session_id: str = ""


class OpenOutput(FunctionOutput, PageState):
    """Where the session is after going there."""

    status: int | None = None
    """HTTP status of the page, or null where there is none (about:blank, data:)."""


class SnapshotOutput(FunctionOutput, PageState):
    """What can be acted on now."""

    status: int | None = None


class InteractOutput(FunctionOutput):
    """What came of an action. An action that could not be done has `success` false, and `message`
    says why.
    """

    success: bool
    action: str
    message: str | None = None
    code: str | None = None
    snapshot: PageState | None = None
    screenshot: Artifact | None = None
    url: str = ""
    title: str = ""
    downloads: list[Artifact] = []
    dialogs: list[Dialog] = []
    new_tabs: list[Tab] = []


class ScreenshotOutput(FunctionOutput):
    """A picture; width and height are the picture's own."""

    screenshot: Artifact
    width: int
    height: int


class ExecuteOutput(FunctionOutput):
    """What the code came to. `error` is the page's own; the call is a success all the same."""

    result: str | None = None
    """JSON text of the value; strings as they are; null for none."""
    value: Any = None
    error: str | None = None


class CloseOutput(FunctionOutput):
    """The session is ended, or was already."""

    success: bool = True
    video: Artifact | None = None
    videos: list[Artifact] = []


class FunctionCall(Input):
    """The body of `POST /v1/functions/{function}`."""

    session: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description='"new", a session\'s id, or null for a session of this one call.'
    )
    session_timeout: Duration | None = Field(
        default=None, description="Idle timeout of a new session."
    )
    input: dict[str, Any] = {}
